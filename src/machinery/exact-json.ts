// JSON in which integers keep all their digits: those of Go's int64 that a JavaScript number cannot hold are bigints, in values and in texts.
// Source: https://pkg.go.dev/sigs.k8s.io/json (integers are int64 where they fit, float64 where they do not)

import { isJsonObject } from './object.ts';

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

/** What the digits of an integer stand for: a bigint only where a number is not exact, a number again where Go takes a float. */
export function exactInteger(text: string): number | bigint {
  const number = Number(text);
  if (Number.isSafeInteger(number)) return number;
  return exactBigint(BigInt(text));
}

/** The same of an integer that is there already. */
export function exactBigint(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) || value < MIN || value > MAX ? number : value;
}

// While a text is made, toJSON tells that there was a bigint, and writes it with the mark that is set.
let met = false;
let mark: string | undefined;

// Without it JSON.stringify throws. Who writes JSON past `jsonText` gets the nearest number, as everywhere in JavaScript.
Object.defineProperty(BigInt.prototype, 'toJSON', {
  value: function toJSON(this: bigint): unknown {
    met = true;
    return mark === undefined ? Number(this) : `${mark}${this}`;
  },
  writable: true,
  configurable: true,
});

/** A text that is no part of another. */
function markFor(text: string): string {
  let free = 'int64:';
  while (text.includes(free)) free = `_${free}`;
  return free;
}

/** JSON.stringify with every digit of bigints. As fast as that where there is none. */
export function jsonText(value: unknown, space?: number): string {
  met = false;
  const text = JSON.stringify(value, undefined, space);
  if (!met) return text;
  mark = markFor(text);
  try {
    return JSON.stringify(value, undefined, space).replace(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1');
  } finally {
    mark = undefined;
  }
}

/** An integer of so many digits may be more than a number holds. That it may stand in a string only costs time. */
const LONG = /(?:^|[[:,\s])-?[1-9]\d{15}/;
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONG_INTEGER = /^-?\d{16,}$/;

/** JSON.parse with bigints for integers that need one. As fast as that where there is none. */
export function parseExact(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!LONG.test(text)) return value;
  // Of what the strings say, not of how they are written: an escape must not make a mark.
  const free = markFor(JSON.stringify(value));
  let found = false;
  const marked = text.replace(TOKENS, (token) => {
    if (!LONG_INTEGER.test(token) || typeof exactInteger(token) === 'number') return token;
    found = true;
    return `"${free}${token}"`;
  });
  if (!found) return value;
  return unmarked(JSON.parse(marked), free);
}

/** Whether integers may be in a JSON text that only `parseExact` reads as they are. */
export function mayHoldLong(text: string): boolean {
  return LONG.test(text);
}

/** Puts bigints in the place of marked texts. Changes the value in place. */
function unmarked(value: unknown, free: string): unknown {
  if (typeof value === 'string') return value.startsWith(free) ? BigInt(value.slice(free.length)) : value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = unmarked(value[i], free);
  } else if (isJsonObject(value)) {
    for (const key of Object.keys(value)) {
      const before = value[key];
      const after = unmarked(before, free);
      // Assigned to, `__proto__` would be another prototype.
      if (after === before) continue;
      if (key !== '__proto__') value[key] = after;
      else Object.defineProperty(value, key, { value: after, writable: true, enumerable: true, configurable: true });
    }
  }
  return value;
}
