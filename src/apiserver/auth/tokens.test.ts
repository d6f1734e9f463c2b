// Service account tokens, and the default roles.
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../host/clock.ts';
import type { ClusterRole } from '../../resources/generated/rbac-v1.ts';
import { bootstrapPolicy } from './bootstrap-policy.ts';
import { TokenIssuer } from './tokens.ts';

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
