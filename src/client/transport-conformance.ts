// What every transport must carry: requests and answers whole, errors as ApiErrors, watches as they come and to their end.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isApiError } from '../machinery/errors.ts';
import type { Transport } from '../machinery/http.ts';
import type { ConfigMap } from '../resources/generated/core-v1.ts';
import { createClient } from './client.ts';
import { type FakeApi, fakeApi } from './fake/fake-api.ts';
import type { Client } from './port.ts';
import { CONFIG_MAPS } from './refs.ts';

export interface OpenTransport {
  readonly transport: Transport;
  close(): Promise<void>;
}

const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});

/** `open` leads to the handler that it is given. */
export function transportConformance(name: string, open: (handler: Transport) => Promise<OpenTransport>): void {
  describe(`${name} carries what the client says`, () => {
    let api: FakeApi;
    let opened: OpenTransport;
    let client: Client;
    beforeAll(async () => {
      opened = await open((request) => api.transport(request));
      client = createClient({ transport: opened.transport, userAgent: 'test' });
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      api = fakeApi();
    });

    it('creates, gets, lists, updates, patches and deletes', async () => {
      const maps = client.resource(CONFIG_MAPS);
      const made = await maps.create('a b', configMap('x', { k: 'ü' }));
      expect(made.metadata.namespace).toBe('a b');
      expect((await maps.get('a b', 'x')).data).toEqual({ k: 'ü' });
      const updated = await maps.update({ ...made, data: { k: '2' } });
      expect(updated.data).toEqual({ k: '2' });
      const patched = await maps.patch('a b', 'x', 'merge', { metadata: { labels: { l: '1' } } });
      expect(patched.metadata.labels).toEqual({ l: '1' });
      expect((await maps.list('', { labelSelector: 'l=1' })).items).toHaveLength(1);
      expect((await maps.list('', { labelSelector: 'l=2' })).items).toEqual([]);
      await maps.delete('a b', 'x');
      await expect(maps.get('a b', 'x')).rejects.toThrow('configmaps "x" not found');
    });

    it('carries integers of 64 bits digit by digit, in answers and in watches', async () => {
      const maps = client.resource(CONFIG_MAPS);
      const { resourceVersion } = (await maps.list('ns')).metadata;
      const map = configMap('big');
      const made = await maps.create('ns', { ...map, metadata: { name: 'big', generation: 9007199254740993n } });
      expect((await maps.update({ ...made, data: { a: 'b' } })).metadata.generation).toBe(9007199254740993n);
      const ending = new AbortController();
      for await (const event of maps.watch('ns', { resourceVersion }, ending.signal)) {
        expect(event.object.metadata.generation).toBe(9007199254740993n);
        ending.abort();
      }
    });

    it('gives errors as ApiErrors with reason, code and details', async () => {
      const error = await client
        .resource(CONFIG_MAPS)
        .get('ns', 'none')
        .catch((e: unknown) => e);
      expect(isApiError(error, 'NotFound')).toBe(true);
      expect(error).toMatchObject({ code: 404, details: { name: 'none', kind: 'configmaps' } });
    });

    it('gives an answer that is no Status its code and text', async () => {
      api.intercept = () => ({
        status: 502,
        headers: { 'content-type': 'text/plain' },
        body: Buffer.from('bad gateway\n'),
      });
      await expect(client.raw('GET', '/api')).rejects.toMatchObject({ code: 502, message: 'bad gateway' });
    });

    it('carries a body of megabytes both ways', async () => {
      const big = 'x'.repeat(2_000_000);
      const made = await client.resource(CONFIG_MAPS).create('ns', configMap('big', { big }));
      expect(made.data?.big).toHaveLength(2_000_000);
    });

    it('carries a watch as it comes, and its end', async () => {
      const maps = client.resource(CONFIG_MAPS);
      const list = await maps.list('ns');
      const seen: string[] = [];
      const controller = new AbortController();
      const watching = (async () => {
        const { resourceVersion } = list.metadata;
        for await (const event of maps.watch('ns', { resourceVersion }, controller.signal)) {
          seen.push(`${event.type} ${event.object.metadata.name}`);
          if (seen.length === 2) api.endWatches();
        }
      })();
      await maps.create('ns', configMap('a'));
      await maps.create('other', configMap('b'));
      await maps.delete('ns', 'a');
      await watching;
      expect(seen).toEqual(['ADDED a', 'DELETED a']);
    });

    it('ends a watch when its reader stops, and tells the server', async () => {
      const maps = client.resource(CONFIG_MAPS);
      api.put('configmaps', { ...configMap('a'), metadata: { name: 'a', namespace: 'ns' } });
      let closed = false;
      const inner = api.transport;
      const before = api.intercept;
      api.intercept = undefined;
      const served = fakeWatch(() => {
        closed = true;
      });
      api.intercept = (request) => (request.query.get('watch') === 'true' ? served : before?.(request));
      for await (const event of maps.watch('ns', { resourceVersion: '1' }, new AbortController().signal)) {
        expect(event.object.metadata.name).toBe('a');
        break;
      }
      for (let i = 0; i < 200 && !closed; i++) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(closed).toBe(true);
      expect(api.transport).toBe(inner);
    });

    it('throws what an ERROR event says', async () => {
      api.compact();
      const events = client.resource(CONFIG_MAPS).watch('ns', { resourceVersion: '1' }, new AbortController().signal);
      const read = async (): Promise<void> => {
        for await (const event of events) throw new Error(`no event was expected, ${event.type} came`);
      };
      await expect(read()).rejects.toMatchObject({ reason: 'Expired', code: 410 });
    });
  });
}

function fakeWatch(onClose: () => void): Awaited<ReturnType<Transport>> {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', resourceVersion: '2' } };
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: {
      start(sink) {
        sink.onClose(onClose);
        sink.write(Buffer.from(`${JSON.stringify({ type: 'ADDED', object })}\n`));
      },
    },
  };
}
