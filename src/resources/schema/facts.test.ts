// Checks the facts tables against the published OpenAPI document, where that is at hand.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findBuiltinSchema } from './builtin.ts';
import type { SchemaNode } from './node.ts';

const FILE = new URL('../../../../shared/reference/openapi-v1.36.json', import.meta.url).pathname;

interface Definition {
  readonly type?: string;
  readonly format?: string;
  readonly $ref?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Definition>>;
  readonly items?: Definition;
  readonly additionalProperties?: Definition;
  readonly [key: `x-kubernetes-${string}`]: unknown;
}

/** Types that the engine treats as one value. */
const OPAQUE = /\.(Quantity|Time|MicroTime|IntOrString|RawExtension|FieldsV1|JSON|Patch|JSONSchemaPropsOr\w+)$/;

function ref(definition: Definition): string | undefined {
  return definition.$ref?.slice('#/definitions/'.length);
}

function compare(path: string, wanted: Definition, node: SchemaNode | undefined): string[] {
  if (node === undefined) return [`${path}: missing`];
  const id = ref(wanted);
  if (id !== undefined) return id === node.id ? [] : [`${path}: is ${node.id}, not ${id}`];
  if (wanted.type !== undefined && wanted.type !== node.type) return [`${path}: is ${node.type}, not ${wanted.type}`];
  if (wanted.items !== undefined) return compare(`${path}[]`, wanted.items, node.items);
  if (wanted.additionalProperties !== undefined)
    return compare(`${path}{}`, wanted.additionalProperties, node.additionalProperties);
  return [];
}

function facts(
  path: string,
  wanted: Definition,
  field: { schema: SchemaNode; patchStrategy?: readonly string[]; patchMergeKey?: string },
): string[] {
  const problems: string[] = [];
  const check = (name: string, a: unknown, b: unknown): void => {
    if (JSON.stringify(a) !== JSON.stringify(b))
      problems.push(`${path}: ${name} ${JSON.stringify(b)}, wanted ${JSON.stringify(a)}`);
  };
  check('list type', wanted['x-kubernetes-list-type'], field.schema.listType);
  check('list keys', wanted['x-kubernetes-list-map-keys'], field.schema.listMapKeys);
  check('merge key', wanted['x-kubernetes-patch-merge-key'], field.patchMergeKey);
  check('strategy', wanted['x-kubernetes-patch-strategy'], field.patchStrategy?.join(','));
  if (wanted.$ref === undefined) check('map type', wanted['x-kubernetes-map-type'], field.schema.mapType);
  return problems;
}

describe.skipIf(!existsSync(FILE))('the facts (skipped where the OpenAPI document of v1.36 is not at hand)', () => {
  it('agree with the OpenAPI document on fields, types, required fields, lists, maps and merge keys', () => {
    const document = JSON.parse(readFileSync(FILE, 'utf8')) as { definitions: Record<string, Definition> };
    const problems: string[] = [];
    for (const [id, definition] of Object.entries(document.definitions)) {
      if (OPAQUE.test(id)) continue;
      const node = findBuiltinSchema(id);
      if (node?.properties === undefined) {
        if (definition.properties !== undefined) problems.push(`${id}: missing`);
        continue;
      }
      const wanted = Object.keys(definition.properties ?? {}).sort();
      const got = [...node.properties.keys()].sort();
      if (wanted.join() !== got.join())
        problems.push(
          `${id}: fields ${got.filter((f) => !wanted.includes(f)).join()} / ${wanted.filter((f) => !got.includes(f)).join()}`,
        );
      const required = [...node.properties.values()]
        .filter((f) => f.required)
        .map((f) => f.name)
        .sort();
      if (required.join() !== [...(definition.required ?? [])].sort().join())
        problems.push(`${id}: required ${required.join()} / ${definition.required?.join()}`);
      if (definition['x-kubernetes-map-type'] !== node.mapType) problems.push(`${id}: map type ${node.mapType}`);
      for (const [name, property] of Object.entries(definition.properties ?? {})) {
        const field = node.properties.get(name);
        if (field === undefined) continue;
        problems.push(...compare(`${id}.${name}`, property, field.schema), ...facts(`${id}.${name}`, property, field));
      }
    }
    expect(problems).toEqual([]);
  });
});

describe('the facts', () => {
  it('know the keys of lists, the merge keys and the defaults of list keys', () => {
    const ports = findBuiltinSchema('io.k8s.api.core.v1.Container')?.properties?.get('ports');
    expect(ports?.schema.listMapKeys).toEqual(['containerPort', 'protocol']);
    expect(ports?.patchMergeKey).toBe('containerPort');
    expect(ports?.schema.items?.properties?.get('protocol')?.default).toBe('TCP');
    expect(ports?.proto).toBe(6);
    expect(findBuiltinSchema('io.k8s.api.core.v1.Nope')).toBeUndefined();
  });
});
