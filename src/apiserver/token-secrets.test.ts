// Tokens of service accounts that lie in Secrets: filled, taken, noted, refused, removed.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from './test-fixture.ts';

let server: TestServer;
const SECRETS = '/api/v1/namespaces/default/secrets';
const REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';

beforeAll(async () => {
  server = await startTestServer({ clusterCa: 'PEM of the authority' });
  await server.call('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'robot' } });
});
afterAll(() => server.api.close());

interface Review {
  authenticated?: boolean;
  user?: { username?: string };
  error?: string;
}

async function review(token: string): Promise<Review> {
  const { body } = await server.call('POST', REVIEWS, { spec: { token } });
  return body.status as Review;
}

const text = (data: unknown, key: string): string =>
  Buffer.from((data as Record<string, string> | undefined)?.[key] ?? '', 'base64').toString();

async function made(name: string): Promise<string> {
  await server.call('POST', SECRETS, {
    metadata: { name, annotations: { 'kubernetes.io/service-account.name': 'robot' } },
    type: 'kubernetes.io/service-account-token',
  });
  await expect.poll(async () => text((await server.call('GET', `${SECRETS}/${name}`)).body.data, 'token')).not.toBe('');
  return text((await server.call('GET', `${SECRETS}/${name}`)).body.data, 'token');
}

const labelsOf = async (name: string) => (await server.call('GET', `${SECRETS}/${name}`)).body.metadata?.labels;

describe('a Secret for the token of a service account', () => {
  test('is filled with a token, the namespace and the authority, and names the account it is for', async () => {
    await made('filled');
    const { body } = await server.call('GET', `${SECRETS}/filled`);
    const account = await server.call('GET', '/api/v1/namespaces/default/serviceaccounts/robot');
    expect(text(body.data, 'namespace')).toBe('default');
    expect(text(body.data, 'ca.crt')).toBe('PEM of the authority');
    expect(body.metadata?.annotations).toMatchObject({
      'kubernetes.io/service-account.uid': account.body.metadata?.uid,
    });
  });

  test('holds a token that is taken, and the day of its use is noted', async () => {
    const token = await made('used');
    expect(await review(token)).toMatchObject({
      authenticated: true,
      user: { username: 'system:serviceaccount:default:robot' },
    });
    await expect
      .poll(() => labelsOf('used'))
      .toEqual({ 'kubernetes.io/legacy-token-last-used': expect.stringMatching(/^\d{4}-\d\d-\d\d$/) });
  });

  test('that is marked invalid, or gone, holds no token that is taken', async () => {
    const token = await made('marked');
    const mark = { metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': '2026-01-01' } } };
    await server.call('PATCH', `${SECRETS}/marked`, mark, { type: 'application/merge-patch+json' });
    expect((await review(token)).error).toContain(
      'the token in secret default/marked for service account default/robot has been marked invalid.',
    );
    await server.call('DELETE', `${SECRETS}/marked`);
    expect((await review(token)).error).toContain('Token has been invalidated');
  });

  test('goes when there is no such account', async () => {
    await server.call('POST', SECRETS, {
      metadata: { name: 'lost', annotations: { 'kubernetes.io/service-account.name': 'nobody' } },
      type: 'kubernetes.io/service-account-token',
    });
    await expect.poll(async () => (await server.call('GET', `${SECRETS}/lost`)).status).toBe(404);
  });
});

test('since when use is noted stands in a ConfigMap', async () => {
  const path = '/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking';
  expect((await server.call('GET', path)).body.data).toEqual({ since: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) });
});
