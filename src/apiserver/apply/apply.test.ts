// Field management: what genuine servers answered, and laws that must hold whatever is applied.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../machinery/errors.ts';
import type { JsonObject, ManagedFieldsEntry } from '../../machinery/object.ts';
import { builtinSchema, normalize, type SchemaNode } from '../../resources/schema/index.ts';
import { type Applied, applyPatch, managerName, parentEntries, scaleEntries, updateManagedFields } from './index.ts';

const CONFIG_MAP = builtinSchema('io.k8s.api.core.v1.ConfigMap');
const TEMPLATE = builtinSchema('io.k8s.api.core.v1.PodTemplate');
const TIME = '2026-01-01T00:00:00Z';
const LATER = '2026-01-01T00:01:00Z';

interface Kind {
  readonly kind: string;
  readonly schema: SchemaNode;
}
const configMap: Kind = { kind: 'ConfigMap', schema: CONFIG_MAP };
const podTemplate: Kind = { kind: 'PodTemplate', schema: TEMPLATE };

/** An object under writes, as the server keeps it. */
class Live {
  object: JsonObject | undefined;
  constructor(private readonly kind: Kind) {}

  apply(manager: string, body: JsonObject, options: { force?: boolean; time?: string } = {}): Applied {
    const applied = { apiVersion: 'v1', kind: this.kind.kind, metadata: { name: 'a' }, ...body };
    const result = applyPatch({
      ...this.frame(),
      kind: this.kind.kind,
      live: this.object,
      applied,
      manager,
      force: options.force ?? false,
      time: options.time ?? TIME,
    });
    this.keep(result.object ?? this.object ?? applied, result.managedFields);
    return result;
  }

  update(manager: string, body: JsonObject, time = TIME): void {
    const metadata = { name: 'a', uid: 'u', ...(body.metadata as JsonObject | undefined) };
    const next = normalize(this.kind.schema, { apiVersion: 'v1', kind: this.kind.kind, ...body, metadata });
    this.keep(next, updateManagedFields({ ...this.frame(), old: this.object, next, manager, time }));
  }

  private frame(): { schema: SchemaNode; apiVersion: string } {
    return { schema: this.kind.schema, apiVersion: 'v1' };
  }

  private keep(object: JsonObject, managedFields: ManagedFieldsEntry[] | undefined): void {
    const { managedFields: _, ...metadata } = object.metadata as JsonObject;
    this.object = normalize(this.kind.schema, {
      ...object,
      metadata: { ...metadata, uid: 'u', ...(managedFields === undefined ? {} : { managedFields }) },
    });
  }

  get entries(): ManagedFieldsEntry[] {
    return (this.metadata.managedFields ?? []) as ManagedFieldsEntry[];
  }

  get metadata(): JsonObject {
    return (this.object?.metadata ?? {}) as JsonObject;
  }

  fields(manager: string): unknown {
    return this.entries.find((entry) => entry.manager === manager)?.fieldsV1;
  }
}

