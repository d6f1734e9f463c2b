// The verbs over the whole server: what is written, what is answered, what is refused.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { processorMs } from '../../host/processor-time.ts';
import type { JsonObject } from '../../machinery/object.ts';
import { startTestServer, type TestServer, TestSink } from '../test-fixture.ts';

let server: TestServer;
const MAPS = '/api/v1/namespaces/default/configmaps';

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.api.close());

function map(name: string, data: Record<string, unknown> = {}, meta: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...meta }, data };
}

describe('create', () => {
  test('gives an object its system fields and its owner', async () => {
    const { status, body } = await server.call('POST', MAPS, map('created', { x: '1' }));
    expect(status).toBe(201);
    expect(body.metadata).toMatchObject({ name: 'created', namespace: 'default' });
    expect(body.metadata?.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(body.metadata?.managedFields).toMatchObject([
      { manager: 'test', operation: 'Update', fieldsV1: { 'f:data': { '.': {}, 'f:x': {} } } },
    ]);
  });

  test('in a namespace that is not there is refused', async () => {
    const { status, body } = await server.call('POST', '/api/v1/namespaces/nowhere/configmaps', map('a'));
    expect([status, body.message]).toEqual([404, 'namespaces "nowhere" not found']);
  });

  test('of a name that is taken is a conflict', async () => {
    await server.call('POST', MAPS, map('twice'));
    const { status, body } = await server.call('POST', MAPS, map('twice'));
    expect([status, body.reason, body.message]).toEqual([409, 'AlreadyExists', 'configmaps "twice" already exists']);
  });

  test('with a resourceVersion is refused by the storage, after admission has had its say', async () => {
    const versioned = { resourceVersion: '5' };
    const { status, body } = await server.call('POST', MAPS, map('versioned', {}, versioned));
    expect([status, body.message]).toEqual([500, 'resourceVersion should not be set on objects to be created']);
    await server.call('POST', '/api/v1/namespaces', { metadata: { name: 'full' } });
    const full = '/api/v1/namespaces/full';
    await server.call('POST', `${full}/resourcequotas`, {
      metadata: { name: 'q' },
      spec: { hard: { configmaps: '0' } },
    });
    await expect
      .poll(async () => (await server.call('POST', `${full}/configmaps`, map('m', {}, versioned))).body.message)
      .toContain('exceeded quota: q');
  });

  test('makes a name from generateName', async () => {
    const { body } = await server.call('POST', MAPS, { metadata: { generateName: 'gen-' } });
    expect(body.metadata?.name).toMatch(/^gen-[a-z0-9]{5}$/);
  });

  test('in a dry run writes nothing', async () => {
    expect((await server.call('POST', `${MAPS}?dryRun=All`, map('dry'))).status).toBe(201);
    expect((await server.call('GET', `${MAPS}/dry`)).status).toBe(404);
  });

  test('keeps keys that are names of JavaScript internals, and changes no prototype', async () => {
    const body = `{"metadata":{"name":"proto","labels":{"constructor":"a"}},"data":{"__proto__":"x","toString":"y"}}`;
    expect((await server.call('POST', MAPS, body)).status).toBe(201);
    const { text } = await server.call('GET', `${MAPS}/proto`);
    expect(text).toContain('"__proto__":"x"');
    expect(text).toContain('"toString":"y"');
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test('with an unknown field warns, or refuses when asked to be strict', async () => {
    const warned = await server.call('POST', `${MAPS}?dryRun=All`, { ...map('w'), nope: 1 });
    expect(warned.headers.warning).toEqual(['299 - "unknown field \\"nope\\""']);
    const strict = await server.call('POST', `${MAPS}?fieldValidation=Strict`, { ...map('w'), nope: 1 });
    expect([strict.status, strict.body.message]).toEqual([
      400,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "nope"',
    ]);
  });

  test('of more than 3 MiB is refused', async () => {
    const { status, body } = await server.call('POST', MAPS, map('big', { x: 'x'.repeat(3 * 1024 * 1024) }));
    expect([status, body.message]).toEqual([413, 'Request entity too large: limit is 3145728']);
  });
});

describe('YAML', () => {
  const type = 'application/yaml';

  test('is read as Kubernetes reads it', async () => {
    const body = 'metadata: {name: yaml}\ndata:\n  y: "1"\n  z: |\n    two\n    lines\n';
    const answer = await server.call('POST', `${MAPS}?dryRun=All`, body, { type });
    expect(answer.body.data).toEqual({ true: '1', z: 'two\nlines\n' });
  });

  test('that repeats itself without end is refused at once', async () => {
    const lines = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
    for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg', 'gh', 'hi']) {
      lines.push(`${to}: &${to} [${Array.from({ length: 10 }, () => `*${from}`).join(',')}]`);
    }
    const busy = await processorMs(async () => {
      const { status, body } = await server.call('POST', MAPS, lines.join('\n'), { type });
      expect([status, body.message]).toEqual([400, expect.stringContaining('excessive aliasing')]);
    });
    expect(busy).toBeLessThan(500);
  });

  test('that is very long is refused', async () => {
    const { status } = await server.call('POST', MAPS, `data: {x: "${'x'.repeat(600_000)}"}`, { type });
    expect(status).toBe(413);
  });
});

describe('update', () => {
  test('with an old resourceVersion is a conflict, even when it is invalid too', async () => {
    const { body } = await server.call('POST', MAPS, map('stale'));
    await server.call('PUT', `${MAPS}/stale`, map('stale', { x: '1' }));
    const meta = { resourceVersion: body.metadata?.resourceVersion };
    const answer = await server.call('PUT', `${MAPS}/stale`, map('stale', { 'bad key!': '2' }, meta));
    expect([answer.status, answer.body.reason]).toEqual([409, 'Conflict']);
  });

  test('that changes nothing keeps the resourceVersion', async () => {
    const first = await server.call('POST', MAPS, map('same', { x: '1' }));
    const again = await server.call('PUT', `${MAPS}/same`, map('same', { x: '1' }));
    expect(again.body.metadata?.resourceVersion).toBe(first.body.metadata?.resourceVersion);
  });

  test('of many at once loses none', async () => {
    await server.call('POST', MAPS, map('many'));
    const type = 'application/merge-patch+json';
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        server.call('PATCH', `${MAPS}/many`, { data: { [`k${i}`]: 'v' } }, { type }),
      ),
    );
    const { body } = await server.call('GET', `${MAPS}/many`);
    expect(Object.keys(body.data as object)).toHaveLength(20);
  });
});

