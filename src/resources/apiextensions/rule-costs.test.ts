// Rules that could cost too much are refused with their definition; examples of the documentation and of people's own definitions.
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../machinery/object.ts';
import type { CustomResourceDefinition } from '../generated/apiextensions-v1.ts';
import { validateDefinition, validateDefinitionUpdate } from './validate.ts';

function definition(spec: JsonObject): CustomResourceDefinition {
  const openAPIV3Schema = { type: 'object', properties: { spec } };
  const names = { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' };
  const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: { group: 'example.com', scope: 'Namespaced', names, versions },
    status: { storedVersions: ['v1'] },
  } as unknown as CustomResourceDefinition;
}
const problems = (spec: JsonObject): string[] =>
  validateDefinition(definition(spec)).map(({ field, body }) => `${field}: ${body}`);
const rule = (text: string) => ({ 'x-kubernetes-validations': [{ rule: text }] });
const HINT =
  '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';
const AT = 'spec.validation.openAPIV3Schema.properties[spec]';
const TOTAL = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';

const string = { type: 'string' };
const integer = { type: 'integer' };

describe('rules that are cheap enough', () => {
  it.each<[string, JsonObject]>([
    ['comparisons of numbers', { type: 'object', properties: { a: integer, b: integer }, ...rule('self.a <= self.b') }],
    ['what may not change', { type: 'object', properties: { a: string }, ...rule('self == oldSelf') }],
    ['a text that may not change', { ...string, ...rule('self == oldSelf') }],
    ['a pattern over one text', { ...string, ...rule("self.matches('^[a-z]+$')") }],
    ['a prefix of every text of a list', { type: 'array', items: string, ...rule("self.all(x, x.startsWith('a'))") }],
    [
      'what every item of a list has',
      { type: 'array', items: { type: 'object', properties: { a: integer }, ...rule('self.a > 0') } },
    ],
    ['one of two', { type: 'object', properties: { a: string, b: string }, ...rule('has(self.a) != has(self.b)') }],
    [
      'texts within texts, both bounded',
      { type: 'array', maxItems: 10, items: { ...string, maxLength: 100 }, ...rule("self.all(x, x.contains('a'))") },
    ],
    [
      'every pair of a bounded list',
      { type: 'array', maxItems: 100, items: integer, ...rule('self.all(x, self.exists_one(y, x == y))') },
    ],
    ['keys of a map', { type: 'object', additionalProperties: integer, ...rule('self.all(k, self[k] > 0)') }],
  ])('%s', (_name, spec) => {
    expect(problems(spec)).toEqual([]);
  });
});

describe('rules that are too expensive', () => {
  it('in texts of any length in a list of any length', () => {
    const spec = { type: 'array', items: string, ...rule("self.all(x, x.contains('a string'))") };
    expect(problems(spec)).toEqual([
      `${AT}.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${HINT}`,
      `${AT}.x-kubernetes-validations[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
      `spec.validation.openAPIV3Schema: Forbidden: ${TOTAL} exceeds budget by factor of more than 100x ${HINT}`,
    ]);
  });

  it('in every pair of a list of any length', () => {
    const inner = { type: 'array', items: integer };
    const spec = { type: 'array', items: inner, ...rule('self.all(x, self.all(y, x == y))') };
    expect(problems(spec)[0]).toContain('estimated rule cost exceeds budget by factor of more than 100x');
  });

  it('by less, which is told', () => {
    const spec = { type: 'array', maxItems: 2000, items: integer, ...rule('self.all(x, self.all(y, x != y))') };
    expect(problems(spec)).toEqual([
      expect.stringMatching(
        /rule: Forbidden: estimated rule cost exceeds budget by factor of [2-9]\.\dx \(try/,
      ) as string,
    ]);
  });

  it('in their messages', () => {
    const items = { ...string, ...rule('true') };
    const message = "self.map(x, x.replace('', 'abcdef')).join('')";
    const spec = { type: 'array', items, 'x-kubernetes-validations': [{ rule: 'true', messageExpression: message }] };
    expect(problems(spec)).toEqual([
      expect.stringContaining(
        'messageExpression: Forbidden: estimated messageExpression cost exceeds budget',
      ) as string,
      // It counts in the total too, where the rule weighs nothing.
      expect.stringContaining('messageExpression: Forbidden: contributed to estimated rule cost total') as string,
      expect.stringContaining(TOTAL) as string,
    ]);
  });

  it('all together only', () => {
    const one = { type: 'array', items: string, ...rule("self.all(x, x.startsWith('a'))") };
    const properties = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`p${i}`, one]));
    const found = problems({ type: 'object', properties });
    expect(found.filter((text) => text.includes('contributed to'))).toHaveLength(4);
    expect(found).toHaveLength(5);
    expect(found[4]).toMatch(/^spec\.validation\.openAPIV3Schema: Forbidden: .* total .* factor of 1\.\dx|1\.\d{6}x/);
  });

  it('but stay where they were accepted before', () => {
    const old = definition({ type: 'array', items: string, ...rule("self.all(x, x.contains('a'))") });
    expect(validateDefinitionUpdate(old, old)).toEqual([]);
  });
});