function failure(run: () => unknown): ApiError {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const pod = (...containers: JsonObject[]): JsonObject => ({ template: { spec: { containers } } });

describe('an update', () => {
  test('that creates owns what it set and the maps it made, but not what is always there', () => {
    const live = new Live(podTemplate);
    live.update('maker', {
      metadata: { labels: { l: '1' } },
      ...pod({
        name: 'c',
        image: 'i',
        env: [{ name: 'A', value: '1' }],
        ports: [{ containerPort: 80, protocol: 'TCP' }],
      }),
    });
    expect(live.entries).toEqual([
      {
        manager: 'maker',
        operation: 'Update',
        apiVersion: 'v1',
        time: TIME,
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:l': {} } },
          'f:template': {
            'f:spec': {
              'f:containers': {
                'k:{"name":"c"}': {
                  '.': {},
                  'f:env': { '.': {}, 'k:{"name":"A"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
                  'f:image': {},
                  'f:name': {},
                  'f:ports': {
                    '.': {},
                    'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {}, 'f:protocol': {} },
                  },
                  'f:resources': {},
                },
              },
            },
          },
        },
      },
    ]);
  });

  test('takes what it changes from others, and what it removes from all', () => {
    const live = new Live(configMap);
    live.apply('one', { data: { x: '1', y: '1', z: '1' } });
    live.update('two', { data: { x: '2', y: '1' } }, LATER);
    expect(live.fields('one')).toEqual({ 'f:data': { 'f:y': {} } });
    expect(live.fields('two')).toEqual({ 'f:data': { 'f:x': {} } });
  });

  test('that changes nothing takes nothing and leaves the times', () => {
    const live = new Live(configMap);
    live.update('one', { data: { x: '1' } });
    const before = live.entries;
    live.update('two', { data: { x: '1' } }, LATER);
    expect(live.entries).toEqual(before);
  });

  test('of more than ten managers takes the oldest together', () => {
    const live = new Live(configMap);
    const data: JsonObject = {};
    for (let i = 0; i < 13; i++) {
      data[`k${i}`] = 'v';
      live.update(`m${i}`, { data: { ...data } }, `2026-01-01T00:00:${10 + i}Z`);
    }
    expect(live.entries.map((entry) => entry.manager)).toEqual([
      'ancient-changes',
      ...Array.from({ length: 9 }, (_, i) => `m${i + 4}`),
    ]);
    expect(live.fields('ancient-changes')).toEqual({
      'f:data': { '.': {}, 'f:k0': {}, 'f:k1': {}, 'f:k2': {}, 'f:k3': {} },
    });
  });

  test('may set the entries or clear them, and nobody is followed after that until an apply', () => {
    const live = new Live(configMap);
    live.update('one', { data: { x: '1' } });
    live.update('two', { metadata: { managedFields: [{}] }, data: { x: '1', y: '2' } });
    expect(live.entries).toEqual([]);
    live.update('three', { data: { x: '3' } });
    expect(live.entries).toEqual([]);
    expect(failure(() => live.apply('four', { data: { x: '4' } })).message).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.x',
    );
  });

  test('with entries that make no sense keeps those that were there', () => {
    const live = new Live(configMap);
    live.update('one', { data: { x: '1' } });
    live.update('two', { metadata: { managedFields: [{ manager: 'm', operation: 'Nope' }] }, data: { x: '1' } });
    expect(live.entries.map((entry) => entry.manager)).toEqual(['one']);
  });

  test('owns no field that its door resets', () => {
    const schema = builtinSchema('io.k8s.api.core.v1.Pod');
    const next = normalize(schema, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a' },
      spec: { nodeName: 'n' },
      status: { phase: 'Running' },
    });
    const request = { schema, apiVersion: 'v1', old: undefined, next, manager: 'm', time: TIME };
    expect(updateManagedFields({ ...request, resetFields: ['status'] })?.[0]?.fieldsV1).toEqual({
      'f:spec': { 'f:nodeName': {} },
    });
  });

  test('is recorded under the user agent when no manager is named', () => {
    expect(managerName(undefined, 'kubectl/v1.30 (linux/amd64)')).toBe('kubectl');
    expect(managerName('', `${'é'.repeat(100)}/1`)).toBe('é'.repeat(64));
    expect(managerName('me', 'x')).toBe('me');
  });
});

