// What of a definition's schema the two forms of OpenAPI say.
import { expect, test } from 'vitest';
import { publishedSchema } from './published-schema.ts';

const OPEN = 'x-kubernetes-preserve-unknown-fields';
const EMBEDDED = 'x-kubernetes-embedded-resource';
const text = { type: 'string' } as const;

test('v3 says all that the definition says', () => {
  const given = { type: 'object', nullable: true, properties: { a: { anyOf: [text], type: 'string' } } };
  expect(publishedSchema(given, 'v3')).toEqual(given);
});

test('v3 says of what is an integer or a string that it is one of the two', () => {
  const given = { 'x-kubernetes-int-or-string': true };
  expect(publishedSchema(given, 'v3')).toEqual({ ...given, anyOf: [{ type: 'integer' }, { type: 'string' }] });
  const own = { ...given, anyOf: [{ type: 'string' as const }] };
  expect(publishedSchema(own, 'v3')).toEqual(own);
});

test('v2 leaves out alternatives, and the types of what may be null or is open', () => {
  const given = {
    type: 'object',
    required: ['named', 'empty'],
    properties: {
      named: { ...text, anyOf: [{ minLength: 1 }] },
      empty: { type: 'object', nullable: true, properties: { a: text } },
      open: { type: 'object', properties: { a: text }, [OPEN]: true },
      list: { type: 'array', items: { type: 'object', [OPEN]: true } },
      bare: { type: 'array', items: text, [OPEN]: true },
      port: { 'x-kubernetes-int-or-string': true },
    },
  };
  expect(publishedSchema(given, 'v2')).toEqual({
    type: 'object',
    required: ['named'],
    properties: {
      named: text,
      empty: {},
      open: { [OPEN]: true },
      list: { type: 'array', items: { [OPEN]: true } },
      bare: { [OPEN]: true },
      port: { 'x-kubernetes-int-or-string': true },
    },
  });
});

test('objects inside have kind, version and metadata, but in v2 not when they are open', () => {
  const given = { type: 'object', required: ['spec'], properties: { spec: text }, [EMBEDDED]: true };
  expect(publishedSchema({ type: 'object', additionalProperties: given }, 'v3')).toMatchObject({
    additionalProperties: {
      required: ['spec', 'kind', 'apiVersion'],
      properties: { spec: text, kind: text, apiVersion: text, metadata: { allOf: [{}] } },
    },
  });
  const open = { type: 'object', [OPEN]: true, [EMBEDDED]: true };
  expect(publishedSchema(open, 'v2')).toEqual({ [OPEN]: true, [EMBEDDED]: true });
});
