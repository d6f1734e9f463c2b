// Values and texts that mean harm, and changes that turn a good object into a bad one.
import type { Chance } from './random.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const TEXTS = [
  '',
  ' ',
  '0',
  '-1',
  '1e999',
  'true',
  'null',
  '..',
  '../../etc/passwd',
  'a/b',
  'A_b.c-d',
  '-a',
  'a-',
  'é',
  '\u0000',
  '\u202e',
  '\ud800',
  '"',
  "'",
  '\\',
  '$(x)',
  '%s%n',
  '%2e%2e',
  '1Gi',
  '1.5m',
  '100e3',
  '9999999999999999999999',
  '2024-01-01T00:00:00Z',
  '0000-00-00',
  '10.0.0.1',
  '::1',
  '10.0.0.0/33',
  'http://',
  'a'.repeat(64),
  'a.'.repeat(130),
  'x'.repeat(300),
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
];
const NUMBERS = [
  0, -0, 1, -1, 1.5, 80, 65536, 2147483647, 2147483648, -2147483649, 9007199254740992, 1e21, -1e300, 5e-324,
];
const KEYS = [
  'a',
  '',
  '__proto__',
  'constructor',
  'prototype',
  'name',
  'metadata',
  'spec',
  'a/b',
  'a.b/c',
  '$patch',
  'é',
  'x'.repeat(254),
];

export function text(chance: Chance): string {
  return chance.pick(TEXTS);
}

export function setKey(object: { [key: string]: Json }, key: string, value: Json): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

export function value(chance: Chance, depth = 0): Json {
  const kind = chance.below(depth > 3 ? 4 : 6);
  if (kind === 0) return null;
  if (kind === 1) return chance.happens(0.5);
  if (kind === 2) return chance.pick(NUMBERS);
  if (kind === 3) return text(chance);
  if (kind === 4) return Array.from({ length: chance.below(4) }, () => value(chance, depth + 1));
  const object: { [key: string]: Json } = {};
  for (let i = chance.below(4); i > 0; i--) setKey(object, chance.pick(KEYS), value(chance, depth + 1));
  return object;
}

/** Of the same type more often than not: the wrong type is found out first, and hides what comes after. */
function other(chance: Chance, good: Json): Json {
  if (chance.happens(0.3)) return value(chance);
  if (typeof good === 'string') return text(chance);
  if (typeof good === 'number') return chance.pick(NUMBERS.filter(Number.isInteger));
  return typeof good === 'boolean' ? !good : value(chance);
}

/** Changes one place somewhere in a copy of a value. */
export function spoil(chance: Chance, good: Json): Json {
  if (typeof good !== 'object' || good === null) return other(chance, good);
  if (chance.happens(0.05)) return value(chance);
  if (Array.isArray(good)) {
    const list = [...good];
    const at = chance.below(list.length + 1);
    if (at === list.length) list.push(chance.happens(0.5) && list[0] !== undefined ? list[0] : value(chance));
    else if (chance.happens(0.2)) list.splice(at, 1);
    else list[at] = spoil(chance, list[at] ?? null);
    return list;
  }
  const object = { ...good };
  const keys = Object.keys(object);
  if (keys.length === 0 || chance.happens(0.15)) {
    setKey(object, chance.pick(KEYS), value(chance));
    return object;
  }
  const key = chance.pick(keys);
  if (chance.happens(0.1)) delete object[key];
  else setKey(object, key, spoil(chance, object[key] ?? null));
  return object;
}

/** Numbers as JSON.stringify does not spell them, and integers of more bits than its numbers have. */
const SPELLINGS = [
  '1.0',
  '1e3',
  '-0',
  '0.10',
  '1E400',
  '4294967297',
  '9007199254740993',
  '-9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  '1000000000000000000000000',
];

function respelled(chance: Chance, json: string): string {
  return json.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g, (token) =>
    token.startsWith('"') || chance.happens(0.7) ? token : chance.pick(SPELLINGS),
  );
}

/** JSON, now and then broken. */
export function body(chance: Chance, given: Json): string {
  const plain = JSON.stringify(given);
  const json = chance.happens(0.3) ? respelled(chance, plain) : plain;
  if (!chance.happens(0.05)) return json;
  const at = chance.below(json.length + 1);
  return chance.happens(0.5) ? json.slice(0, at) : json.slice(0, at) + text(chance) + json.slice(at);
}
