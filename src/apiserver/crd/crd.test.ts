// Tests of custom resources through the whole API server: served at once, converted, pruned, checked, and cleaned up.
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../host/clock.ts';
import { encodeJson } from '../../machinery/json.ts';
import type { JsonObject } from '../../machinery/object.ts';
import { RESOURCES } from '../../resources/index.ts';
import { openMemoryStore } from '../../store/index.ts';
import { type ApiServer, createApiServer } from '../index.ts';

let server: ApiServer;
const failures: unknown[] = [];

beforeAll(async () => {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  server = await createApiServer({
    store: openMemoryStore(),
    resources: RESOURCES,
    clock: systemClock,
    random: systemRandom,
    serviceAccountKey: privateKey,
    clusterCa: '',
    onError: (error) => failures.push(error),
  });
});
afterAll(async () => {
  await server.close();
});

interface Answer {
  readonly status: number;
  readonly body: JsonObject & { metadata: JsonObject; status: JsonObject; spec: JsonObject; items: JsonObject[] };
  readonly warning: unknown;
}

/** With its kind and version, which a custom resource must name itself. */
function named(path: string, body: unknown): unknown {
  const [, apiVersion] = /^\/apis\/(\w+\.example\.com\/\w+)\//.exec(path) ?? [];
  return apiVersion === undefined ? body : { apiVersion, kind: 'Widget', ...(body as JsonObject) };
}

async function send(method: string, path: string, body?: unknown, type = 'application/json'): Promise<Answer> {
  const [plain = '', query = ''] = path.split('?');
  const response = await server.handle({
    method,
    path: plain,
    query: new URLSearchParams(query),
    headers: { 'content-type': type, accept: 'application/json', 'user-agent': 'test/1' },
    user: { username: 'admin', groups: ['system:masters'] },
    ...(body === undefined ? {} : { body: encodeJson(method === 'POST' ? named(plain, body) : body) }),
  });
  const text = response.body instanceof Uint8Array ? Buffer.from(response.body).toString() : '';
  return {
    status: response.status,
    body: text.startsWith('{') ? JSON.parse(text) : {},
    warning: response.headers.warning,
  };
}

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

function definition(group: string, versions: unknown[]): JsonObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `widgets.${group}` },
    spec: { group, scope: 'Namespaced', names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'] }, versions },
  };
}

function version(name: string, spec: unknown, more: JsonObject = {}): JsonObject {
  return {
    name,
    served: true,
    storage: name === 'v1',
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: { type: 'object', properties: spec },
          status: { type: 'object', properties: { n: { type: 'integer' } } },
        },
      },
    },
    ...more,
  };
}

async function until(check: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('did not come to pass');
}

