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

/** A number as it was spelled: where its own value would not tell, as of `1.0`, or would be another. */
export class NumberText {
  constructor(readonly text: string) {}

  get value(): number | bigint {
    return INTEGER.test(this.text) ? exactInteger(this.text) : Number(this.text);
  }

  toJSON(): unknown {
    met = true;
    return mark === undefined ? Number(this.text) : `${mark}${this.text}`;
  }
}

const INTEGER = /^-?\d+$/;

/** What the spelling of a number stands for: itself, when its value is written in another way. */
export function spelledNumber(text: string): number | NumberText {
  const value = Number(text);
  const exact = Number.isSafeInteger(value) || !Number.isInteger(value);
  return exact && String(value) === text ? value : new NumberText(text);
}

// While a text is made, toJSON tells that there was a bigint or a spelled number, and writes it with the mark that is set.
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

/** JSON.stringify with every digit of bigints and spelled numbers. As fast as that where there is none. */
export function jsonText(value: unknown, space?: number): string {
  met = false;
  const text = JSON.stringify(value, undefined, space);
  if (!met) return text;
  mark = markFor(text);
  try {
    return JSON.stringify(value, undefined, space).replace(new RegExp(`"${mark}([-+.\\deE]+)"`, 'g'), '$1');
  } finally {
    mark = undefined;
  }
}

/** An integer of so many digits may be more than a number holds. That it may stand in a string only costs time. */
const DIGITS = /\d{16}/;
const LONG = /(?:^|[[:,\s])-?[1-9]\d{15}/;
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONG_INTEGER = /^-?\d{16,}$/;
/** A point or an exponent behind a digit, a zero with a sign, or many digits. */
const ODD = /\d[.eE]|[[:,\s]-0|\d{16}/;

/** JSON.parse with bigints for integers that need one. As fast as that where there is none. */
export function parseExact(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return mayHoldLong(text) ? marking(text, value, exactToken) : value;
}

/** The same with `NumberText` for numbers that are spelled in another way than JavaScript does, and integers of more than 64 bits among them. */
export function parseSpelled(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return ODD.test(text) ? marking(text, value, spelledToken) : value;
}

type Special = bigint | NumberText;

function exactToken(token: string): Special | undefined {
  if (!LONG_INTEGER.test(token)) return undefined;
  const value = exactInteger(token);
  return typeof value === 'bigint' ? value : undefined;
}

function spelledToken(token: string): Special | undefined {
  if (token.startsWith('"')) return undefined;
  const value = spelledNumber(token);
  return typeof value === 'number' ? undefined : (exactToken(token) ?? value);
}

/** The value of a text with what `special` makes of its tokens; `value` is that of the text without it. */
function marking(text: string, value: unknown, special: (token: string) => Special | undefined): unknown {
  // Of what the strings say, not of how they are written: an escape must not make a mark.
  const free = markFor(JSON.stringify(value));
  const found: Special[] = [];
  const marked = text.replace(TOKENS, (token) => {
    const one = special(token);
    return one === undefined ? token : `"${free}${found.push(one) - 1}"`;
  });
  return found.length === 0 ? value : unmarked(JSON.parse(marked), free, found);
}

/** Whether integers may be in a JSON text that only `parseExact` reads as they are. */
export function mayHoldLong(text: string): boolean {
  return DIGITS.test(text) && LONG.test(text);
}

/** Puts what was found in the place of marked texts. Changes the value in place. */
function unmarked(value: unknown, free: string, found: readonly Special[]): unknown {
  if (typeof value === 'string') return value.startsWith(free) ? found[Number(value.slice(free.length))] : value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = unmarked(value[i], free, found);
  } else if (isJsonObject(value)) {
    for (const key of Object.keys(value)) {
      const before = value[key];
      const after = unmarked(before, free, found);
      // Assigned to, `__proto__` would be another prototype.
      if (after === before) continue;
      if (key !== '__proto__') value[key] = after;
      else Object.defineProperty(value, key, { value: after, writable: true, enumerable: true, configurable: true });
    }
  }
  return value;
}
