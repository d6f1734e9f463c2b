// Tests of the validation of CustomResourceDefinitions, in Kubernetes' words.
import { describe, expect, it } from 'vitest';
import type { CustomResourceDefinition, JSONSchemaProps } from '../generated/apiextensions-v1.ts';
import {
  builtinSchema,
  fillDefaults,
  normalize,
  pruneUnknown,
  structuralSchema,
  validateRules,
  validateValues,
} from '../schema/index.ts';
import { validateCreate } from '../validate.ts';
import { customResourceDefinitions } from './custom-resource-definition.ts';

type Spec = Record<string, unknown>;

function definition(schema: unknown, more: Spec = {}): CustomResourceDefinition {
  const raw = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
      ...more,
    },
  };
  const crd = normalize(builtinSchema(customResourceDefinitions.schema), raw) as unknown as CustomResourceDefinition;
  customResourceDefinitions.strategy.applyDefaults?.(crd);
  customResourceDefinitions.strategy.prepareForCreate?.(crd, {} as never);
  return crd;
}

function problems(schema: unknown, more: Spec = {}): string[] {
  const errors = validateCreate(customResourceDefinitions, definition(schema, more), {} as never);
  return errors.map((e) => `${e.field}: ${e.body}`);
}

const F = 'spec.validation.openAPIV3Schema.properties[spec].properties[f]';
const ANY = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const withField = (f: unknown): unknown => ({
  type: 'object',
  properties: { spec: { type: 'object', properties: { f } } },
});

describe('a CustomResourceDefinition', () => {
  it('is good as people write it', () => {
    expect(problems(ANY)).toEqual([]);
    expect(
      problems(withField({ 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] })),
    ).toEqual([]);
    const crd = definition(ANY);
    expect(crd.spec.names).toEqual({ plural: 'widgets', kind: 'Widget', singular: 'widget', listKind: 'WidgetList' });
    expect(crd.spec.conversion).toEqual({ strategy: 'None' });
    expect(crd.status).toEqual({ conditions: null, acceptedNames: { plural: '', kind: '' }, storedVersions: ['v1'] });
  });

  it.each([
    [
      { group: '' },
      [
        'metadata.name: Invalid value: "widgets.example.com": must be spec.names.plural+"."+spec.group',
        'spec.group: Required value',
      ],
    ],
    [
      { scope: 'Everywhere' },
      ['spec.scope: Unsupported value: "Everywhere": supported values: "Cluster", "Namespaced"'],
    ],
    [
      { names: { plural: 'widgets', kind: 'Widget', listKind: 'Widget' } },
      ['spec.names.listKind: Invalid value: "Widget": kind and listKind may not be the same'],
    ],
    [
      { conversion: { strategy: 'Magic' } },
      ['spec.conversion.strategy: Unsupported value: "Magic": supported values: "None", "Webhook"'],
    ],
    [
      { versions: [{ name: 'v1', served: true, storage: true }] },
      ['spec.versions[0].schema.openAPIV3Schema: Required value'],
    ],
  ])('with %j is refused', (spec, expected) => {
    expect(problems(ANY, spec)).toEqual(expected);
  });

  it.each([
    [
      { type: 'text' },
      [
        `${F}.type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"`,
      ],
    ],
    [{ type: 'array' }, [`${F}.items: Required value: must be specified`]],
    [
      { type: 'object', definitions: { x: { type: 'string' } } },
      [`${F}.definitions: Forbidden: definitions is not supported`],
    ],
    [
      { type: 'string', pattern: '(' },
      [
        `${F}.pattern: Invalid value: "(": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): \`(\``,
      ],
    ],
    [
      { type: 'string', anyOf: [{ type: 'string' }] },
      [`${F}.anyOf[0].type: Forbidden: must be empty to be structural`],
    ],
    [
      { type: 'object', properties: { a: { type: 'object', properties: { b: {} } } } },
      [`${F}.properties[a].properties[b].type: Required value: must not be empty for specified object fields`],
    ],
    [
      { type: 'string', 'x-kubernetes-list-type': 'set' },
      [`${F}.type: Invalid value: "string": must be array if x-kubernetes-list-type is specified`],
    ],
    [
      {
        type: 'array',
        items: { type: 'object', properties: { k: { type: 'string' } } },
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
      },
      [
        `${F}.items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
      ],
    ],
    [
      { type: 'integer', 'x-kubernetes-validations': [{ rule: '' }] },
      [`${F}.x-kubernetes-validations[0].rule: Required value: rule is not specified`],
    ],
    [
      { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self + 1' }] },
      [
        `${F}.x-kubernetes-validations[0].rule: Invalid value: {"Rule":"self + 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: cel expression must evaluate to a bool`,
      ],
    ],
    [
      { type: 'integer', 'x-kubernetes-validations': [{ rule: "self == 'x'" }] },
      [
        `${F}.x-kubernetes-validations[0].rule: Invalid value: {"Rule":"self == 'x'","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:6: found no matching overload for '_==_' applied to '(int, string)'\n | self == 'x'\n | .....^`,
      ],
    ],
    [
      { type: 'string', not: { $schema: 'x' } },
      [`${F.slice(0, F.indexOf('.properties'))}: Invalid value: "": OpenAPIV3Schema 'schema' is not supported`],
    ],
    [
      { type: 'integer', default: 'x' },
      [`${F}.default: Invalid value: "string": ${F}.default in body must be of type integer: "string"`],
    ],
  ])('with the field %j is refused', (field, expected) => {
    expect(problems(withField(field))).toEqual(expected);
  });
});

