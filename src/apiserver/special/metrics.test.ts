// metrics.k8s.io: figures of kubelets, as `kubectl top` reads them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../host/clock.ts';
import { METRICS_ROWS, RESOURCES } from '../../resources/index.ts';
import { startTestServer, type TestServer } from '../test-fixture.ts';

const METRICS = '/apis/metrics.k8s.io/v1beta1';
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };

/** Sleeps at once, and remembers for how long. */
const slept: number[] = [];
const clock: Clock = {
  ...systemClock,
  sleep: (ms) => {
    slept.push(ms);
    return Promise.resolve();
  },
};

let server: TestServer;
let uid = '';
let asked = 0;

function summary(): unknown {
  const use = (nanos: number, bytes: number) => ({
    cpu: { usageNanoCores: nanos },
    memory: { workingSetBytes: bytes },
  });
  return {
    node: { nodeName: 'n1', ...use(1_500_000_000, 2 * 2 ** 30) },
    pods: [{ podRef: { uid }, containers: [{ name: 'c', ...use(125_000_000, 3 * 2 ** 20) }] }],
  };
}

async function make(collection: string, object: object): Promise<string> {
  const made = await server.call('POST', collection, object);
  expect(made.status, made.text).toBe(201);
  return String(made.body.metadata?.uid);
}

beforeAll(async () => {
  server = await startTestServer({
    resources: [...RESOURCES, ...METRICS_ROWS],
    clock,
    nodeConnector: (name) =>
      name === 'n1'
        ? Promise.resolve({
            request: () => {
              asked++;
              return Promise.resolve({ status: 200, headers: {}, body: Buffer.from(JSON.stringify(summary())) });
            },
            exec: () => Promise.reject(new Error('not here')),
            attach: () => Promise.reject(new Error('not here')),
            portForward: () => Promise.reject(new Error('not here')),
          })
        : Promise.reject(new Error('no route to host')),
  });
  const pods = '/api/v1/namespaces/default/pods';
  await make('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  for (const name of ['n1', 'n2']) await make('/api/v1/nodes', { metadata: { name, labels: { zone: 'a' } } });
  const spec = (nodeName: string) => ({ nodeName, containers: [{ name: 'c', image: 'i' }] });
  uid = await make(pods, { metadata: { name: 'p', labels: { app: 'web' } }, spec: spec('n1') });
  await make(pods, { metadata: { name: 'far' }, spec: spec('n2') });
});
afterAll(() => server.api.close());

describe('metrics.k8s.io', () => {
  test('takes two looks apart where no rate is known, and one where it is', async () => {
    await server.call('GET', `${METRICS}/nodes`);
    expect([asked, slept.length]).toEqual([2, 1]);
    await server.call('GET', `${METRICS}/nodes`);
    expect(asked).toBe(3);
  });

  test('tells what nodes use, and leaves out those that cannot be reached', async () => {
    const { body } = await server.call('GET', `${METRICS}/nodes`);
    expect(body.items).toMatchObject([
      { metadata: { name: 'n1', labels: { zone: 'a' } }, usage: { cpu: '1500000000n', memory: '2097152Ki' } },
    ]);
    expect((await server.call('GET', `${METRICS}/nodes/n2`)).status).toBe(404);
  });

  test('tells what pods use: of one, of a namespace, of all, by label', async () => {
    const usage = { cpu: '125000000n', memory: '3072Ki' };
    const one = await server.call('GET', `${METRICS}/namespaces/default/pods/p`);
    expect(one.body).toMatchObject({ kind: 'PodMetrics', containers: [{ name: 'c', usage }] });
    for (const path of ['/pods', '/namespaces/default/pods', '/pods?labelSelector=app=web'])
      expect((await server.call('GET', `${METRICS}${path}`)).body.items).toMatchObject([{ metadata: { name: 'p' } }]);
    expect((await server.call('GET', `${METRICS}/pods?labelSelector=app=other`)).body.items).toEqual([]);
  });

  test('is a table for kubectl get, and stands in discovery', async () => {
    const table = await server.call('GET', `${METRICS}/pods`, undefined, TABLE);
    expect(table.body.rows).toMatchObject([{ cells: ['p', '125m', '3072Ki', expect.anything()] }]);
    const found = await server.call('GET', METRICS);
    expect(found.body.resources).toMatchObject([
      { name: 'nodes', kind: 'NodeMetrics', namespaced: false },
      { name: 'pods', kind: 'PodMetrics', namespaced: true },
    ]);
  });

  test('cannot be written', async () => {
    expect((await server.call('POST', `${METRICS}/nodes`, { metadata: { name: 'x' } })).status).toBe(405);
  });
});
