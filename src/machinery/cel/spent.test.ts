// What expressions cost when they run. The numbers are those of Kubernetes 1.36.2: found by how often an expression can run before "actual cost limit exceeded".
import { expect, test } from 'vitest';
import { compileCel, DYN, fromJson, INT } from './index.ts';

const OBJECT = { data: { t: 'hello world, this is a text', long: 'abcdefghij'.repeat(30), e: '', x: '1' } };

function spent(source: string): number {
  const budget = { left: 1e9 };
  const variables = { object: fromJson(OBJECT, DYN), i: 2 };
  compileCel(source, { object: DYN, i: INT }).evaluate(variables, budget);
  return 1e9 - budget.left;
}

test.each([
  ['i', 1],
  ['1', 0],
  ['object', 1],
  ['object.data', 2],
  ['object.data.t', 3],
  ["object.data.long.startsWith('a')", 33],
  ["object.data.t.contains('world, this')", 9],
  ['object.data.t + object.data.long', 7],
  ['object.data.t == object.data.long', 9],
  ["object.data.e == ''", 3],
  ["'abc' + string(i)", 3],
  ['i + 1', 2],
  ['i * 2 == 4', 3],
  ['-i', 2],
  ['!(i == 1)', 3],
  ['i < 3 && i > 1', 4],
  ['i < 3 || i > 1', 2],
  ['i in [1,2,3]', 1],
  ['i in [1,2,i]', 15],
  ["'x' in object.data", 3],
  ["object.data.t in ['a','b']", 3],
  ['i in []', 0],
  ['[1,2,3]', 0],
  ['[1,2,i]', 11],
  ["{'a':1}", 0],
  ["{'a':i}", 31],
  ["{'a':i}.a", 33],
  ["{'a':i}['a']", 33],
  ['[i,1][0]', 13],
  ['[1,2,3][i % 3]', 4],
  ['[1,2,3][0]', 2],
  ["object.data['t']", 3],
  ["object.data[string('t')]", 3],
  ["object.data[object.data.x == '1' ? 't' : 'e']", 7],
  ['has(object.data.t)', 2],
  ['has(object.data)', 1],
  ['has(object.nothing)', 1],
  ["has({'a':i}.a)", 32],
  ['object.?data.t', 3],
  ["object.data[?'nothing']", 2],
  ["object.data[?'t']", 3],
  ['i < 3 ? i : 1', 2],
  ['i < 3 ? object.data.t : object.data.long', 4],
  ['i < 300000 ? object.data.t : object.data.long', 4],
  ['i < 300000 ? size(object.data.t) : 1', 6],
  ['[1,2,3].all(x, x > 0)', 16],
  ['[1,2,3].all(x, x > 1)', 8],
  ['[1,2,3].exists(x, x > 1)', 16],
  ['[1,2,3].exists(x, x > 5)', 19],
  ['[1,2,3].exists_one(x, x > 1)', 12],
  ['[1,2,3].exists_one(x, x == 1)', 10],
  ['[1,2,3].filter(x, x > 1)', 33],
  ['[1,2,3].map(x, x + 1)', 43],
  ['[1,2,3].map(x, 1)', 7],
  ['[1,2,3].map(x, x > 1, x)', 33],
  ['[1,2,3].transformList(i, v, v)', 40],
  ['[1,2,3].transformMap(i, v, v)', 13],
  ['[1,2,3].transformMapEntry(i, v, {v: i})', 103],
  ['[1,2,3].all(i, v, v > 0)', 16],
  ['[1,2,3].exists(i, v, v > 9)', 19],
  ['[1,2,3].existsOne(i, v, v > 9)', 8],
  ["{'a':1,'b':2}.all(k, v, v > 0)", 11],
  ["{'a':1,'b':2}.transformMap(k, v, v > 1, v)", 9],
  ["object.data.all(k, k != '')", 19],
  ['object.data.transformList(k, v, v)', 55],
  ['optional.of(i).optMap(x, x + 1)', 9],
  ['optional.none().optMap(x, 1)', 3],
  ['optional.of(i).optFlatMap(x, optional.of(x))', 8],
  ['optional.of(i).hasValue()', 3],
  ['optional.of(i).orValue(1)', 2],
  ['optional.of(i).value()', 3],
  ['[3,i,1].sort()', 40],
  ['[3,i,1].sortBy(x, x)', 82],
  ["['b','a'].sort()", 19],
  ['[3,1,2].distinct()', 29],
  ['[3,1,2].reverse()', 14],
  ['[3,1,2].slice(0, 2)', 13],
  ['[[1],[2]].flatten()', 13],
  ['lists.range(5)', 16],
  ['[1,2,3].sum()', 3],
  ['[1,2,3].max()', 3],
  ["['aaaaaaaaaaaa','b'].isSorted()", 1],
  ['[1,2,3].indexOf(2)', 3],
  ["object.data.long.indexOf('j')", 33],
  ['object.data.long.lowerAscii()', 33],
  ['object.data.long.upperAscii()', 33],
  ['object.data.long.substring(5)', 33],
  ["object.data.long.replace('a', 'bb')", 63],
  ["object.data.long.split('a')", 63],
  ["['a', string(object.data.long)].join(',')", 75],
  ['object.data.long.trim()', 33],
  ['object.data.t.charAt(1)', 4],
  ['strings.quote(object.data.long)', 33],
  ["'%s and %s'.format([object.data.t, 'a'])", 14],
  ["object.data.long.find('a+')", 34],
  ["object.data.long.findAll('a+')", 34],
  ["quantity('1Ki')", 1],
  ["isQuantity('1Ki')", 1],
  ["quantity('1Ki').add(quantity('1'))", 3],
  ["quantity('1Ki').compareTo(quantity('1'))", 3],
  ["quantity('1Ki').isGreaterThan(quantity('1'))", 3],
  ["quantity('1Ki') == quantity('1')", 3],
  ["semver('1.2.3')", 1],
  ["semver('1.2.3').major()", 2],
  ["isSemver('1.2.3')", 1],
  ["semver('1.2.3') == semver('1.2.4')", 3],
  ["semver('1.2.3').isLessThan(semver('1.2.4'))", 3],
  ["ip('192.168.0.1')", 2],
  ["ip('192.168.0.1').family()", 3],
  ["ip.isCanonical('192.168.0.1')", 3],
  ["cidr('192.168.0.0/16')", 2],
  ["cidr('192.168.0.0/16').containsIP('192.168.0.1')", 5],
  ["cidr('192.168.0.0/16').containsIP(ip('192.168.0.1'))", 5],
  ["cidr('192.168.0.0/16').containsCIDR('192.168.0.0/24')", 7],
  ["cidr('192.168.0.0/16').ip()", 3],
  ["cidr('192.168.0.0/16').masked()", 3],
  ["cidr('192.168.0.0/16') == cidr('10.0.0.0/8')", 4],
  ["url('https://example.com/path?x=y')", 3],
  ["url('https://example.com/path?x=y').getHost()", 4],
  ["isURL('https://example.com')", 1],
  ["url('https://a.b') == url('https://a.b')", 5],
  ['format.dns1123Label()', 1],
  ["format.named('uuid')", 1],
  ['format.dns1123Label().validate(object.data.t)', 28],
  ["format.uuid().validate('x')", 19],
  ["format.uri().validate('x')", 277],
  ["format.datetime().validate('x')", 19],
  ["format.date().validate('x')", 19],
  ['sets.contains([1,2,3],[1,i])', 18],
  ['sets.equivalent([1,2,3],[1,i])', 24],
  ['sets.intersects([1,2,3],[1,i])', 18],
  ['size(object.data.long)', 4],
  ['object.data.size()', 3],
  ["int('12')", 0],
  ['int(object.data.x)', 4],
  ['string(i)', 2],
  ['string(bytes(object.data.long))', 34],
  ['bytes(object.data.long)', 4],
  ['double(i)', 2],
  ['type(i)', 2],
  ['type(i) == int', 3],
  ['dyn(i) + 1', 3],
  ["dyn(object.data.t) + 'x'", 7],
  ["dyn('x') < dyn('yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy')", 1],
  ["'x' < dyn('yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy')", 1],
  ["duration('1h')", 0],
  ["duration(object.data.x + 's')", 5],
  ["timestamp('2020-01-01T00:00:00Z').getFullYear()", 1],
  ["timestamp('2020-01-01T00:00:00Z') + duration('1h')", 1],
  ['null', 0],
  ['object.data == object.data', 5],
  ['[1,2,3] == [1,2,3]', 1],
  ['[1,2,3] + [i]', 12],
  ["b'abc'", 0],
  ['i < 3 ? (i < 2 ? i : 2) : i', 4],
  ['(i < 3) ? [i] : [2]', 13],
  ['[i].map(x, [x].map(y, y))', 49],
  ['[object.data, object.data].map(d, d.t)', 43],
  ["[object.data, object.data].all(d, d.t != '' && has(d.e))", 27],
  ['uint(i) == 1u', 3],
  ['1.0 + double(i)', 3],
  ['i % 2 == 0 && i / 2 > 1 && i - 1 < 5', 6],
  ["object.data.t.endsWith('text')", 6],
  ["object.data.t.lastIndexOf('text')", 5],
])('%s costs %d', (source, cost) => {
  expect(spent(source)).toBe(cost);
});

