// What an update of a custom resource may keep although it is wrong: values that have not changed, and rules about them.
import { describe, expect, test } from 'vitest';
import type { JSONSchemaProps } from '../generated/apiextensions-v1.ts';
import { structuralSchema, validateChangedValues, validateRules } from './index.ts';

const text: JSONSchemaProps = { type: 'string', maxLength: 1 };
const ruled: JSONSchemaProps = { type: 'string', 'x-kubernetes-validations': [{ rule: "self == 'x'" }] };
const keyed = (v: JSONSchemaProps): JSONSchemaProps => ({
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['n'],
  items: { type: 'object', properties: { n: { type: 'string' }, v } },
});
const object = (properties: Record<string, JSONSchemaProps>): JSONSchemaProps => ({ type: 'object', properties });

function refused(props: JSONSchemaProps, value: unknown, old: unknown): string[] {
  return validateChangedValues(structuralSchema(props), { value, old }).map(({ field }) => field);
}

describe('values that are wrong', () => {
  test.each<[string, JSONSchemaProps, unknown, unknown, string[]]>([
    ['stay as they are', object({ a: text, b: text }), { a: 'long', b: '2' }, { a: 'long', b: '1' }, []],
    ['change', object({ a: text }), { a: 'more' }, { a: 'long' }, ['a']],
    ['come', object({ a: text }), { a: 'long' }, {}, ['a']],
    ['stay in a map', { type: 'object', additionalProperties: text }, { k: 'aa', l: 'bb' }, { k: 'aa' }, ['l']],
    ['stay in a list with keys', keyed(text), [{ n: 'b' }, { n: 'a', v: 'aa' }], [{ n: 'a', v: 'aa' }], []],
    ['stay in a list without keys', { type: 'array', items: text }, ['aa', 'b'], ['aa'], ['[0]']],
    ['are in a list that stays', object({ l: { type: 'array', items: text } }), { l: ['aa'] }, { l: ['aa'] }, []],
    ['are of another type', object({ a: { type: 'integer' } }), { a: 'x' }, { a: 'x' }, []],
    [
      'are in an object that stays wrong for what it lacks',
      object({ o: { ...object({ b: text }), required: ['a'] } }),
      { o: { b: '2' } },
      { o: { b: '1' } },
      ['o.a'],
    ],
    [
      'are in alternatives',
      object({ a: text, b: { allOf: [{ maxLength: 1 }], type: 'string' } }),
      { a: '1', b: 'long' },
      { a: '2', b: 'long' },
      [],
    ],
    [
      'have fields beside them that nobody declared',
      object({ o: object({ a: text }) }),
      { o: { a: 'aa', z: 1 } },
      { o: { a: 'aa', z: 1 } },
      [],
    ],
  ])('and %s', (_, props, value, old, fields) => {
    expect(refused(props, value, old)).toEqual(fields);
  });

  test('of a part are told where that stands', () => {
    const schema = structuralSchema({ ...object({ a: text, l: { type: 'array', items: text } }), minProperties: 3 });
    const errors = validateChangedValues(schema, { value: { a: 'aa', l: ['bb'] }, old: undefined }, 'status');
    expect(errors.map(({ field, body }) => `${field}: ${body}`)).toEqual([
      'status: Invalid value: 2:  in body should have at least 3 properties',
      'status.a: Too long: may not be more than 1 byte',
      'status.l[0]: Too long: may not be more than 1 byte',
    ]);
  });
});

describe('rules that do not hold', () => {
  const outcome = (props: JSONSchemaProps, value: unknown, old?: unknown): string[] =>
    validateRules(structuralSchema(props), value, old).map(
      ({ field, isKept }) => `${isKept === true ? 'warns' : 'refuses'} ${field}`,
    );

  test.each<[string, JSONSchemaProps, unknown, unknown, string[]]>([
    ['on creation', object({ a: ruled }), { a: 'y' }, undefined, ['refuses a']],
    ['of what stays', object({ a: ruled, b: text }), { a: 'y', b: '2' }, { a: 'y', b: '1' }, ['warns a']],
    ['of what changes', object({ a: ruled }), { a: 'z' }, { a: 'y' }, ['refuses a']],
    ['of what comes', object({ a: ruled }), { a: 'y' }, {}, ['refuses a']],
    [
      'in a list without keys that stays',
      object({ l: { type: 'array', items: ruled }, b: text }),
      { l: ['q'], b: '2' },
      { l: ['q'], b: '1' },
      ['warns l[0]'],
    ],
    [
      'in a list without keys that changes',
      object({ l: { type: 'array', items: ruled } }),
      { l: ['q', 'x'] },
      { l: ['q'] },
      ['refuses l[0]'],
    ],
    [
      'in a list with keys, in another order',
      object({ l: keyed(ruled) }),
      {
        l: [
          { n: 'b', v: 'x' },
          { n: 'a', v: 'q' },
        ],
      },
      { l: [{ n: 'a', v: 'q' }] },
      ['warns l[1].v'],
    ],
    [
      'over time',
      object({ a: { type: 'string', 'x-kubernetes-validations': [{ rule: "self == oldSelf && self == 'x'" }] } }),
      { a: 'y' },
      { a: 'y' },
      ['refuses a'],
    ],
  ])('%s', (_, props, value, old, expected) => {
    expect(outcome(props, value, old)).toEqual(expected);
  });
});