describe('an apply', () => {
  test('owns what it names, and items of lists as such', () => {
    const live = new Live(podTemplate);
    live.apply('one', pod({ name: 'c', image: 'i:1', ports: [{ containerPort: 80 }], args: ['x'] }));
    expect(live.fields('one')).toEqual({
      'f:template': {
        'f:spec': {
          'f:containers': {
            'k:{"name":"c"}': {
              '.': {},
              'f:args': {},
              'f:image': {},
              'f:name': {},
              'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
            },
          },
        },
      },
    });
  });

  test('that would change what others own names them and the fields', () => {
    const live = new Live(configMap);
    live.apply('one', { data: { x: '1' } });
    live.apply('two', { data: { y: '1' } });
    const error = failure(() => live.apply('three', { data: { x: '2', y: '2' } }));
    expect(error.toStatus()).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: 'Apply failed with 2 conflicts: conflicts with "one":\n- .data.x\nconflicts with "two":\n- .data.y',
      details: {
        causes: [
          { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.x' },
          { reason: 'FieldManagerConflict', message: 'conflict with "two"', field: '.data.y' },
        ],
      },
    });
  });

  test('writes paths of list items by their keys', () => {
    const live = new Live(podTemplate);
    live.apply('one', pod({ name: 'c', image: 'i', ports: [{ containerPort: 80, name: 'x' }] }));
    const error = failure(() => live.apply('two', pod({ name: 'c', ports: [{ containerPort: 80, name: 'y' }] })));
    expect(error.message).toBe(
      'Apply failed with 1 conflict: conflict with "one": .template.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"].name',
    );
  });

  test('by force takes the fields', () => {
    const live = new Live(configMap);
    live.apply('one', { data: { x: '1', y: '1' } });
    live.apply('two', { data: { x: '2' } }, { force: true });
    expect(live.object?.data).toEqual({ x: '2', y: '1' });
    expect(live.fields('one')).toEqual({ 'f:data': { 'f:y': {} } });
    expect(live.fields('two')).toEqual({ 'f:data': { 'f:x': {} } });
  });

  test('without a field that it had before removes it, unless another owns it', () => {
    const live = new Live(configMap);
    live.apply('one', { data: { x: '1', y: '2', z: '3' } });
    live.apply('two', { data: { x: '1' } });
    live.apply('one', { data: { z: '3' } });
    expect(live.object?.data).toEqual({ x: '1', z: '3' });
    live.apply('two', {});
    expect(live.object?.data).toEqual({ z: '3' });
    expect(live.entries.map((entry) => entry.manager)).toEqual(['one']);
  });

  test('that changes ownership only leaves an entry without a time, which comes first', () => {
    const live = new Live(configMap);
    live.apply('one', { data: { x: '1' } });
    const result = live.apply('two', { data: { x: '1' } }, { time: LATER });
    expect(result.object).toBeUndefined();
    expect(live.entries.map((entry) => [entry.manager, entry.time])).toEqual([
      ['two', undefined],
      ['one', TIME],
    ]);
  });

  test('merges lists by key and keeps the order that was', () => {
    const live = new Live(podTemplate);
    const container = (name: string): JsonObject => ({ name, image: 'i' });
    const names = (): unknown =>
      (live.object as { template: { spec: { containers: { name: string }[] } } }).template.spec.containers.map(
        (c) => c.name,
      );
    live.apply('one', pod(container('c'), container('d')));
    live.apply('two', pod(container('z'), container('d')));
    expect(names()).toEqual(['c', 'z', 'd']);
    live.apply('one', pod(container('d'), container('y'), container('c')));
    expect(names()).toEqual(['z', 'd', 'y', 'c']);
  });

  test('joins what two managers put into a set', () => {
    const live = new Live(configMap);
    live.apply('one', { metadata: { name: 'a', finalizers: ['e/a'] } });
    live.apply('two', { metadata: { name: 'a', finalizers: ['e/b'] } });
    live.apply('one', { metadata: { name: 'a', finalizers: ['e/c'] } });
    expect(live.metadata.finalizers).toEqual(['e/b', 'e/c']);
    expect(live.fields('one')).toEqual({ 'f:metadata': { 'f:finalizers': { 'v:"e/c"': {} } } });
  });

  test.each([
    [{ nope: 1 }, '.nope: field not declared in schema'],
    [
      { metadata: { name: 'a', finalizers: ['e/a', 'e/a'] } },
      '.metadata.finalizers: duplicate entries for key [="e/a"]',
    ],
    [{ data: { x: 1 } }, '.data.x: expected string, got &value.valueUnstructured{Value:1}'],
    [{ immutable: 'x' }, '.immutable: expected boolean, got &{x}'],
    [{ data: 5 }, '.data: expected map, got &{5}'],
  ])('of a body that does not fit is 500: %j', (body, problem) => {
    const error = failure(() => new Live(configMap).apply('one', body));
    expect([error.code, error.reason, error.message]).toEqual([
      500,
      '',
      `failed to create typed patch object (/a; /v1, Kind=ConfigMap): ${problem}`,
    ]);
  });

  test('of another kind or with managed fields is 400', () => {
    const live = new Live(configMap);
    expect(failure(() => live.apply('one', { apiVersion: 'v2' })).message).toBe(
      'invalid object type: /v2, Kind=ConfigMap',
    );
    expect(failure(() => live.apply('one', { metadata: { managedFields: [] } })).message).toBe(
      'metadata.managedFields must be nil',
    );
  });

  test('keeps keys that mean something to JavaScript', () => {
    const live = new Live(configMap);
    live.apply('one', JSON.parse('{"data":{"__proto__":"p","constructor":"c"}}') as JsonObject);
    expect(JSON.stringify(live.object?.data)).toBe('{"__proto__":"p","constructor":"c"}');
    live.apply('one', JSON.parse('{"data":{"__proto__":"q"}}') as JsonObject);
    expect(JSON.stringify(live.object?.data)).toBe('{"__proto__":"q"}');
    expect(live.fields('one')).toEqual({ 'f:data': { 'f:__proto__': {} } });
  });
});