test.each([
  // As https://github.com/google/cel-go/blob/master/interpreter/runtimecost.go counts: a step counts when it is over, also when it has failed.
  ['i / 0', 2],
  ['i / 0 == 1', 3],
  ['-(i / 0)', 3],
  ['i / 0 + i', 4],
  ['object.nothing', 2],
  ['object.nothing.more', 2],
  ['object.nothing == object.data.t', 6],
  ["object.data['nothing']", 3],
  ['size(object.nothing)', 3],
  ["object.nothing.startsWith('a')", 3],
  ['[i / 0, i]', 12],
  ["{'a': i / 0}", 32],
  ["object.data.t.replace('a', string(i / 0))", 12],
  ["string(i / 0).replace('a', object.data.t)", 3],
  ['false || i / 0 == 1', 3],
  ['i / 0 == 1 || true', 3],
  ['i / 0 == 1 && false', 3],
  ['[1,0,2].map(x, 1 / x)', 43],
  ['[1,0,2].filter(x, 1 / x > 0)', 23],
  ['[1,0,2].exists_one(x, 1 / x > 0)', 13],
  ['[1,0,2].all(x, 1 / x >= 0)', 19],
  ["{'a':0,'b':1}.transformMap(k, v, 1 / v)", 7],
])('%s, a part of which fails, costs %d', (source, cost) => {
  const budget = { left: 1e9 };
  const { evaluate } = compileCel(source, { object: DYN, i: INT });
  try {
    evaluate({ object: fromJson(OBJECT, DYN), i: 2 }, budget);
  } catch (error) {
    expect(error).not.toBeInstanceOf(TypeError);
  }
  expect(1e9 - budget.left).toBe(cost);
});

test('what has failed is the first that failed, or the last choice that could not be made', () => {
  const failure = (source: string): string => {
    try {
      return String(compileCel(source, {}).evaluate({}, { left: 1e9 }));
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(failure("[dyn(0), dyn('a'), dyn(1)].map(x, 1 / x)")).toBe('division by zero');
  expect(failure("[dyn(0), dyn('a'), dyn(1)].filter(x, 1 / x > 0)")).toBe('no such overload');
  expect(failure("{'a': 0}.nothing + 1 / 0")).toBe('no such key: nothing');
});

test('a budget ends an expression', () => {
  const { evaluate } = compileCel('[1, 2, 3].all(x, x > 0)', {});
  expect(evaluate({}, { left: 16 })).toBe(true);
  expect(() => evaluate({}, { left: 15 })).toThrow('operation cancelled: actual cost limit exceeded');
});
