// Value checks of custom resources: formats, types with formats, nulls, alternatives, objects inside objects.
import { describe, expect, it } from 'vitest';
import { hasFormat } from './formats.ts';
import { dropNulls, structuralSchema, validateEmbedded, validateValues } from './index.ts';

type Props = Parameters<typeof structuralSchema>[0];

function problems(props: Props, value: unknown): string[] {
  const schema = structuralSchema({ type: 'object', properties: { f: props } });
  return validateValues(schema, { f: value }).map((error) => `${error.field}: ${error.body}`);
}

describe('formats', () => {
  it.each([
    ['hostname', ['example.com', 'a', 'a-b', '1.example.com'], ['a_b', 'foo-bar-baz', 'a..b', '-a', '']],
    ['email', ['a@b', 'Jane <jane@example.com>'], ['a', 'a@', '@b', 'a b@c']],
    ['uuid4', ['c56a4180-65aa-42ec-a945-5fd21dec0538'], ['c56a4180-65aa-42ec-0945-5fd21dec0538']],
    ['isbn', ['0-306-40615-2', '978-0-306-40615-7'], ['0306406153', '9780306406158']],
    ['creditcard', ['4111 1111 1111 1111'], ['4111111111111112', '1234567890123456']],
    ['ssn', ['078-05-1120'], ['078051120']],
    ['rgbcolor', ['rgb(0, 10, 255)'], ['rgb(0,0,256)', 'rgb(0,0)']],
    ['byte', ['YQ==', 'YWJj'], ['', 'YQ', '%%%%']],
    [
      'mac',
      ['00:00:5e:00:53:01', '02-00-5e-10-00-00-00-01', '0000.5e00.5301'],
      ['00:00:5e:00:53', '00:00-5e:00:53:01'],
    ],
    ['ipv4', ['1.2.3.4', '::ffff:1.2.3.4'], ['::1']],
    [
      'date-time',
      ['2024-01-02T03:04:05Z', '2024-01-02t03:04:05.5+01:00'],
      ['2024-01-02 03:04:05Z', '2024-01-02T24:00:00Z'],
    ],
  ])('%s', (format, good, bad) => {
    expect(good.filter((text) => !hasFormat(format, text))).toEqual([]);
    expect(bad.filter((text) => hasFormat(format, text))).toEqual([]);
  });
});

describe('values', () => {
  it('name the format where it counts as the type', () => {
    expect(problems({ type: 'string', format: 'date' }, 5)).toEqual([
      'f: Invalid value: "int64": f in body must be of type date: "int64"',
    ]);
    expect(problems({ type: 'integer', format: 'int32' }, 1.5)).toEqual([
      'f: Invalid value: "float64": f in body must be of type int32: "float64"',
      '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in f',
    ]);
    expect(problems({ type: 'integer', format: 'int32' }, 3_000_000_000)).toEqual([
      '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in f',
    ]);
    expect(problems({ type: 'integer' }, 1e30)).toEqual([
      'f: Invalid value: "number": f in body must be of type integer: "number"',
      '<nil>: Invalid value: "": Checked value must be of type integer (default format) in f',
    ]);
    expect(problems({ type: 'number', maximum: 1.5, multipleOf: 0.5 }, 2)).toEqual([
      'f: Invalid value: 0: factor MultipleOf declared for f must be positive: 0',
      'f: Invalid value: 2: f in body should be less than or equal to 1',
    ]);
    expect(problems({ type: 'string', format: 'odd' }, 5)).toEqual([
      'f: Invalid value: "integer": f in body must be of type string: "integer"',
    ]);
    expect(problems({ 'x-kubernetes-int-or-string': true }, true)).toEqual([
      'f: Invalid value: "boolean": f in body must be of type integer,string: "boolean"',
    ]);
  });

  it('tell what all alternatives refuse once', () => {
    const found = problems({ type: 'string', allOf: [{ minLength: 2 }, { minLength: 2 }] }, 'a');
    expect(found).toEqual([
      'f: Invalid value: "a": f in body should be at least 2 chars long',
      '<nil>: Invalid value: "": "f" must validate all the schemas (allOf). None validated',
    ]);
  });

  it('lose nulls that are neither allowed nor defaulted, but not in lists', () => {
    const schema = structuralSchema({
      type: 'object',
      properties: {
        gone: { type: 'string' },
        kept: { type: 'string', nullable: true },
        defaulted: { type: 'string', default: 'd' },
        list: { type: 'array', items: { type: 'string' } },
      },
    });
    const value = { gone: null, kept: null, defaulted: null, list: [null], unknown: null };
    dropNulls(value, schema);
    expect(value).toEqual({ kept: null, defaulted: null, list: [null], unknown: null });
  });
});

describe('objects inside', () => {
  const schema = structuralSchema({
    type: 'object',
    properties: {
      list: {
        type: 'array',
        items: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
  });

  it('say what they are', () => {
    const found = validateEmbedded(schema, { list: [{}, { apiVersion: 'a/b/c', kind: 'No!' }] });
    expect(found.map((error) => `${error.field}: ${error.body.slice(0, 62)}`)).toEqual([
      'list[0].apiVersion: Required value',
      'list[0].kind: Required value',
      'list[1].apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
      'list[1].kind: Invalid value: "No!": may have mixed case, but should otherwis',
    ]);
  });

  it('have sound metadata, if any', () => {
    const of = (metadata: object) => validateEmbedded(schema, { list: [{ apiVersion: 'v1', kind: 'Pod', metadata }] });
    expect(of({})).toEqual([]);
    expect(of({ name: 'A_', namespace: 'x' })).toEqual([]);
    expect(of({ name: 'a/b', labels: { 'a b': '' } }).map((error) => error.field)).toEqual([
      'list[0].metadata.name',
      'list[0].metadata.labels',
    ]);
  });
});
