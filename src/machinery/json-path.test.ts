// Tests of JSONPath over plain values.
import { describe, expect, it } from 'vitest';
import { compileJsonPath } from './json-path.ts';

const VALUE = {
  spec: { l: ['x', 'y', 'z'], 'a.b': 1, o: { k: 'v' } },
  status: {
    conditions: [
      { type: 'Other', status: 'No' },
      { type: 'Ready', status: 'True', n: 3 },
    ],
  },
};

describe('JSONPath', () => {
  it.each([
    ['.spec.l[1]', ['y']],
    ['.spec.l[-1]', ['z']],
    ['.spec.l[*]', ['x', 'y', 'z']],
    ['.spec.l[0:2]', ['x', 'y']],
    ['.spec.a\\.b', [1]],
    [".spec['a.b']", [1]],
    ['{.spec.o.k}', ['v']],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    ["$.status.conditions[?(@.n > 2)]['type']", ['Ready']],
    ['..status', [VALUE.status, 'No', 'True']],
    ['.spec.none', []],
    ['.spec.toString', []],
  ])('%s', (path, expected) => {
    expect(compileJsonPath(path)(VALUE)).toEqual(expected);
  });

  it('refuses what it cannot read', () => {
    expect(() => compileJsonPath('.a[')).toThrow('unrecognized character');
  });
});