describe('an object that kubectl applied on its side before', () => {
  const LAST = 'kubectl.kubernetes.io/last-applied-configuration';
  const clientApplied = (data: JsonObject): Live => {
    const live = new Live(configMap);
    const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data };
    live.update('kubectl-client-side-apply', { metadata: { annotations: { [LAST]: JSON.stringify(applied) } }, data });
    return live;
  };

  test('can be taken over by kubectl without conflicts, and the annotation follows', () => {
    const live = clientApplied({ x: '1' });
    live.apply('kubectl', { data: { x: '2' } });
    expect(live.object?.data).toEqual({ x: '2' });
    const annotations = live.metadata.annotations as JsonObject;
    expect(JSON.parse(String(annotations[LAST]))).toMatchObject({ metadata: { name: 'a' }, data: { x: '2' } });
  });

  test('is not free for others, nor for what changed since', () => {
    expect(failure(() => clientApplied({ x: '1' }).apply('else', { data: { x: '2' } })).reason).toBe('Conflict');
    const live = clientApplied({ x: '1', y: '1' });
    live.update('editor', { metadata: live.metadata, data: { x: '5', y: '1' } });
    expect(failure(() => live.apply('kubectl', { data: { x: '2', y: '2' } })).message).toBe(
      'Apply failed with 1 conflict: conflict with "editor" using v1: .data.x',
    );
  });
});

describe('the scale of an object', () => {
  const path = (): readonly string[] => ['spec', 'replicas'];
  const entry = (manager: string, operation: string, fieldsV1: JsonObject): ManagedFieldsEntry => ({
    manager,
    operation,
    apiVersion: 'apps/v1',
    time: TIME,
    fieldsType: 'FieldsV1',
    fieldsV1,
  });
  const parent = [
    entry('one', 'Apply', { 'f:spec': { 'f:replicas': {}, 'f:selector': {} } }),
    entry('two', 'Update', { 'f:spec': { 'f:paused': {} } }),
  ];

  test('has the owner of the replicas', () => {
    expect(scaleEntries(parent, path)).toEqual([
      { ...entry('one', 'Apply', { 'f:spec': { 'f:replicas': {} } }), apiVersion: 'autoscaling/v1' },
    ]);
  });

  test('gives the replicas to who set them there', () => {
    const written = {
      ...entry('scaler', 'Update', { 'f:spec': { 'f:replicas': {} } }),
      apiVersion: 'autoscaling/v1',
      subresource: 'scale',
    };
    const merged = parentEntries({ parent, scale: [written], apiVersion: 'apps/v1', replicasPath: path });
    expect(merged?.map((e) => [e.manager, e.apiVersion, e.subresource, e.fieldsV1])).toEqual([
      ['one', 'apps/v1', undefined, { 'f:spec': { 'f:selector': {} } }],
      ['scaler', 'apps/v1', 'scale', { 'f:spec': { 'f:replicas': {} } }],
      ['two', 'apps/v1', undefined, { 'f:spec': { 'f:paused': {} } }],
    ]);
  });
});

