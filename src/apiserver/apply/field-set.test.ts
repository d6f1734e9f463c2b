// The algebra of field sets.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  difference,
  EMPTY,
  type FieldSet,
  intersection,
  readFieldSet,
  recursiveDifference,
  sameSet,
  setOfPaths,
  union,
} from './field-set.ts';
import { memberPaths } from './path-element.ts';

const step = fc.constantFrom('a', 'b', 'c');
const sets = fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 6 });

/** A set as the plain set of its paths: what the algebra has to agree with. */
function paths(set: FieldSet): Set<string> {
  return new Set(memberPaths(set));
}

function minus(a: Set<string>, b: Set<string>): Set<string> {
  return new Set([...a].filter((path) => !b.has(path)));
}

describe('field sets', () => {
  test('agree with sets of paths', () => {
    fc.assert(
      fc.property(sets, sets, (x, y) => {
        const [a, b] = [setOfPaths(x), setOfPaths(y)];
        expect(paths(union(a, b))).toEqual(new Set([...paths(a), ...paths(b)]));
        expect(paths(difference(a, b))).toEqual(minus(paths(a), paths(b)));
        expect(paths(intersection(a, b))).toEqual(minus(paths(a), minus(paths(a), paths(b))));
        const below = (path: string): boolean => [...paths(b)].some((p) => path === p || path.startsWith(`${p}.`));
        expect(paths(recursiveDifference(a, b))).toEqual(new Set([...paths(a)].filter((path) => !below(path))));
      }),
    );
  });

  test('do not change when they are combined', () => {
    fc.assert(
      fc.property(sets, sets, (x, y) => {
        const [a, b] = [setOfPaths(x), setOfPaths(y)];
        const before = JSON.stringify([a, b]);
        union(a, b);
        difference(a, b);
        intersection(a, b);
        recursiveDifference(a, b);
        expect(JSON.stringify([a, b])).toBe(before);
      }),
    );
  });

  test('are read as they were written', () => {
    fc.assert(
      fc.property(sets, (x) => {
        const set = setOfPaths(x);
        expect(sameSet(readFieldSet(JSON.parse(JSON.stringify(set))), set)).toBe(true);
      }),
    );
  });

  test('are equal when they differ by nothing', () => {
    const set = setOfPaths([['a', 'b'], ['a']]);
    expect(sameSet(difference(set, set), EMPTY)).toBe(true);
    expect(sameSet(set, setOfPaths([['a', 'b']]))).toBe(false);
  });

  test.each([
    [{ 'f:a': 1 }],
    [{ x: {} }],
    [{ 'k:[1]': {} }],
    [{ 'k:{': {} }],
    [{ 'v:': {} }],
    [{ 'i:x': {} }],
    [[]],
    [null],
  ])('are not read from %j', (value) => {
    expect(() => readFieldSet(value)).toThrow();
  });

  test('know keys by their value, however they were spelled', () => {
    expect(readFieldSet({ 'k:{ "b": 1, "a":"\\u0078" }': {} })).toEqual({ 'k:{"a":"x","b":1}': {} });
  });

  test('do not follow a client down without end', () => {
    let deep: object = {};
    for (let i = 0; i < 5000; i++) deep = { 'f:a': deep };
    expect(() => readFieldSet(deep)).toThrow('error decoding set');
  });
});
