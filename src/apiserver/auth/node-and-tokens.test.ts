// Service account tokens, what a kubelet may do, and the default roles.
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../host/clock.ts';
import type { ClusterRole } from '../../resources/generated/rbac-v1.ts';
import type { Attributes } from './authorizer.ts';
import { bootstrapPolicy } from './bootstrap-policy.ts';
import { nodeAuthorizer } from './node-authorizer.ts';
import { TokenIssuer } from './tokens.ts';

const user = (username: string, ...groups: string[]) => ({ username, groups });
const ask = (part: Partial<Attributes>): Attributes => ({
  user: user('jane', 'system:authenticated'),
  verb: 'get',
  isResource: true,
  group: '',
  version: 'v1',
  resource: 'secrets',
  subresource: '',
  namespace: 'a',
  name: 's',
  path: '',
  ...part,
});

function issuerAt(now: () => number): TokenIssuer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return new TokenIssuer({
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    issuer: 'https://kubernetes.default.svc.cluster.local',
    clock: { now, setTimer: () => ({ cancel() {} }), sleep: async () => {} },
    random: systemRandom,
  });
}

const INPUT = {
  namespace: 'a',
  serviceAccount: { name: 'default', uid: 'sa-uid' },
  audiences: [],
  expirationSeconds: 3600,
};

describe('service account tokens', () => {
  it('carry the account, and what they are bound to', async () => {
    const issuer = issuerAt(() => Date.now());
    const { token } = await issuer.issue({ ...INPUT, pod: { name: 'p', uid: 'u' } });
    const { claim } = await issuer.verify(token);
    expect(claim).toMatchObject({
      namespace: 'a',
      serviceaccount: { name: 'default', uid: 'sa-uid' },
      pod: { name: 'p', uid: 'u' },
    });
  });

  it('are refused after their time, for another audience, and when somebody else signed them', async () => {
    let now = Date.now();
    const issuer = issuerAt(() => now);
    const { token } = await issuer.issue(INPUT);
    const { token: vault } = await issuer.issue({ ...INPUT, audiences: ['vault'] });
    await expect(issuer.verify(vault)).rejects.toThrow();
    expect((await issuer.verify(vault, ['vault', 'x'])).audiences).toEqual(['vault']);
    await expect(issuerAt(() => now).verify(token)).rejects.toThrow();
    now += 3_700_000;
    await expect(issuer.verify(token)).rejects.toThrow();
  });
});

describe('the node authorizer', () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'a' },
    spec: { containers: [], volumes: [{ name: 'v', secret: { secretName: 's' } }] },
  };
  const authorizer = nodeAuthorizer({ podsOf: (node) => (node === 'n1' ? [pod] : []) });
  const kubelet = (name: string) => user(`system:node:${name}`, 'system:nodes', 'system:authenticated');

  it('lets a kubelet read only the secrets of its own pods', () => {
    expect(authorizer.authorize(ask({ user: kubelet('n1') })).allowed).toBe(true);
    expect(authorizer.authorize(ask({ user: kubelet('n2') })).allowed).toBe(false);
    expect(authorizer.authorize(ask({ name: 'other', user: kubelet('n1') })).allowed).toBe(false);
    expect(authorizer.authorize(ask({ user: user('system:node:n1') })).allowed).toBe(false);
  });

  it('lets a kubelet read only the claims for devices of its own pods, also those that were made for them', () => {
    const resourceClaims = [
      { name: 'a', resourceClaimName: 'named' },
      { name: 'b', resourceClaimTemplateName: 't' },
    ];
    const status = { resourceClaimStatuses: [{ name: 'b', resourceClaimName: 'p-b-x' }] };
    const claiming = { ...pod, spec: { containers: [], resourceClaims }, status };
    const own = nodeAuthorizer({ podsOf: (node) => (node === 'n1' ? [claiming] : []) });
    const claims = { group: 'resource.k8s.io', resource: 'resourceclaims', user: kubelet('n1') };
    expect(['named', 'p-b-x', 't'].map((name) => own.authorize(ask({ ...claims, name })).allowed)).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe('the default roles', () => {
  it('put view into edit and edit into admin by label', () => {
    const roles = bootstrapPolicy().filter((o): o is ClusterRole => o.kind === 'ClusterRole');
    const labelled = (to: string) =>
      roles
        .filter((r) => r.metadata.labels?.[`rbac.authorization.k8s.io/aggregate-to-${to}`] === 'true')
        .map((r) => r.metadata.name);
    expect(labelled('admin')).toEqual(['edit', 'system:aggregate-to-admin']);
    expect(labelled('edit')).toEqual(['view', 'system:aggregate-to-edit']);
    expect(labelled('view')).toEqual(['system:aggregate-to-view']);
  });
});