describe('custom resources', () => {
  it('have a definition that can be changed at once by whoever made it: its status is settled', async () => {
    const answer = await send('POST', CRDS, definition('settled.example.com', [version('v1', {})]));
    expect(answer.body.status).not.toHaveProperty('conditions.0.type');
    const path = `${CRDS}/widgets.settled.example.com`;
    const { body } = await send('GET', path);
    const held = body.status as { conditions: { type: string; status: string }[] };
    expect(held.conditions).toContainEqual(expect.objectContaining({ type: 'Established', status: 'True' }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await send('PUT', path, body)).status).toBe(200);
  });

  it('are served as soon as their definition is written, with defaults and without unknown fields', async () => {
    const spec = { n: { type: 'integer', default: 1 }, s: { type: 'string', maxLength: 3 } };
    expect((await send('POST', CRDS, definition('a.example.com', [version('v1', spec)]))).status).toBe(201);
    const made = await send('POST', '/apis/a.example.com/v1/namespaces/default/widgets', {
      apiVersion: 'a.example.com/v1',
      kind: 'Widget',
      metadata: { name: 'w', odd: 1 },
      spec: { s: 'x', z: 1 },
    });
    expect(made.status).toBe(201);
    expect(made.warning).toEqual(['299 - "unknown field \\"metadata.odd\\""', '299 - "unknown field \\"spec.z\\""']);
    expect(made.body.spec).toEqual({ s: 'x', n: 1 });
    await until(async () => {
      const conditions = ((await send('GET', `${CRDS}/widgets.a.example.com`)).body.status.conditions ??
        []) as JsonObject[];
      return conditions.some((c) => c.type === 'Established' && c.status === 'True');
    });
    const bad = await send('POST', '/apis/a.example.com/v1/namespaces/default/widgets', {
      metadata: { name: 'b' },
      spec: { s: 'long' },
    });
    expect(bad.status).toBe(422);
    expect(bad.body.message).toContain('spec.s: Too long: may not be more than 3 bytes');
  });

  it('of several versions differ in nothing but what each of them knows', async () => {
    const versions = [
      version('v1', { a: { type: 'string' }, shared: { type: 'string' } }),
      version('v2', { shared: { type: 'string' } }),
    ];
    await send('POST', CRDS, definition('b.example.com', versions));
    await send('POST', '/apis/b.example.com/v1/namespaces/default/widgets', {
      metadata: { name: 'w' },
      spec: { a: 'x', shared: 's' },
    });
    const other = await send('GET', '/apis/b.example.com/v2/namespaces/default/widgets/w');
    expect(other.body).toMatchObject({ apiVersion: 'b.example.com/v2', spec: { shared: 's' } });
    expect(other.body.spec).not.toHaveProperty('a');
    const wrong = await send('POST', '/apis/b.example.com/v1/namespaces/default/widgets', {
      apiVersion: 'b.example.com/v2',
      kind: 'Widget',
      metadata: { name: 'x' },
    });
    expect(wrong.status).toBe(400);
  });

  it('have status, scale and transition rules when their definition says so', async () => {
    const spec = {
      n: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'only up' }] },
    };
    const subresources = { status: {}, scale: { specReplicasPath: '.spec.n', statusReplicasPath: '.status.n' } };
    await send('POST', CRDS, definition('c.example.com', [version('v1', spec, { subresources })]));
    const path = '/apis/c.example.com/v1/namespaces/default/widgets';
    const made = await send('POST', path, { metadata: { name: 'w' }, spec: { n: 2 }, status: { n: 9 } });
    expect(made.body.status).toBeUndefined();
    expect(
      (await send('PATCH', `${path}/w`, { spec: { n: 1 } }, 'application/merge-patch+json')).body.message,
    ).toContain('only up');
    const scaled = await send('PATCH', `${path}/w/scale`, { spec: { replicas: 5 } }, 'application/merge-patch+json');
    expect(scaled.body.spec).toEqual({ replicas: 5 });
    const status = await send(
      'PATCH',
      `${path}/w/status`,
      { status: { n: 4 }, spec: { n: 100 } },
      'application/merge-patch+json',
    );
    expect(status.body).toMatchObject({ spec: { n: 5 }, status: { n: 4 } });
    expect((await send('POST', `${path}/w/status`, {})).status).toBe(405);
  });

  it('must name their kind, and are refused at the paths of their fields and keys', async () => {
    const rules = [{ rule: 'self > 1' }];
    const spec = {
      m: {
        type: 'object',
        maxProperties: 3,
        additionalProperties: { type: 'integer', 'x-kubernetes-validations': rules },
      },
      e: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
    };
    await send('POST', CRDS, definition('f.example.com', [version('v1', spec)]));
    const path = '/apis/f.example.com/v1/namespaces/default/widgets';
    const message = async (body: JsonObject) => (await send('POST', path, body)).body.message;
    expect(await message({ metadata: { name: 'a' }, spec: { m: { 'a.b': 1 } } })).toContain(
      'spec.m[a.b]: Invalid value',
    );
    expect(await message({ kind: '', spec: {} })).toContain("Object 'Kind' is missing in '{");
    expect(await message({ metadata: { name: 'a' }, spec: { e: { apiVersion: 1, kind: 'x' } } })).toBe(
      'Widget in version "v1" cannot be handled as a Widget: spec.e.apiVersion: Invalid value: 1: must be a string',
    );
    const { resources } = (await send('GET', '/apis/f.example.com/v1')).body as unknown as { resources: JsonObject[] };
    expect(resources[0]?.storageVersionHash).toMatch(/^[A-Za-z0-9+/]{11}=$/);
  });

  it('keep the nulls that are applied: defaults take their place, others are refused', async () => {
    const spec = {
      a: { type: 'string' },
      d: { type: 'string', default: 'dd' },
      n: { type: 'string', nullable: true },
      e: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { spec: { type: 'object' } } },
    };
    await send('POST', CRDS, definition('n.example.com', [version('v1', spec)]));
    const path = '/apis/n.example.com/v1/namespaces/default/widgets';
    const wanted = (given: JsonObject) => ({
      apiVersion: 'n.example.com/v1',
      kind: 'Widget',
      metadata: { name: 'w', namespace: null },
      spec: given,
    });
    const applied = (given: JsonObject) =>
      send('PATCH', `${path}/w?fieldManager=m&dryRun=All`, wanted(given), 'application/apply-patch+yaml');
    expect((await applied({ d: null, n: null })).body.spec).toEqual({ d: 'dd', n: null });
    expect((await applied({ a: null })).body.message).toContain(
      'spec.a: Invalid value: "null": spec.a in body must be of type string: "null"',
    );
    expect((await send('POST', `${path}?dryRun=All`, wanted({ a: null, n: null }))).body.spec).toEqual({
      d: 'dd',
      n: null,
    });
    const inner = (more: JsonObject) => applied({ e: { apiVersion: 'v1', kind: 'X', ...more } });
    expect((await inner({ metadata: null })).body.spec).toMatchObject({ e: { metadata: {} } });
    expect((await inner({ metadata: { name: 'n', odd: 1 } })).body.message).toContain(
      '.spec.e.metadata.odd: field not declared in schema',
    );
    expect((await inner({ odd: 1 })).body.message).toContain('.spec.e.odd: field not declared in schema');
  });

  it('that an older schema took are shown as the schema of today has them, and keep what it does not take', async () => {
    const strings = { a: { type: 'string' }, z: { type: 'string' }, c: { type: 'string', nullable: true } };
    const first = definition('o.example.com', [version('v1', strings)]);
    await send('POST', CRDS, first);
    const path = '/apis/o.example.com/v1/namespaces/default/widgets';
    await send('POST', path, { metadata: { name: 'w' }, spec: { a: 'long', z: 'gone', c: null } });
    const rule = { 'x-kubernetes-validations': [{ rule: "self == 'x'" }] };
    const strict = { a: { type: 'string', maxLength: 2, ...rule }, c: { type: 'string' }, d: { type: 'string' } };
    const versions = [version('v1', strict)];
    const body = { spec: { versions } };
    await send('PATCH', `${CRDS}/widgets.o.example.com`, body, 'application/merge-patch+json');
    expect((await send('GET', `${path}/w`)).body.spec).toEqual({ a: 'long' });
    expect((await send('GET', path)).body.items.map((item) => item.spec)).toEqual([{ a: 'long' }]);
    const merged = (spec: JsonObject) => send('PATCH', `${path}/w`, { spec }, 'application/merge-patch+json');
    const kept = await merged({ d: '1' });
    expect([kept.status, kept.body.spec]).toEqual([200, { a: 'long', d: '1' }]);
    expect(String(kept.warning)).toContain(`spec.a: Invalid value: \\"long\\": failed rule: self == 'x'`);
    expect((await merged({ a: 'longer' })).body.message).toContain('spec.a: Too long: may not be more than 2 bytes');
    expect((await merged({ a: 'y' })).body.message).toContain(`spec.a: Invalid value: "y": failed rule: self == 'x'`);
  });

  it('have numbers of replicas that are numbers, and selectors that are texts', async () => {
    const free = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    const scale = {
      specReplicasPath: '.spec.r',
      statusReplicasPath: '.status.r',
      labelSelectorPath: '.status.s',
    };
    const open = {
      ...version('v1', {}),
      schema: { openAPIV3Schema: { type: 'object', properties: { spec: free, status: free } } },
      subresources: { scale },
    };
    await send('POST', CRDS, definition('r.example.com', [open]));
    const causes = async (body: JsonObject): Promise<string[]> => {
      const answer = await send('POST', '/apis/r.example.com/v1/namespaces/default/widgets?dryRun=All', {
        metadata: { name: 'w' },
        ...body,
      });
      const { causes: found = [] } = (answer.body.details ?? {}) as { causes?: { field: string; message: string }[] };
      return found.map(({ field, message }) => `${field}: ${message}`);
    };
    expect(await causes({ spec: { r: 1 }, status: { s: 'a=b' } })).toEqual([]);
    expect(await causes({ spec: { r: 'x' }, status: { r: 1.5, s: 1 } })).toEqual([
      '.spec.r: Invalid value: 0: .spec.r accessor error: x is of the type string, expected int64',
      '.status.r: Invalid value: 0: .status.r accessor error: 1.5 is of the type float64, expected int64',
      '.status.s: Invalid value: "": .status.s accessor error: 1 is of the type int64, expected string',
    ]);
    expect(await causes({ spec: { r: -1 }, status: { r: null } })).toEqual([
      '.spec.r: Invalid value: -1: should be a non-negative integer',
      '.status.r: Invalid value: 0: .status.r accessor error: <nil> is of the type <nil>, expected int64',
    ]);
  });

  it('go when their definition goes, which waits for those that finalizers hold', async () => {
    await send('POST', CRDS, definition('d.example.com', [version('v1', {})]));
    const path = '/apis/d.example.com/v1/namespaces/default/widgets';
    await send('POST', path, { metadata: { name: 'free' } });
    await send('POST', path, { metadata: { name: 'held', finalizers: ['any-name'] } });
    const gone = await send('DELETE', `${CRDS}/widgets.d.example.com`);
    expect(gone.body.metadata.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io']);
    await until(async () => ((await send('GET', path)).body.items ?? []).length === 1);
    expect((await send('POST', path, { metadata: { name: 'new' } })).status).toBe(405);
    await send('PATCH', `${path}/held`, { metadata: { finalizers: [] } }, 'application/merge-patch+json');
    await until(async () => (await send('GET', `${CRDS}/widgets.d.example.com`)).status === 404);
    expect((await send('GET', path)).status).toBe(404);
    expect(failures).toEqual([]);
  });

  it('cannot take a name that another definition of the group has', async () => {
    await send('POST', CRDS, definition('e.example.com', [version('v1', {})]));
    const second = definition('e.example.com', [version('v1', {})]) as JsonObject & {
      metadata: JsonObject;
      spec: JsonObject;
    };
    second.metadata.name = 'gadgets.e.example.com';
    second.spec.names = { plural: 'gadgets', kind: 'Widget' };
    await until(
      async () => ((await send('GET', `${CRDS}/widgets.e.example.com`)).body.status.conditions ?? null) !== null,
    );
    await send('POST', CRDS, second);
    await until(async () => {
      const conditions = ((await send('GET', `${CRDS}/gadgets.e.example.com`)).body.status.conditions ??
        []) as JsonObject[];
      return conditions.some(
        (c) =>
          c.type === 'NamesAccepted' &&
          c.reason === 'ListKindConflict' &&
          c.message === '"WidgetList" is already in use',
      );
    });
    expect((await send('GET', '/apis/e.example.com/v1/gadgets')).status).toBe(404);
  });
});
