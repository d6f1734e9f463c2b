// Tests of informers over a small API server.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../host/clock.ts';
import type { ConfigMap } from '../resources/generated/core-v1.ts';
import { createClient } from './client.ts';
import { type FakeApi, fakeApi } from './fake/fake-api.ts';
import { createInformerFactory } from './informer-factory.ts';
import type { Client, Informer, InformerFactory } from './port.ts';
import { CONFIG_MAPS } from './refs.ts';

let api: FakeApi;
let client: Client;
let stop: AbortController;
let factory: InformerFactory;
let errors: unknown[];

beforeEach(() => {
  api = fakeApi();
  client = createClient({ transport: api.transport, userAgent: 'test' });
  stop = new AbortController();
  errors = [];
  factory = createInformerFactory(client, { clock: systemClock, onError: (error) => errors.push(error) });
});
afterEach(() => stop.abort());

function put(name: string, data: Record<string, string> = {}, labels?: Record<string, string>): void {
  api.put('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'ns', labels }, data });
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error('it did not come about');
}

function log(informer: Informer<ConfigMap>): string[] {
  const seen: string[] = [];
  informer.addHandler({
    onAdd: (o) => seen.push(`+${o.metadata.name}`),
    onUpdate: (o, old) => seen.push(`${o.metadata.name}:${old.data?.v}>${o.data?.v}`),
    onDelete: (o) => seen.push(`-${o.metadata.name}`),
  });
  return seen;
}

describe('an informer', () => {
  it('takes in what is there, then follows changes', async () => {
    put('a', { v: '1' });
    const informer = factory.informer(CONFIG_MAPS);
    const seen = log(informer);
    factory.start(stop.signal);
    await informer.synced;
    expect(seen).toEqual(['+a']);
    put('b', { v: '1' });
    put('a', { v: '2' });
    await client.resource(CONFIG_MAPS).delete('ns', 'b');
    await until(() => seen.length === 4);
    expect(seen).toEqual(['+a', '+b', 'a:1>2', '-b']);
    expect(informer.get('ns/a')?.data?.v).toBe('2');
    expect(informer.list()).toHaveLength(1);
  });

  it('is shared by all who ask for the same, and tells late handlers what is there', async () => {
    put('a');
    const informer = factory.informer(CONFIG_MAPS);
    expect(factory.informer(CONFIG_MAPS)).toBe(informer);
    expect(factory.informer(CONFIG_MAPS, { namespace: 'ns' })).not.toBe(informer);
    factory.start(stop.signal);
    await informer.synced;
    expect(log(informer)).toEqual(['+a']);
    await until(() => api.requests.length >= 2);
    // One list and one watch.
    expect(api.requests.filter((r) => r === 'GET /api/v1/configmaps')).toHaveLength(2);
  });

  it('keeps its indexes', async () => {
    put('a', {}, { app: 'x' });
    const informer = factory.informer(CONFIG_MAPS);
    informer.addIndex('app', (o) => (o.metadata.labels?.app === undefined ? [] : [o.metadata.labels.app]));
    factory.start(stop.signal);
    await informer.synced;
    put('b', {}, { app: 'x' });
    put('a', {}, { app: 'y' });
    await until(() => informer.byIndex('app', 'y').length === 1);
    expect(informer.byIndex('app', 'x').map((o) => o.metadata.name)).toEqual(['b']);
  });

  it('sees only what its selectors want', async () => {
    put('a', {}, { app: 'x' });
    put('b', {}, { app: 'y' });
    const informer = factory.informer(CONFIG_MAPS, { labelSelector: 'app=x' });
    factory.start(stop.signal);
    await informer.synced;
    expect(informer.list().map((o) => o.metadata.name)).toEqual(['a']);
  });

  it('resumes a watch that ended where it stopped, without a new list', async () => {
    const informer = factory.informer(CONFIG_MAPS);
    const seen = log(informer);
    factory.start(stop.signal);
    await informer.synced;
    put('a');
    await until(() => seen.length === 1);
    api.endWatches();
    put('b');
    await until(() => seen.length === 2);
    const lists = api.requests.length;
    expect(lists).toBeLessThanOrEqual(4);
    expect(seen).toEqual(['+a', '+b']);
  });

  it('lists anew after 410 and tells the difference, a life ended and begun anew among it', async () => {
    put('a', { v: '1' });
    put('b', { v: '1' });
    put('c', { v: '1' });
    const informer = factory.informer(CONFIG_MAPS);
    const seen = log(informer);
    factory.start(stop.signal);
    await informer.synced;
    let down = true;
    api.intercept = (request) =>
      down && request.method === 'GET' ? { status: 503, headers: {}, body: Buffer.from('restarting') } : undefined;
    api.endWatches();
    put('a', { v: '2' });
    await client.resource(CONFIG_MAPS).delete('ns', 'b');
    await client.resource(CONFIG_MAPS).delete('ns', 'c');
    put('c', { v: '9' });
    api.compact();
    seen.length = 0;
    down = false;
    await until(() => seen.length >= 4);
    expect([...seen].sort()).toEqual(['+c', '-b', '-c', 'a:1>2'].sort());
  });

  it('goes on when a handler throws, and says so', async () => {
    const informer = factory.informer(CONFIG_MAPS);
    informer.addHandler({
      onAdd() {
        throw new Error('broken handler');
      },
    });
    const seen = log(informer);
    factory.start(stop.signal);
    await informer.synced;
    put('a');
    await until(() => seen.length === 1);
    expect(errors).toHaveLength(1);
  });
});