describe('an update of what is not there, where that creates', () => {
  const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const put = (resourceVersion: string, query = '') =>
    server.call('PUT', `${LEASES}/made${query}`, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'made', resourceVersion },
    });

  test('does not heed the version that is sent, but it must be a number', async () => {
    const refused = await put('x');
    expect([refused.status, refused.body.message]).toEqual([500, 'strconv.ParseUint: parsing "x": invalid syntax']);
    const dry = await put('1', '?dryRun=All');
    expect([dry.status, dry.body.metadata?.resourceVersion]).toEqual([201, '1']);
    const made = await put('1');
    expect(made.status).toBe(201);
    expect(Number(made.body.metadata?.resourceVersion)).toBeGreaterThan(1);
  });
});

describe('list', () => {
  const SECRETS = '/api/v1/namespaces/kube-public/secrets';
  beforeAll(async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const labels = { half: name < 'c' ? 'one' : 'two' };
      await server.call('POST', SECRETS, { metadata: { name, labels }, type: 'Opaque' });
    }
  });
  const names = (body: { items?: object[] }): unknown[] =>
    (body.items ?? []).map((item) => (item as { metadata: { name: string } }).metadata.name);

  test('leaves kind and apiVersion out of the items', async () => {
    const { body } = await server.call('GET', SECRETS);
    expect(body.kind).toBe('SecretList');
    expect(Object.keys(body.items?.[0] ?? {})).not.toContain('kind');
  });

  test('in pages shows the state of the first page, whatever is written meanwhile', async () => {
    const first = await server.call('GET', `${SECRETS}?limit=2`);
    expect(first.body.metadata?.remainingItemCount).toBe(3);
    await server.call('POST', SECRETS, { metadata: { name: 'bb' } });
    await server.call('DELETE', `${SECRETS}/d`);
    const token = String(first.body.metadata?.continue);
    const second = await server.call('GET', `${SECRETS}?limit=10&continue=${encodeURIComponent(token)}`);
    expect([...names(first.body), ...names(second.body)]).toEqual(['a', 'b', 'c', 'd', 'e']);
    await server.call('DELETE', `${SECRETS}/bb`);
    await server.call('POST', SECRETS, { metadata: { name: 'd', labels: { half: 'two' } } });
  });

  test('with selectors shows what they select', async () => {
    expect(names((await server.call('GET', `${SECRETS}?labelSelector=half%3Done`)).body)).toEqual(['a', 'b']);
    expect(names((await server.call('GET', `${SECRETS}?fieldSelector=metadata.name%3Dc`)).body)).toEqual(['c']);
    const refused = await server.call('GET', `${SECRETS}?fieldSelector=data.x%3D1`);
    expect([refused.status, refused.body.message]).toEqual([400, 'field label not supported: data.x']);
  });

  test('as a table has a row for each object', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const { body } = await server.call('GET', SECRETS, undefined, { accept });
    expect(body.kind).toBe('Table');
    expect((body.rows as { cells: unknown[] }[]).map((row) => row.cells[0])).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('of one name is one page, whatever else there is', async () => {
    const { body } = await server.call('GET', `${SECRETS}?fieldSelector=metadata.name%3Db&limit=1`);
    expect(body.items?.map((item) => (item.metadata as JsonObject).name)).toEqual(['b']);
    expect(body.metadata).toEqual({ resourceVersion: expect.any(String) });
    const other = await server.call('GET', `${SECRETS}?fieldSelector=metadata.name%3Db,type%3DOther`);
    expect(other.body.items).toEqual([]);
  });

  test('as a table of a kind without columns of its own has no rows where there is nothing', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles';
    expect((await server.call('GET', roles, undefined, { accept })).body.rows).toBeNull();
    const pods = await server.call('GET', '/api/v1/namespaces/default/pods', undefined, { accept });
    expect(pods.body.rows).toEqual([]);
  });

  test('of a revision to come is refused', async () => {
    const { status, body } = await server.call('GET', `${SECRETS}?resourceVersion=999999999`);
    expect([status, body.reason]).toEqual([504, 'Timeout']);
  });
});

