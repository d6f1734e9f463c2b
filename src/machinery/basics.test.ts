// Tests of the small basics: names, times, ages, hashes, safe JSON.
import { describe, expect, it } from 'vitest';
import { humanDuration } from './duration.ts';
import { fnv32a, safeEncode } from './hash.ts';
import { deepClone, deepEqual, getOwn, goQuote, setDotted, setOwn } from './json.ts';
import {
  canonicalIP,
  isCIDR,
  isDns1035Label,
  isDns1123Label,
  isDns1123Subdomain,
  isQualifiedName,
  isStrictIP,
  isValidPortName,
  parseCIDR,
} from './names.ts';
import { canonicalMicroTime, canonicalTime, goDuration, parseGoDuration, parseTime } from './time.ts';

describe('names', () => {
  it('are judged in Kubernetes words', () => {
    expect(isDns1123Subdomain('A')).toEqual([
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ]);
    expect(isDns1123Label('a.b')).toEqual(['must not contain dots']);
    expect(isDns1123Label('x'.repeat(64))).toEqual(['must be no more than 63 characters']);
    expect(isDns1035Label('1a')).toHaveLength(1);
    expect(isQualifiedName('example.com/My_Name.1')).toEqual([]);
    expect(isQualifiedName('/x')).toEqual(['prefix part must be non-empty']);
    expect(isQualifiedName('a\n')).toHaveLength(1);
    expect(isValidPortName('-a--b-')).toEqual([
      'must not contain consecutive hyphens',
      'must not begin or end with a hyphen',
    ]);
  });

  it('addresses are read as Go reads them', () => {
    expect(canonicalIP('010.0.0.1')).toBe('10.0.0.1');
    expect(canonicalIP('::ffff:1.2.3.4')).toBe('1.2.3.4');
    expect(canonicalIP('2001:DB8:0:0::1')).toBe('2001:db8::1');
    expect(canonicalIP('1.2.3')).toBeUndefined();
    expect(isStrictIP('2001:DB8::1')).toEqual(['must be in canonical form ("2001:db8::1")']);
    expect(parseCIDR('10.9.8.7/24')?.text).toBe('10.9.8.0/24');
    expect(isCIDR('10.0.0.0/33')).toHaveLength(1);
    expect(isCIDR('2001:db8::/64')).toEqual([]);
  });
});

describe('times', () => {
  it('come back as the API gives them', () => {
    expect(canonicalTime('2024-01-02T03:04:05.999+01:00')).toBe('2024-01-02T02:04:05Z');
    expect(canonicalTime('yesterday')).toBeUndefined();
    expect(canonicalTime('2024-02-30T00:00:00Z')).toBeUndefined();
    expect(canonicalMicroTime('2024-01-02T03:04:05.123456+01:00')).toBe('2024-01-02T02:04:05.123456Z');
    expect(canonicalMicroTime('2024-01-02T03:04:05.1234567Z')).toBeUndefined();
    expect(canonicalMicroTime('2024-01-02T03:04:05Z')).toBeUndefined();
    expect(parseTime('1970-01-01T00:00:01Z')).toBe(1000);
    expect(canonicalMicroTime('0001-01-01T01:00:02.000000+01:00')).toBe('0001-01-01T00:00:02.000000Z');
    expect(canonicalTime('0099-12-31T23:59:59.5Z')).toBe('0099-12-31T23:59:59Z');
    expect(parseTime('0001-02-29T00:00:00Z')).toBeUndefined();
  });

  it('durations are Go text', () => {
    expect(goDuration(3_600_000)).toBe('1h0m0s');
    expect(goDuration(1500)).toBe('1.5s');
    expect(goDuration(0.5)).toBe('500µs');
    expect(parseGoDuration('1h15m30.5s')).toBe(4_530_500);
    expect(parseGoDuration('5')).toBeUndefined();
  });

  it.each([
    [-5_000, '<invalid>'],
    [0, '0s'],
    [119_000, '119s'],
    [120_000, '2m'],
    [245_000, '4m5s'],
    [600_000, '10m'],
    [3 * 3600_000, '3h'],
    [(7 * 60 + 59) * 60_000, '7h59m'],
    [60 * 3600_000, '2d12h'],
    [9 * 86_400_000, '9d'],
    [800 * 86_400_000, '2y70d'],
  ])('an age of %d ms is %s', (ms, text) => {
    expect(humanDuration(ms)).toBe(text);
  });
});

describe('hashes', () => {
  it('are the published ones', () => {
    expect(fnv32a('')).toBe(0x811c9dc5);
    expect(fnv32a('foobar')).toBe(0xbf9cf968);
    expect(safeEncode('12345')).toBe('56789');
  });
});

describe('JSON values', () => {
  it('keep keys that are special in JavaScript', () => {
    const odd = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as object;
    const copy = deepClone(odd);
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"polluted":true},"constructor":1}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(getOwn({}, 'constructor')).toBeUndefined();
    expect(deepEqual(odd, copy)).toBe(true);
    expect(deepEqual(odd, { constructor: 1 })).toBe(false);
    const target = {};
    setDotted(target, 'a.__proto__.b', 1);
    expect(JSON.stringify(target)).toBe('{"a":{"__proto__":{"b":1}}}');
    setOwn(target, '__proto__', 2);
    expect(Object.keys(target)).toContain('__proto__');
  });

  it('compare by value', () => {
    expect(deepEqual({ a: [1, { b: undefined }] }, { a: [1, {}] })).toBe(true);
    expect(deepEqual({ a: 1 }, { a: 1, b: 2 })).toBe(false);
    expect(deepEqual({ b: undefined }, { c: 1 })).toBe(false);
    expect(goQuote('a"\n\u0001é')).toBe('"a\\"\\n\\x01é"');
  });
});