function check(spec: JSONSchemaProps, value: unknown, old?: unknown): string[] {
  const schema = structuralSchema({ type: 'object', properties: { spec } });
  const errors = [
    ...validateValues(schema, { spec: value }),
    ...validateRules(schema, { spec: value }, old === undefined ? undefined : { spec: old }),
  ];
  return errors.map((e) => `${e.isKept === true ? 'kept ' : ''}${e.field}: ${e.body}`);
}

describe('a custom resource', () => {
  it.each([
    [{ type: 'string' }, 1, ['spec: Invalid value: "integer": spec in body must be of type string: "integer"']],
    [
      { type: 'integer' },
      1.5,
      [
        'spec: Invalid value: "number": spec in body must be of type integer: "number"',
        '<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec',
      ],
    ],
    [{ enum: [1, 2] }, 1.5, []],
    [{ type: 'integer', multipleOf: 3 }, 7, ['spec: Invalid value: 7: spec in body should be a multiple of 3']],
    [{ type: 'integer', enum: [1, 2] }, 3, ['spec: Unsupported value: 3: supported values: "1", "2"']],
    [{ type: 'string', pattern: '^ab' }, 'x', ['spec: Invalid value: "x": spec in body should match \'^ab\'']],
    [{ type: 'object', required: ['a'] }, {}, ['spec.a: Required value']],
    [
      { type: 'string', format: 'ipv4' },
      '::1',
      ['spec: Invalid value: "::1": spec in body must be of type ipv4: "::1"'],
    ],
    [
      { type: 'object', oneOf: [{ required: ['a'] }, { required: ['b'] }] },
      {},
      [
        '<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found none valid',
        'spec.a: Required value',
      ],
    ],
  ] as [JSONSchemaProps, unknown, string[]][])('%j refuses %j', (schema, value, expected) => {
    expect(check(schema, value)).toEqual(expected);
  });

  it('follows its rules, also over time', () => {
    const spec: JSONSchemaProps = {
      type: 'object',
      properties: { a: { type: 'integer' }, s: { type: 'string' } },
      'x-kubernetes-validations': [
        { rule: 'self.a > 0', messageExpression: "'too small for ' + self.s" },
        { rule: 'self.a >= oldSelf.a', message: 'a may only grow' },
      ],
    };
    expect(check(spec, { a: 0, s: 'me' })).toEqual(['spec: Invalid value: too small for me']);
    expect(check(spec, { a: 4 }, { a: 5 })).toEqual(['spec: Invalid value: a may only grow']);
    expect(check(spec, { s: 'x' })).toEqual([
      'spec: Invalid value: "object": no such key: a evaluating rule: self.a > 0',
    ]);
    expect(check(spec, { a: 6 }, { a: 5 })).toEqual([]);
    expect(check(spec, { a: 0, s: 'm' }, { a: 0, s: 'm' })).toEqual(['kept spec: Invalid value: too small for m']);
  });

  it('is pruned and gets its defaults', () => {
    const schema = structuralSchema({
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          properties: {
            a: { type: 'string', default: 'd' },
            o: { type: 'object', default: {}, properties: { i: { type: 'integer', default: 1 } } },
            l: { type: 'array', items: { type: 'object', properties: { k: { type: 'string', default: 'item' } } } },
          },
        },
      },
    });
    const object = {
      kind: 'X',
      metadata: { name: 'n', odd: 1 },
      spec: { z: 1, a: null, l: [{ z: 1 }, { k: 'x' }] },
      more: 1,
    };
    expect(pruneUnknown(object, schema)).toEqual(['more', 'spec.l[0].z', 'spec.z']);
    fillDefaults(object, schema);
    expect(object).toEqual({
      kind: 'X',
      metadata: { name: 'n', odd: 1 },
      spec: { a: 'd', o: { i: 1 }, l: [{ k: 'item' }, { k: 'x' }] },
    });
  });
});

describe('formats', () => {
  it('that nothing knows are warned about, once, and only when they are new', () => {
    const odd = definition({
      type: 'object',
      properties: {
        a: { type: 'string', format: 'odd' },
        b: { type: 'array', items: { type: 'string', format: 'odd' } },
        c: { type: 'integer', format: 'int32' },
        d: { type: 'string', format: 'int64' },
        e: { type: 'string', format: 'date-time' },
      },
    });
    const { warnings } = customResourceDefinitions.strategy;
    expect(warnings?.(odd, undefined, {} as never)).toEqual([
      'unrecognized format "odd"',
      'unrecognized format "int64"',
    ]);
    expect(warnings?.(odd, odd, {} as never)).toEqual([]);
  });
});
