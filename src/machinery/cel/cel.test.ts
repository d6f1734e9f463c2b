// Tests of CEL: results, refusals in cel-go's words, budgets.
import { describe, expect, it } from 'vitest';
import { BudgetExceeded, type CelType, compileCel, DYN, INT, listOf, mapOf, STRING } from './index.ts';

const SELF: CelType = {
  kind: 'object',
  name: 'selfType',
  fields: new Map([
    ['a', { json: 'a', type: INT }],
    ['s', { json: 's', type: STRING }],
    ['l', { json: 'l', type: listOf(INT) }],
    ['m', { json: 'm', type: mapOf(STRING, STRING) }],
    ['x__dash__y', { json: 'x-y', type: DYN }],
  ]),
};
const VALUE = { a: 3, s: 'ab12', l: [1, 7], m: { x1: 'v' }, 'x-y': { deep: [1.5] } };

function run(source: string, left = 100_000): unknown {
  return compileCel(source, { self: SELF }).evaluate({ self: VALUE }, { left });
}

describe('CEL', () => {
  it.each([
    ['self.a + 1 == 4', true],
    ['(self.a > 1 ? self.a * 2 : -self.a) % 4', 2n],
    ["self.s.find('[0-9]+') == '12' && self.s.lowerAscii() == 'ab12' && self.s.split('b').size() == 2", true],
    ['self.l.all(x, x > 0) && self.l.exists(x, x == 7) && self.l.exists_one(x, x == 1)', true],
    ['self.l.filter(x, x > 5).size() < 3', true],
    ['self.l.map(x, x * 2)', [2n, 14n]],
    ["self.m.all(k, k.startsWith('x')) && 'x1' in self.m", true],
    ['has(self.a) && !has(self.m.nope)', true],
    ['self.x__dash__y.deep[0] > 1', true],
    ["self.?s.orValue('none')", 'ab12'],
    ["self.m[?'nope'].orValue('none')", 'none'],
    ["duration('1h') > duration('5m') && timestamp('2026-01-02T03:04:05Z').getFullYear() == 2026", true],
    ["quantity('1Gi').isGreaterThan(quantity('500Mi')) && isQuantity('1k') && !isQuantity('x')", true],
    ["cidr('10.0.0.0/8').containsIP('10.1.2.3') && ip('::1').family() == 6", true],
    ['sets.contains([1, 2], [2]) && [3, 1].sort() == [1, 3] && [1, 2].sum() == 3', true],
    ["url('https://a.example:80/p?q=1').getHost() == 'a.example:80'", true],
    ["'%s is %d'.format(['a', 1])", 'a is 1'],
    ['type(self.a) == int', true],
    ['false && 1 / 0 == 1 || true', true],
    ['1 == 1.0 || dyn(1) == 1.0', undefined],
    ["'a' == dyn('a') && self.s.matches('^ab')", true],
    ['self == self', true],
  ])('%s', (source, expected) => {
    if (expected === undefined) expect(() => run(source)).toThrow('found no matching overload');
    else expect(run(source)).toEqual(expected);
  });

  it.each([
    ['foo == 1', "ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo == 1\n | ^"],
    [
      "self.a == 'x'",
      "ERROR: <input>:1:8: found no matching overload for '_==_' applied to '(int, string)'\n | self.a == 'x'\n | .......^",
    ],
    ['self.b == 1', "ERROR: <input>:1:5: undefined field 'b'\n | self.b == 1\n | ....^"],
    ['self.a.all(x, x > 0)', 'cannot be range of a comprehension'],
    ['self.a ==', 'Syntax error'],
    [
      "self.s.matches('[')",
      "ERROR: <input>:1:16: invalid matches argument\n | self.s.matches('[')\n | ...............^",
    ],
    ["duration('x') > duration('1h')", 'ERROR: <input>:1:10: invalid duration argument'],
    ["timestamp('x') == timestamp('2026-01-02T03:04:05Z')", 'invalid timestamp argument'],
  ])('refuses %s', (source, message) => {
    expect(() => compileCel(source, { self: SELF })).toThrow(message);
  });

  it.each([
    ['self.l[5] == 1', 'index out of bounds: 5'],
    ["self.m['no'] == ''", 'no such key: no'],
    ['1 / (self.a - 3) == 1', 'division by zero'],
    ['9223372036854775807 + self.a > 0', 'integer overflow'],
    ["int('x') == 1", "type conversion error from 'string' to 'int'"],
  ])('%s fails at run time', (source, message) => {
    expect(() => run(source)).toThrow(message);
  });

  it('stops what costs too much', () => {
    const many = Array.from({ length: 60 }, (_, i) => i);
    const program = compileCel('l.all(a, l.all(b, l.all(c, a + b + c >= 0)))', { l: listOf(INT) });
    expect(() => program.evaluate({ l: many }, { left: 10_000 })).toThrow(BudgetExceeded);
  });

  it('a regular expression cannot hang the process', () => {
    const started = performance.now();
    expect(run(`'${'a'.repeat(40)}!'.matches('^(a+)+$')`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(500);
  });
});
