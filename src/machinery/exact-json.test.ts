// Integers beyond 2^53: every digit is read and written.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exactInteger, jsonText, mayHoldLong, NumberText, parseExact, parseSpelled } from './exact-json.ts';
import { canonicalJson, deepClone, deepEqual, deepFreeze, encodeJson, goJson } from './json.ts';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const near = fc.constantFrom(...[2n ** 53n, -(2n ** 53n), 2n ** 63n - 2n].flatMap((n) => [n - 1n, n, n + 1n]));

/** JSON text with integers of 64 bits at all places. */
const documents: fc.Arbitrary<string> = fc.letrec<{ any: string; list: string; map: string }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(int64, near).map(String),
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
    fc.constantFrom('true', 'null', '1.5', '"int64:9007199254740993"', '"9007199254740993"', '0.1234567890123456'),
    tie('list'),
    tie('map'),
  ),
  list: fc.array(tie('any')).map((items) => `[${items.join(',')}]`),
  map: fc
    .uniqueArray(fc.tuple(fc.oneof(fc.string(), fc.constant('__proto__')), tie('any')), { selector: ([key]) => key })
    // Names of digits change their place in JavaScript's objects.
    .map((entries) => entries.filter(([key]) => !/^\d+$/.test(key)))
    .map((entries) => `{${entries.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`),
})).any;

describe('JSON with integers of 64 bits', () => {
  it('is written as it was read', () => {
    fc.assert(
      fc.property(documents, (text) => {
        expect(jsonText(parseExact(text))).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it('is the same after copying, and no other after adding one', () => {
    fc.assert(
      fc.property(fc.oneof(int64, near), (n) => {
        const value = parseExact(`{"a":[${n}]}`);
        expect(deepEqual(deepClone(value), value)).toBe(true);
        expect(deepEqual(parseExact(`{"a":[${n + 1n}]}`), value)).toBe(false);
        expect(jsonText(deepFreeze(value))).toBe(`{"a":[${n}]}`);
      }),
    );
  });

  it('knows numbers of few digits as numbers', () => {
    expect(parseExact('[9007199254740991,-9007199254740991,1e3,-0]')).toEqual([
      9007199254740991, -9007199254740991, 1000, -0,
    ]);
    expect(parseExact('[9007199254740992]')).toEqual([9007199254740992n]);
  });

  it('takes what is beyond 64 bits, or has a point or an exponent, for a float', () => {
    expect(exactInteger('9223372036854775807')).toBe(9223372036854775807n);
    expect(exactInteger('9223372036854775808')).toBe(2 ** 63);
    expect(exactInteger('-9223372036854775809')).toBe(-(2 ** 63));
    const text = '[18446744073709551615,9007199254740993.0,9.007199254740993e15,1234567890123456789e2,1e21]';
    expect(parseExact(text)).toEqual(JSON.parse(text));
    expect(jsonText(parseExact(text))).toBe(
      '[18446744073709552000,9007199254740992,9007199254740992,123456789012345680000,1e+21]',
    );
  });

  it('leaves texts alone that look like what stands for an integer meanwhile', () => {
    const text = '{"int64:9":"int64:9007199254740993","a":["_int64:","\\"9007199254740993",-9007199254740993]}';
    expect(jsonText(parseExact(text))).toBe(text);
  });

  it('refuses what JSON.parse refuses', () => {
    for (const text of ['{9007199254740993:1}', '09007199254740993', '[9007199254740993', '9007199254740993.', ''])
      expect(() => parseExact(text)).toThrow(SyntaxError);
  });

  it('is read by JSON.parse alone where no long number is', () => {
    expect(mayHoldLong('{"image":"a@sha256:0123456789012345678901234567890123456789","n":123456789012345}')).toBe(
      false,
    );
    for (const text of [
      '9007199254740993',
      '[-9007199254740993]',
      '{"a" :\n9007199254740993}',
      '[1, 9007199254740993]',
    ])
      expect(mayHoldLong(text)).toBe(true);
  });

  it('is read quickly, however long a string or a list is', () => {
    const text = `{"a":${JSON.stringify('\\n"x'.repeat(400_000))},"b":[${'9007199254740993,'.repeat(20_000)}1]}`;
    expect(jsonText(parseExact(text))).toBe(text);
  });

  it('is written whole by all who write JSON here, with the nearest number by others', () => {
    const value = { b: 9007199254740993n, a: ['<', -9223372036854775808n] };
    expect(canonicalJson(value)).toBe('{"a":["<",-9223372036854775808],"b":9007199254740993}');
    expect(goJson(value)).toBe('{"b":9007199254740993,"a":["\\u003c",-9223372036854775808]}');
    expect(Buffer.from(encodeJson(value)).toString()).toBe('{"b":9007199254740993,"a":["<",-9223372036854775808]}');
    expect(jsonText(value, 1)).toBe('{\n "b": 9007199254740993,\n "a": [\n  "<",\n  -9223372036854775808\n ]\n}');
    expect(JSON.stringify(value)).toBe('{"b":9007199254740992,"a":["<",-9223372036854776000]}');
  });
});

it('a string that says what a mark says, written with escapes, stays a string', () => {
  const text = '{"a":9223372036854775807,"b":"\\u0069nt64:7","\\u0069nt64:8":"\\u005fint64:x"}';
  expect(parseExact(text)).toEqual({ a: 9223372036854775807n, b: 'int64:7', 'int64:8': '_int64:x' });
});

describe('Numbers as they are spelled', () => {
  const text = '{"a":[1.0,1e3,-0,0.10,9223372036854775808,9007199254740993,1.5,7,"1.0"],"__proto__":{"b":2E0}}';

  it('are kept where their value would not tell, and written again', () => {
    const value = parseSpelled(text) as { a: unknown[] };
    const n = (spelled: string) => new NumberText(spelled);
    const odd = [n('1.0'), n('1e3'), n('-0'), n('0.10'), n('9223372036854775808'), 9007199254740993n, 1.5, 7, '1.0'];
    expect(value.a).toEqual(odd);
    expect(jsonText(value)).toBe(text);
    expect(JSON.stringify({ a: n('1.0') })).toBe('{"a":1}');
  });

  it('stand for a value all the same', () => {
    const values = ['1.0', '1e3', '9223372036854775808', '9007199254740993'].map((one) => new NumberText(one).value);
    expect(values).toEqual([1, 1000, 2 ** 63, 9007199254740993n]);
  });
});
