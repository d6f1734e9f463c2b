// Tests of CEL: results, refusals in cel-go's words, budgets.

import { describe, expect, it } from 'vitest';
import { processorMs } from '../../host/processor-time.ts';
import {
  AUTHORIZER,
  authorizerOf,
  BudgetExceeded,
  type CelType,
  compileCel,
  DYN,
  INT,
  type Judge,
  listOf,
  mapOf,
  RESOURCE_CHECK,
  resourceCheckOf,
  STRING,
  type StructType,
  typeText,
} from './index.ts';

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
    ['self.l.all(i, v, v > i) && self.m.exists(k, v, k == "x1" && v == "v")', true],
    ['self.l.transformList(i, v, i > 0, v * 10)', [70n]],
    ['self.m.transformMap(k, v, v + "!")', new Map([['x1', 'v!']])],
    ['self.m.transformMapEntry(k, v, {v: k})', new Map([['v', 'x1']])],
    ['[{"n": 2}, {"n": 1}].sortBy(e, e.n)[0].n', 1n],
    ['[1, 2].first().value() + [1, 2].last().orValue(9)', 3n],
    ['lists.range(3)', [0n, 1n, 2n]],
    ['[?optional.none(), 1]', [1n]],
    ["semver('1.2.3-a.2').compareTo(semver('1.2.3-a.10'))", -1n],
    ["semver('v01.2', true) == semver('1.2.0+b') && !isSemver('v1.2.3')", true],
    ["format.dns1123Label().validate('a').hasValue()", false],
    ["format.named('uuid').value().validate('x').value()", ['does not match the UUID format']],
    [
      "'%s %.2f %e %x'.format([{'b': [1.5, 'x'], 'a': null}, 1234.5, 1234.5, 255])",
      '{"a":null, "b":[1.500000, "x"]} 1,234.50 1.234500×10⁰³ ff',
    ],
    ["string(duration('1h30m')) + string(1e20) + string(1.5)", '5400s1e+201.5'],
    ["'abc'.replace('', '-') + 'abc'.indexOf('', 9) + 'a'", undefined],
    ["url('/a?b=c&b=d').getQuery()['b'].join() + url('mailto:a@b').getScheme()", 'cdmailto'],
    ["type(self.a) == int && type([]) == list && type(duration('1s')) == google.protobuf.Duration", true],
    ['dyn(null) == null && optional.of(null).hasValue()', true],
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
    ["[1, 'a']", "1:5: expected type 'int' but found 'string'"],
    ["{'a': 1, 'b': 'c'}", "1:15: expected type 'int' but found 'string'"],
    ['[1, dyn(1)]', "1:8: expected type 'int' but found 'dyn'"],
    ['self.s == null', "found no matching overload for '_==_' applied to '(string, null)'"],
    ['self.l.filter(x, x)', "found no matching overload for '_?_:_' applied to '(int, list(int), list(int))'"],
    ["'%d'.format(['a'])", 'decimal clause can only be used on integers, was given string'],
    ["'%s'.format([1, 2])", 'too many arguments supplied to string.format (expected 1, got 2)'],
    ['math.abs(1)', "undeclared reference to 'math'"],
    ['1 || 2', "1:6: expected type 'bool' but found 'int'"],
    ['Object{a: 1}', "1:7: undeclared reference to 'Object'"],
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
    ["int('x' + self.s) == 1", "type conversion error from 'string' to 'int'"],
    ['1u - 2u == 0u', 'unsigned integer overflow'],
    ["timestamp('9999-12-31T23:59:59Z') + duration('1h') == timestamp(0)", 'timestamp overflow'],
    ["self.m.map(k, 1)[dyn('a')] == 1", "unsupported index type 'string' in list"],
    ['dyn(1).all(x, true)', "got 'types.Int', expected iterable type"],
    [
      "ip('1.2.3') == ip('1.2.3.4')",
      'IP Address "1.2.3" parse error during conversion from string: ParseAddr("1.2.3"): IPv4 address too short',
    ],
    ["cidr('10.0.0.0/33').prefixLength() == 1", 'netip.ParsePrefix("10.0.0.0/33"): prefix length out of range'],
    ["self.s.substring(3, 1) == ''", 'invalid substring range. start: 3, end: 1'],
  ])('%s fails at run time', (source, message) => {
    expect(() => run(source)).toThrow(message);
  });

  it('parts that are known fail before it runs', () => {
    expect(compileCel("int('x') == self.a", { self: SELF }).failure).toBe(
      "type conversion error from 'string' to 'int'",
    );
    expect(compileCel("self.s.find('[') == ''", { self: SELF }).failure).toContain('missing closing ]');
    expect(compileCel("int('5') == self.a", { self: SELF }).failure).toBeUndefined();
  });

  it('sets are equal in any order, and joined without doubles', () => {
    const set = listOf(INT, { type: 'set', keys: [] });
    const evaluate = (source: string) => compileCel(source, { l: set }).evaluate({ l: [1, 2] }, { left: 1000 });
    expect(evaluate('l == [2, 1]')).toBe(true);
    expect(evaluate('l + [2, 3]')).toEqual([1n, 2n, 3n]);
    expect(evaluate('[2] + l')).toEqual([2n, 1n, 2n]);
  });

  describe('literals of objects', () => {
    const open = { kind: 'object', name: 'Object', fields: new Map(), others: DYN } as const;
    const patch: StructType = {
      kind: 'object',
      name: 'JSONPatch',
      fields: new Map([
        ['op', { json: 'op', type: STRING }],
        ['value', { json: 'value', type: DYN }],
      ]),
    };
    const structs = (name: string): StructType | undefined =>
      name === 'JSONPatch' ? patch : name.startsWith('Object') ? { ...open, name } : undefined;
    const made = (source: string) => compileCel(source, {}, structs).evaluate({}, { left: 1000 });

    it('have the fields that they name', () => {
      const object = made(
        'Object{a: 1, b: Object.b{__namespace__: "n", a__dash__b: 2}, ?c: optional.none(), ?d: optional.of(3)}',
      );
      expect(new Map(object as Map<string, unknown>)).toEqual(
        new Map<string, unknown>([
          ['a', 1n],
          ['b', expect.objectContaining({ size: 2 })],
          ['d', 3n],
        ]),
      );
    });

    it('are of their own type, and equal to those of the same', () => {
      expect(typeText(compileCel('[Object.b{}]', {}, structs).type)).toBe('list(Object.b)');
      expect(made('Object{a: 1} == Object{a: 1} && Object{a: 1} != Object{a: 2}')).toBe(true);
      expect(made('dyn(Object{}) == dyn(Object.b{})')).toBe(false);
      expect(made("JSONPatch{value: 1}.op == '' && !has(JSONPatch{}.op) && has(JSONPatch{op: 'add'}.op)")).toBe(true);
      expect(made('type(Object.b{}) == type(Object.b{a: 1}) && type(Object{}) != type(Object.b{})')).toBe(true);
    });

    it.each([
      ['Thing{}', "undeclared reference to 'Thing' (in container '')"],
      ['JSONPatch{nope: 1}', "undefined field 'nope'"],
      ['JSONPatch{op: 1}', "expected type of field 'op' is 'string' but provided type is 'int'"],
      ["JSONPatch{?op: 'a'}", "expected type 'optional_type(string)' but found 'string'"],
    ])('%s is refused', (source, problem) => {
      expect(() => compileCel(source, {}, structs)).toThrow(problem);
    });

    it('and keys of patches are only known where there are types of them', () => {
      expect(() => compileCel('Object{}', {})).toThrow("undeclared reference to 'Object'");
      expect(made("jsonpatch.escapeKey('a/b~c')")).toBe('a~1b~0c');
      expect(() => compileCel("jsonpatch.escapeKey('a')", {})).toThrow("undeclared reference to 'jsonpatch'");
    });
  });

  describe('the authorizer', () => {
    const judge = (user: string): Judge => ({
      ask: (question) => ({
        allowed: user === 'ann' && 'resource' in question && question.verb === 'get',
        reason: JSON.stringify(question),
      }),
      forServiceAccount: (namespace, name) => judge(`${namespace}/${name}`),
    });
    const types = { authorizer: AUTHORIZER, 'authorizer.requestResource': RESOURCE_CHECK };
    const values = {
      authorizer: authorizerOf(judge('ann')),
      'authorizer.requestResource': resourceCheckOf(judge('ann'), { group: 'g', resource: 'r' }),
    };
    const asked = (source: string) => compileCel(source, types).evaluate(values, { left: 1e7 });

    it('is asked about resources, paths, and for service accounts', () => {
      const check =
        "authorizer.group('').resource('pods').subresource('log').namespace('n').name('p').labelSelector('a=b')";
      expect(asked(`${check}.check('get').allowed()`)).toBe(true);
      expect(asked(`${check}.check('get').errored()`)).toBe(false);
      expect(JSON.parse(String(asked(`${check}.check('list').reason()`)))).toEqual({
        group: '',
        resource: 'pods',
        subresource: 'log',
        namespace: 'n',
        name: 'p',
        fieldSelector: '',
        labelSelector: 'a=b',
        verb: 'list',
      });
      expect(asked("authorizer.path('/healthz').check('get').allowed()")).toBe(false);
      expect(asked("authorizer.requestResource.check('get').allowed()")).toBe(true);
      const robot = "authorizer.serviceAccount('n', 'robot').group('').resource('pods')";
      expect(asked(`${robot}.check('get').allowed()`)).toBe(false);
    });

    it.each([
      ["authorizer.path(' ')", 'path must not be empty'],
      ["authorizer.group('').resource('')", 'resource must not be empty'],
      ["authorizer.serviceAccount('N', 'a')", 'Invalid service account namespace'],
      ["authorizer.serviceAccount('n', '-')", 'Invalid service account name'],
      ["dyn('x').group('')", 'no such overload'],
    ])('does not answer %s', (source, problem) => {
      expect(() => asked(source)).toThrow(problem);
    });

    it.each([
      [
        "authorizer.group('').check('get')",
        "found no matching overload for 'check' applied to 'kubernetes.authorization.GroupCheck.(string)'",
      ],
      [
        "authorizer.path('/x').namespace('n')",
        "found no matching overload for 'namespace' applied to 'kubernetes.authorization.PathCheck.(string)'",
      ],
      ['authorizer.nope', "unexpected failed resolution of 'kubernetes.authorization.Authorizer'"],
    ])('does not know %s', (source, problem) => {
      expect(() => compileCel(source, types)).toThrow(problem);
    });
  });

  it('stops what costs too much', () => {
    const many = Array.from({ length: 60 }, (_, i) => i);
    const program = compileCel('l.all(a, l.all(b, l.all(c, a + b + c >= 0)))', { l: listOf(INT) });
    expect(() => program.evaluate({ l: many }, { left: 10_000 })).toThrow(BudgetExceeded);
  });

  it('a regular expression cannot hang the process', async () => {
    const source = `'${'a'.repeat(40)}!'.matches('^(a+)+$')`;
    expect(await processorMs(() => expect(run(source)).toBe(false))).toBeLessThan(500);
  });
});