describe('whatever is applied', () => {
  const value = fc.constantFrom('1', '2', '3');
  const data = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), value, { maxKeys: 3 });
  const env = fc.uniqueArray(fc.record({ name: fc.constantFrom('A', 'B', 'C'), value }), { selector: (e) => e.name });
  const containers = fc.uniqueArray(
    fc.record({ name: fc.constantFrom('x', 'y', 'z'), image: value, env }, { requiredKeys: ['name'] }),
    { selector: (c) => c.name },
  );
  const manager = fc.constantFrom('one', 'two', 'three');
  const template = containers.map((list) => ({ template: { spec: { containers: list } } }) as JsonObject);

  test('applying twice is applying once', () => {
    fc.assert(
      fc.property(template, template, (before, body) => {
        const live = new Live(podTemplate);
        live.apply('other', before);
        live.apply('one', body, { force: true });
        const once = live.object;
        live.apply('one', body, { force: true });
        expect(live.object).toEqual(once);
      }),
    );
  });

  test('what was applied is there, and owned, whatever others did before', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(manager, data), { maxLength: 5 }), data, (history, body) => {
        const live = new Live(configMap);
        for (const [who, what] of history) live.apply(who, { data: what }, { force: true });
        live.apply('last', { data: body }, { force: true });
        for (const [key, wanted] of Object.entries(body)) {
          const there = (live.object?.data ?? {}) as JsonObject;
          expect(Object.hasOwn(there, key) && there[key]).toBe(wanted);
          expect(live.fields('last')).toHaveProperty(['f:data', `f:${key}`]);
        }
      }),
    );
  });

  test('what any manager owns is never lost by an apply of another', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(manager, data), { minLength: 1, maxLength: 6 }), data, (history, body) => {
        const live = new Live(configMap);
        for (const [who, what] of history) live.apply(who, { data: what }, { force: true });
        const owned = live.entries
          .filter((entry) => entry.manager !== 'one')
          .flatMap((entry) => Object.keys((entry.fieldsV1?.['f:data'] ?? {}) as JsonObject))
          .filter((key) => key !== '.')
          .map((key) => key.slice(2));
        live.apply('one', { data: body }, { force: true });
        for (const key of owned) expect(Object.hasOwn((live.object?.data ?? {}) as JsonObject, key)).toBe(true);
      }),
    );
  });

  test('every field has an owner as long as all writes are recorded', () => {
    const write = fc.tuple(fc.boolean(), manager, data);
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 8 }), (writes) => {
        const live = new Live(configMap);
        // Nobody is followed on an object whose entries are empty.
        const metadata = { labels: { l: '1' } };
        live.update('maker', { metadata });
        for (const [isApply, who, what] of writes) {
          if (isApply) live.apply(who, { data: what }, { force: true });
          else live.update(who, { metadata, data: what });
        }
        const owned = new Set(
          live.entries.flatMap((entry) => Object.keys((entry.fieldsV1?.['f:data'] ?? {}) as JsonObject)),
        );
        for (const key of Object.keys((live.object?.data ?? {}) as JsonObject)) expect(owned).toContain(`f:${key}`);
        for (const key of owned) {
          if (key !== '.') expect(Object.hasOwn((live.object?.data ?? {}) as JsonObject, key.slice(2))).toBe(true);
        }
      }),
    );
  });
});
