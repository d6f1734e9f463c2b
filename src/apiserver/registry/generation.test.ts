// `metadata.generation` counts changes of the wish, not of the form in which an older version stored it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openMemoryStore } from '../../store/index.ts';
import { startTestServer, type TestServer } from '../test-fixture.ts';

const store = openMemoryStore();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ store });
});
afterAll(() => server.api.close());

const SETS = '/apis/apps/v1/namespaces/default/statefulsets';
const SET = {
  metadata: { name: 's' },
  spec: {
    selector: { matchLabels: { app: 's' } },
    serviceName: 's',
    template: { metadata: { labels: { app: 's' } }, spec: { containers: [{ name: 'c', image: 'i', command: ['x'] }] } },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ],
  },
};

interface Stored {
  spec: {
    revisionHistoryLimit?: number;
    template: { spec: { containers: { args?: string[]; imagePullPolicy?: string }[] } };
    volumeClaimTemplates: { metadata: { creationTimestamp?: null } }[];
  };
}

/** Writes the object past the API, as an older version had left it. */
async function storeOlder(change: (object: Stored) => void): Promise<void> {
  const { items } = await store.list({ prefix: '/registry/statefulsets/' });
  const [item] = items;
  if (item === undefined) throw new Error('nothing is stored');
  const object = JSON.parse(Buffer.from(item.value).toString()) as Stored;
  change(object);
  const encode = (revision: number): Uint8Array =>
    Buffer.from(JSON.stringify(object).replace(/"resourceVersion":"\d+"/, `"resourceVersion":"${revision}"`));
  await store.txn([{ kind: 'put', key: item.key, expected: item.modRevision, encode }]);
}

test('an update that only brings a stored object to the form of today leaves its generation', async () => {
  await server.call('POST', SETS, SET);
  await storeOlder(({ spec }) => {
    delete spec.revisionHistoryLimit;
    for (const container of spec.template.spec.containers) {
      container.args = [];
      delete container.imagePullPolicy;
    }
    for (const claim of spec.volumeClaimTemplates) delete claim.metadata.creationTimestamp;
  });
  const same = await server.call('PUT', `${SETS}/s`, SET);
  expect([same.status, same.body.metadata?.generation]).toEqual([200, 1]);
  const other = await server.call('PUT', `${SETS}/s`, { ...SET, spec: { ...SET.spec, replicas: 2 } });
  expect(other.body.metadata?.generation).toBe(2);
});
