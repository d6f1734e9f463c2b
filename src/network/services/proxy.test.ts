// The loop: what it gives to nft and when, over a small API server.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient, createInformerFactory, type FakeApi, fakeApi, SERVICES } from '../../client/index.ts';
import { systemClock } from '../../host/clock.ts';
import { type ServiceProxy, startServiceProxy } from './proxy.ts';
import { NODES, SERVICE_CIDR, service, slice } from './testbed.ts';

let api: FakeApi;
let stop: AbortController;
let applied: string[];
let errors: unknown[];
let answer: () => Promise<void>;
let proxy: ServiceProxy;

beforeEach(() => {
  api = fakeApi();
  stop = new AbortController();
  applied = [];
  errors = [];
  answer = async () => {};
});
afterEach(async () => {
  stop.abort();
  await proxy.ended;
});

function start(): void {
  const client = createClient({ transport: api.transport, userAgent: 'test' });
  const informers = createInformerFactory(client, { clock: systemClock });
  // An index that somebody else has made of the shared informer.
  informers.informer(SERVICES).addIndex('service', () => []);
  proxy = startServiceProxy({
    table: 't-services',
    nodes: NODES,
    serviceCidr: SERVICE_CIDR,
    informers,
    clock: systemClock,
    random: () => 0,
    signal: stop.signal,
    onError: (error) => errors.push(error),
    apply: (text) => {
      applied.push(text);
      return answer();
    },
  });
  informers.start(stop.signal);
}

const put = (i: number) => api.put('services', { ...service(`s${i}`, `10.96.1.${i}`) });

test('the first table has all that was there before', async () => {
  api.put('services', { ...service('web', '10.96.0.10') });
  api.put('endpointslices.discovery.k8s.io', { ...slice('web', ['10.244.0.2']) });
  start();
  await proxy.begun;
  expect(applied).toHaveLength(1);
  expect(applied[0]).toContain('10.96.0.10 . tcp . 80 . 0 : 10.244.0.2 . 8080');
});

test('changes that come while nft runs are one table, and nft never runs twice at a time', async () => {
  let running = 0;
  let most = 0;
  answer = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 30));
    running--;
  };
  start();
  await proxy.begun;
  for (let i = 1; i <= 40; i++) {
    put(i);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await expect.poll(() => applied.at(-1), { timeout: 5000 }).toContain('10.96.1.40');
  expect(most).toBe(1);
  expect(applied.length).toBeLessThan(20);
});

test('what changes nothing in the table is not given to nft', async () => {
  put(1);
  start();
  await proxy.begun;
  api.put('services', { ...service('headless', 'None') });
  put(2);
  await expect.poll(() => applied.at(-1), { timeout: 5000 }).toContain('10.96.1.2');
  const before = applied.length;
  api.put('services', { ...service('headless', 'None', { labels: { a: 'b' } }) });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(applied).toHaveLength(before);
});

test('a table that nft refused is told of and tried again, whole', async () => {
  put(1);
  answer = async () => {
    if (applied.length === 1) throw new Error('refused');
  };
  start();
  await proxy.begun;
  expect(String(errors[0])).toContain('refused');
  await expect.poll(() => applied.length, { timeout: 5000 }).toBe(2);
  expect(applied[1]).toContain('delete table ip t-services');
  expect(applied[1]).toContain('10.96.1.1');
});
