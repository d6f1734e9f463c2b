// Tokens, evictions and bindings: what is refused before anything happens.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../test-fixture.ts';

let server: TestServer;
const SPACE = '/api/v1/namespaces/default';

beforeAll(async () => {
  server = await startTestServer();
  await server.call('POST', `${SPACE}/serviceaccounts`, { metadata: { name: 'who' } });
});
afterAll(() => server.api.close());

describe('a token', () => {
  test('is made in a dry run too', async () => {
    const { status, body } = await server.call('POST', `${SPACE}/serviceaccounts/who/token?dryRun=All`, {});
    expect(status).toBe(201);
    expect((body.status as { token?: string } | undefined)?.token).toMatch(/^ey/);
  });

  test.each([
    ['who', { uid: 'other' }, /^Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "who": the UID/],
    ['nobody', { name: 'who' }, /metadata.name: Invalid value: "who": must match the service account name/],
    ['nobody', { namespace: 'other' }, /^the namespace of the provided object does not match/],
    ['nobody', {}, /^serviceaccounts "nobody" not found$/],
  ])('of %s with metadata %j is refused', async (account, metadata, message) => {
    const { body } = await server.call('POST', `${SPACE}/serviceaccounts/${account}/token`, { metadata });
    expect(body.message).toMatch(message);
  });
});

async function makePod(name: string, spec: object): Promise<void> {
  await server.call('POST', `${SPACE}/serviceaccounts`, { metadata: { name: 'default' } });
  const pod = { metadata: { name }, spec: { ...spec, containers: [{ name: 'c', image: 'i' }] } };
  expect(await server.call('POST', `${SPACE}/pods`, pod)).toMatchObject({ status: 201 });
}

describe('an eviction', () => {
  test.each([
    [['a'], /^Non-matching dry-run options in request and content: \[All\] and \[a\]$/],
    [['All'], /^pods "p" not found$/],
  ])('with the dry run %j asked for with All', async (dryRun, message) => {
    const eviction = { metadata: { name: 'p' }, deleteOptions: { dryRun } };
    const { body } = await server.call('POST', `${SPACE}/pods/p/eviction?dryRun=All`, eviction);
    expect(body.message).toMatch(message);
  });

  test('has options that a deletion takes', async () => {
    await makePod('opts', {});
    const eviction = { metadata: { name: 'opts' }, deleteOptions: { propagationPolicy: 'x' } };
    const { body } = await server.call('POST', `${SPACE}/pods/opts/eviction`, eviction);
    expect(body.message).toMatch(/^DeleteOptions\.meta\.k8s\.io "" is invalid: propagationPolicy: Unsupported value/);
  });

  test('never ignores what cannot be read', async () => {
    const deleteOptions = { ignoreStoreReadErrorWithClusterBreakingPotential: true };
    const { body } = await server.call('POST', `${SPACE}/pods/p/eviction`, { metadata: { name: 'p' }, deleteOptions });
    expect(body.message).toMatch(/can not be set for pod eviction, try after removing the option$/);
  });
});

test.each([
  [undefined, 'Name parameter required.'],
  ['a/b', `Name parameter invalid: "a/b": may not contain '/'`],
  ['a', 'pods "a" not found'],
])('a binding in the collection of the name %j', async (name, message) => {
  const binding = { metadata: { name }, target: { kind: 'Node', name: 'n' } };
  const { body } = await server.call('POST', `${SPACE}/bindings`, binding);
  expect(body.message).toBe(message);
});

test('a binding that means another pod of the name is refused before anything else', async () => {
  await makePod('meant', { nodeName: 'm' });
  const binding = { metadata: { name: 'meant', uid: 'x' }, target: { kind: 'Node', name: 'n' } };
  const { body } = await server.call('POST', `${SPACE}/pods/meant/binding`, binding);
  expect(body.message).toMatch(/Precondition failed: UID in precondition: x, UID in object meta: /);
});
