// Where a watch begins, what it is narrowed to, and what is refused.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer, TestSink } from '../test-fixture.ts';

let server: TestServer;
const MAPS = '/api/v1/namespaces/default/configmaps';
const OF_PATH = '/api/v1/watch/namespaces/default/configmaps';

beforeAll(async () => {
  server = await startTestServer();
  for (const name of ['a', 'b']) await server.call('POST', MAPS, { metadata: { name } });
});
afterAll(() => server.api.close());

/** What a watch tells at once. */
async function told(url: string): Promise<string[]> {
  const response = await server.raw('GET', url);
  const sink = new TestSink();
  if (response.body instanceof Uint8Array) sink.write(response.body);
  else response.body.start(sink);
  await new Promise((resolve) => setTimeout(resolve, 20));
  sink.end();
  return sink.events().map(({ type, object }) => {
    const end = object.metadata.annotations === undefined ? '' : 'end';
    return `${type} ${String(object.metadata.name ?? object.message ?? end)}`;
  });
}

test('by the path of one object tells of that object alone', async () => {
  expect(await told(`${OF_PATH}/b`)).toEqual(['ADDED b']);
  expect(await told(`${OF_PATH}/b?fieldSelector=metadata.name%3Db`)).toEqual(['ADDED b']);
  expect(await told('/api/v1/watch/namespaces/default')).toEqual(['ADDED default']);
  expect(await told(OF_PATH)).toEqual(['ADDED a', 'ADDED b']);
});

test.each(['metadata.name%3Da', 'metadata.namespace%3Ddefault'])(
  'by the path of one object refuses the field selector %s, which is not its name',
  async (selector) => {
    const { status, body } = await server.call('GET', `${OF_PATH}/b?fieldSelector=${selector}`);
    expect([status, body.message]).toEqual([400, "fieldSelector metadata.name doesn't match requested name"]);
  },
);

test.each(['', '&resourceVersion=0'])(
  'that allows bookmarks and says "%s" of where it begins marks the end of what is there',
  async (version) => {
    const events = await told(`${MAPS}?watch=1&allowWatchBookmarks=true${version}`);
    expect(events).toEqual(['ADDED a', 'ADDED b', 'BOOKMARK end']);
  },
);

const FORBIDDEN = 'resourceVersionMatch: Forbidden: ';
const UNSUPPORTED = 'resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"';
test.each([
  ['sendInitialEvents=true', `${FORBIDDEN}sendInitialEvents requires setting resourceVersionMatch to NotOlderThan`],
  [
    'resourceVersionMatch=Exact',
    `[${FORBIDDEN}resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided, ${UNSUPPORTED}]`,
  ],
  [
    'sendInitialEvents=false&resourceVersionMatch=Exact',
    `[${FORBIDDEN}sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, ${UNSUPPORTED}]`,
  ],
  ['continue=x', `${FORBIDDEN}resourceVersionMatch is forbidden when continue is provided`],
])('with %s is refused', async (query, why) => {
  const { status, body } = await server.call('GET', `${MAPS}?watch=1&${query}`);
  expect([status, body.message]).toEqual([422, `ListOptions.meta.k8s.io "" is invalid: ${why}`]);
});

test('from a state to come is told that it is not there yet, when it asks for what was there', async () => {
  const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
  const [event] = await told(`${MAPS}?watch=1&resourceVersion=999999999&${initial}`);
  expect(event).toMatch(/^ERROR Timeout: Too large resource version: 999999999, current: \d+$/);
});

test('in YAML is refused', async () => {
  const { status, text } = await server.call('GET', `${MAPS}?watch=1`, undefined, { accept: 'application/yaml' });
  expect(status).toBe(406);
  expect(text).toContain('only the following media types are accepted: application/json;stream=watch,');
});

const PARTIAL = 'as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

/** The bytes that a watch sends at once. */
async function sent(url: string, accept: string): Promise<{ type: string; text: string }> {
  const response = await server.raw('GET', url, { accept });
  const sink = new TestSink();
  if (response.body instanceof Uint8Array) sink.write(response.body);
  else response.body.start(sink);
  await new Promise((resolve) => setTimeout(resolve, 20));
  sink.end();
  return { type: String(response.headers['content-type']), text: Buffer.concat(sink.chunks).toString('latin1') };
}

test.each(['application/vnd.kubernetes.protobuf', 'application/json'])(
  'sends metadata alone as %s where that is asked for, in its bookmarks too',
  async (mediaType) => {
    const data = { metadata: { name: 'c' }, data: { word: 'unwanted' } };
    await server.call('POST', MAPS, data);
    const { type, text } = await sent(`${MAPS}?watch=1&allowWatchBookmarks=true`, `${mediaType};${PARTIAL}`);
    expect(type.startsWith(mediaType)).toBe(true);
    expect(text).not.toContain('unwanted');
    const count = (word: string): number => text.split(word).length - 1;
    expect([count('ADDED'), count('BOOKMARK'), count('PartialObjectMetadata')]).toEqual([3, 1, 4]);
    expect(text).toContain('k8s.io/initial-events-end');
    await server.call('DELETE', `${MAPS}/c`);
  },
);