describe('watch', () => {
  async function watch(url: string): Promise<TestSink> {
    const response = await server.raw('GET', url);
    const sink = new TestSink();
    if (!(response.body instanceof Uint8Array)) response.body.start(sink);
    return sink;
  }
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
  const seen = (sink: TestSink): string[] => sink.events().map((e) => `${e.type} ${String(e.object.metadata.name)}`);

  test('tells of changes in order, and of an object that leaves the selection as deleted', async () => {
    const sink = await watch(`${MAPS}?watch=1&labelSelector=in%3Dyes&resourceVersion=${await revision()}`);
    await server.call('POST', MAPS, map('w1', {}, { labels: { in: 'yes' } }));
    await server.call('POST', MAPS, map('w2'));
    await server.call('PUT', `${MAPS}/w1`, map('w1', { x: '1' }, { labels: { in: 'yes' } }));
    await server.call('PUT', `${MAPS}/w1`, map('w1', { x: '1' }, { labels: { in: 'no' } }));
    await settled();
    expect(seen(sink)).toEqual(['ADDED w1', 'MODIFIED w1', 'DELETED w1']);
    sink.end();
  });

  test('without a resourceVersion begins with what is there', async () => {
    const sink = await watch(`${MAPS}?watch=1&fieldSelector=metadata.name%3Dw2`);
    await settled();
    expect(seen(sink)).toEqual(['ADDED w2']);
    sink.end();
  });

  test('with sendInitialEvents marks the end of what was there', async () => {
    const url = `${MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&fieldSelector=metadata.name%3Dw2`;
    const sink = await watch(url);
    await settled();
    expect(sink.events().map((e) => e.type)).toEqual(['ADDED', 'BOOKMARK']);
    expect(sink.events()[1]?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
    sink.end();
  });

  test('keeps what a slow reader has not taken yet', async () => {
    const sink = await watch(`${MAPS}?watch=1&resourceVersion=${await revision()}`);
    sink.slow();
    for (let i = 0; i < 5; i++) await server.call('POST', MAPS, map(`slow-${i}`));
    await settled();
    sink.resume();
    await settled();
    expect(seen(sink)).toEqual([0, 1, 2, 3, 4].map((i) => `ADDED slow-${i}`));
    sink.end();
  });

  async function revision(): Promise<string> {
    return String((await server.call('GET', `${MAPS}?limit=1`)).body.metadata?.resourceVersion);
  }
});

describe('delete', () => {
  test('waits for finalizers', async () => {
    await server.call('POST', MAPS, map('held', {}, { finalizers: ['example.com/hold'] }));
    const deleted = await server.call('DELETE', `${MAPS}/held`);
    expect(deleted.body.metadata?.deletionTimestamp).toBeDefined();
    const type = 'application/merge-patch+json';
    const added = await server.call(
      'PATCH',
      `${MAPS}/held`,
      { metadata: { finalizers: ['example.com/new'] } },
      { type },
    );
    expect(added.status).toBe(422);
    await server.call('PATCH', `${MAPS}/held`, { metadata: { finalizers: null } }, { type });
    expect((await server.call('GET', `${MAPS}/held`)).status).toBe(404);
  });

  test('heeds its preconditions', async () => {
    await server.call('POST', MAPS, map('guarded'));
    const { status } = await server.call('DELETE', `${MAPS}/guarded`, { preconditions: { uid: 'other' } });
    expect(status).toBe(409);
  });

  test('of a namespace marks it, and the last finalizer ends it', async () => {
    await server.call('POST', '/api/v1/namespaces', { metadata: { name: 'going' } });
    const { body } = await server.call('DELETE', '/api/v1/namespaces/going');
    expect((body.status as { phase?: string }).phase).toBe('Terminating');
    const late = await server.call('POST', '/api/v1/namespaces/going/configmaps', map('late'));
    expect(late.body.message).toContain('because it is being terminated');
    await server.call('PUT', '/api/v1/namespaces/going/finalize', {
      metadata: { name: 'going' },
      spec: { finalizers: [] },
    });
    expect((await server.call('GET', '/api/v1/namespaces/going')).status).toBe(404);
  });

  test('of a collection answers with the items as they were', async () => {
    const { body } = await server.call('DELETE', `${MAPS}?fieldSelector=metadata.name%3Dcreated`);
    expect(body.items).toHaveLength(1);
    expect((await server.call('GET', `${MAPS}/created`)).status).toBe(404);
  });
});
