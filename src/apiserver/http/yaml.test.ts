// YAML answers, as a genuine API server wrote them.
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { encodeYaml } from './yaml.ts';

const words = 'word '.repeat(20).trim();

test.each<[unknown, string]>([
  ['', '""'],
  ['1.0', '"1.0"'],
  ['0x10', '"0x10"'],
  ['1_000', '"1_000"'],
  ['12:30', '"12:30"'],
  ['2020-01-01', '"2020-01-01"'],
  ['2020-13-01', '2020-13-01'],
  ['1.2.3', '1.2.3'],
  ['tRUE', 'tRUE'],
  ['.', '.'],
  ['---', "'---'"],
  ['- a', "'- a'"],
  ['-a', '-a'],
  ['a: b', "'a: b'"],
  ['a:b', 'a:b'],
  ['a #b', "'a #b'"],
  ["it's", "it's"],
  ["'a", "'''a'"],
  [' a', "' a'"],
  ['a\tb', '"a\\tb"'],
  ['a\u00a0b', 'a\u00a0b'],
  ['\ufeff', '"\\uFEFF"'],
  ['\u0007', '"\\a"'],
  ['a\nb', '|-\n  a\n  b'],
  ['a\nb\n', '|\n  a\n  b'],
  ['a\n\n', '|+\n  a\n'],
  [' a\nb', '|2-\n   a\n  b'],
  ['a \nb', '"a \\nb"'],
  [`${words} word`, `${words.slice(0, 79)}\n  ${words.slice(80)} word`],
  [1e21, '1e+21'],
  [1.5, '1.5'],
  [123456789.125, '1.23456789125e+08'],
  [1e-7, '1e-07'],
  [[], '[]'],
  [{}, '{}'],
  [null, 'null'],
])('%j is written %j', (value, text) => {
  const yaml = encodeYaml({ k: value });
  expect(yaml).toBe(`k: ${text}\n`);
  // The reader of these tests takes a lone dot for a number, and a month of 13 for a date.
  if (text !== '.' && text !== '2020-13-01') expect(parse(yaml, { schema: 'yaml-1.1' })).toEqual({ k: value });
});

test('lists stand below their names, lists of lists and maps in their items', () => {
  const value = { a: [1, [2, 3], { b: [], c: { d: 'e' } }], z: { y: [{ x: null }] } };
  expect(encodeYaml(value)).toBe(
    ['a:', '- 1', '- - 2', '  - 3', '- b: []', '  c:', '    d: e', 'z:', '  "y":', '  - x: null', ''].join('\n'),
  );
});

test('keys are sorted with numbers as numbers, letters last', () => {
  const keys = ['a10', 'a2', 'a', 'a-b', 'a.b', 'B', '_', '10', '2', 'aB', 'a-10', 'a-2'];
  expect(
    encodeYaml(Object.fromEntries(keys.map((key) => [key, 1])))
      .match(/^"?([^":]+)"?:/gm)
      ?.join(''),
  ).toBe('_:"2":"10":B:a:a-2:a-10:a-b:a.b:a2:a10:aB:');
});

test('long keys stand apart from their values', () => {
  const key = 'c'.repeat(129);
  expect(encodeYaml({ [key]: 'v' })).toBe(`? ${key}\n: v\n`);
});

test('fields that are not set are left out', () => {
  expect(encodeYaml({ a: undefined, b: { c: undefined } })).toBe('b: {}\n');
});
