// Which fields of built-in types are floats when an object is read with all digits of its integers.
import { describe, expect, it } from 'vitest';
import { parseExact } from '../../machinery/exact-json.ts';
import { builtinSchema } from './builtin.ts';
import { typedNumbers } from './typed-numbers.ts';

const REVISION = builtinSchema('io.k8s.api.apps.v1.ControllerRevision');
const DEFINITION = builtinSchema('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition');

describe('Integers of an object that was read with all their digits', () => {
  it('keep their digits in fields of a type and in what may be anything', () => {
    const object = parseExact('{"revision":9007199254740993,"data":{"a":[9007199254740993]}}');
    expect(typedNumbers(REVISION, object)).toEqual({ revision: 9007199254740993n, data: { a: [9007199254740993n] } });
  });

  it('are floats where the schemas of a definition have these', () => {
    const schema = (more: string): string =>
      `{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"properties":{"a":{${more}}},"items":{${more}}}}}]}}`;
    const object = parseExact(
      schema('"maximum":9007199254740993,"default":9007199254740993,"enum":[9007199254740993]'),
    );
    const inner = { maximum: 9007199254740992, default: 9007199254740993n, enum: [9007199254740993n] };
    expect(typedNumbers(DEFINITION, object)).toEqual({
      spec: { versions: [{ schema: { openAPIV3Schema: { properties: { a: inner }, items: inner } } }] },
    });
  });
});
