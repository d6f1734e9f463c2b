// What pods prove themselves with, and whom they trust: certificates of their own and trust bundles, in projected volumes.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLUSTER_TRUST_BUNDLES, POD_CERTIFICATE_REQUESTS } from '../../../src/client/index.ts';
import type { PodCertificateRequest } from '../../../src/resources/generated/certificates-v1beta1.ts';
import type { ClusterTrustBundleProjection, VolumeProjection } from '../../../src/resources/generated/core-v1.ts';
import { Bed, type Room, sh, skipReason, until, withVolume } from './bed.ts';
import { TestSigner } from './signer.ts';

let bed: Bed;
let room: Room;

const projected = (...sources: VolumeProjection[]) => ({ projected: { sources } });
const trusting = (source: Omit<ClusterTrustBundleProjection, 'path'>) =>
  projected({ clusterTrustBundle: { ...source, path: 'anchors.pem' } });

async function bundle(
  name: string,
  trustBundle: string,
  signerName?: string,
  labels: Record<string, string> = {},
): Promise<void> {
  await bed.client.resource(CLUSTER_TRUST_BUNDLES).create('', {
    apiVersion: 'certificates.k8s.io/v1beta1',
    kind: 'ClusterTrustBundle',
    metadata: { name, labels },
    spec: { trustBundle, ...(signerName === undefined ? {} : { signerName }) },
  });
}

/** The fingerprints of the certificates in a text. */
const prints = (pem: string): string[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [])
    .map((one) => new X509Certificate(one).fingerprint256)
    .sort();

const pemOf = (signer: TestSigner): string => `${signer.authority.toString('pem')}\n`;

function asked(signerName: string, other?: string): Promise<PodCertificateRequest> {
  return until(async () => {
    const { items } = await bed.client
      .resource(POD_CERTIFICATE_REQUESTS)
      .list(room.namespace, { fieldSelector: `spec.signerName=${signerName}` });
    return items.find((one) => one.metadata.name !== other);
  });
}

describe.skipIf(skipReason !== undefined)(`credentials of pods (${skipReason ?? 'real containers'})`, () => {
  let a: TestSigner;
  let b: TestSigner;
  beforeAll(async () => {
    bed = await Bed.open('--runtime-config', 'certificates.k8s.io/v1beta1');
    room = await bed.room();
    [a, b] = await Promise.all([TestSigner.open('authority a'), TestSigner.open('authority b')]);
  }, 120_000);
  afterAll(() => bed?.close(), 60_000);

  describe.concurrent('a trust bundle', () => {
    const cat = 'while true; do cat /v/anchors.pem; echo \\#; sleep 0.1; done';
    const latest = async (pod: string): Promise<string[]> => prints((await room.log(pod)).split('#').at(-2) ?? '');

    it('by name shows its certificates alone, and follows changes', async () => {
      await bundle('by-name', `a word before\n${pemOf(a)}`);
      const pod = await room.start(withVolume(cat, trusting({ name: 'by-name' })));
      await room.logs(pod, '#'); // written when all of it was shown
      expect(await room.log(pod)).not.toContain('a word before');
      expect(await latest(pod)).toEqual(prints(pemOf(a)));
      const both = pemOf(a) + pemOf(b);
      await bed.client.resource(CLUSTER_TRUST_BUNDLES).patch('', 'by-name', 'merge', { spec: { trustBundle: both } });
      await until(async () => (await latest(pod)).length === 2);
      expect(await latest(pod)).toEqual(prints(both));
      await room.delete(pod);
    });

    it('by signer is all that the selector matches, each certificate once', async () => {
      const signerName = 'example.com/trusted';
      await bundle('example.com:trusted:one', pemOf(a), signerName, { version: 'live' });
      await bundle('example.com:trusted:two', pemOf(a) + pemOf(b), signerName, { version: 'live' });
      await bundle('example.com:trusted:old', pemOf(b), signerName, { version: 'old' });
      const show = (labelSelector: object): Promise<string> =>
        room.output(withVolume('cat /v/anchors.pem', trusting({ signerName, labelSelector })));
      const selectors = [{ matchLabels: { version: 'live' } }, { matchLabels: { version: 'old' } }, {}];
      const [live = '', old = '', all = ''] = await Promise.all(selectors.map(show));
      expect(prints(live)).toEqual(prints(pemOf(a) + pemOf(b)));
      expect(prints(old)).toEqual(prints(pemOf(b)));
      expect(prints(all)).toHaveLength(2);
    });

    it('that is missing keeps the pod waiting, unless it is optional', async () => {
      const empty = await room.output(
        withVolume('wc -c < /v/anchors.pem', trusting({ name: 'nosuch', optional: true })),
      );
      expect(empty).toBe('0\n');
      const pod = await room.create(withVolume('cat /v/anchors.pem', trusting({ name: 'late' })));
      await room.event(pod, 'FailedMount', 'clustertrustbundle.certificates.k8s.io "late" not found');
      const other = await room.create(
        withVolume('true', trusting({ signerName: 'example.com/none', labelSelector: {} })),
      );
      await room.event(
        other,
        'FailedMount',
        'combination of signerName and labelSelector matched zero ClusterTrustBundles',
      );
      await bundle('late', pemOf(a));
      expect((await room.ended(pod)).status?.phase).toBe('Succeeded');
      await room.delete(other);
    });
  });

  describe.concurrent('a token', () => {
    it('is its pod’s: the user’s where all containers have one, the fsGroup’s where there is one', async () => {
      const owner = (securityContext: object, second: object = {}): Promise<string> => {
        const spec = withVolume('stat -Lc "%a %u:%g" /v/token', projected({ serviceAccountToken: { path: 'token' } }));
        const containers = [...(spec.containers ?? []), sh('true', { name: 'second', ...second })];
        return room.output({ ...spec, containers, securityContext });
      };
      const asked = [
        owner({}),
        owner({ runAsUser: 1000 }),
        owner({ fsGroup: 10_000 }),
        owner({ runAsUser: 1000, fsGroup: 10_000 }),
        owner({ runAsUser: 1000 }, { securityContext: { runAsUser: 1001 } }),
      ];
      const wanted = ['644 0:0', '600 1000:0', '640 0:10000', '640 1000:10000', '644 0:0'];
      expect(await Promise.all(asked)).toEqual(wanted.map((line) => `${line}\n`));
    });

    it('is for the audience asked for', async () => {
      const token = { path: 'token', audience: 'vault', expirationSeconds: 600 };
      const source = projected({ serviceAccountToken: token });
      const text = await room.output(withVolume('cut -d. -f2 /v/token', source), { name: 'asks' });
      const claims = JSON.parse(Buffer.from(text.trim(), 'base64url').toString()) as Record<string, unknown>;
      expect(claims).toMatchObject({
        aud: ['vault'],
        sub: `system:serviceaccount:${room.namespace}:default`,
        'kubernetes.io': { namespace: room.namespace, pod: { name: 'asks' }, serviceaccount: { name: 'default' } },
      });
      expect(Number(claims.exp) - Number(claims.iat)).toBe(600);
    });
  });

  describe.concurrent('a certificate of the pod', () => {
    const files = { credentialBundlePath: 'bundle.pem', keyPath: 'key.pem', certificateChainPath: 'chain.pem' };
    const certified = (signerName: string, keyType: string, more: object = {}) =>
      projected({ podCertificate: { signerName, keyType, ...files, ...more } });

    for (const keyType of ['ECDSAP256', 'ECDSAP384', 'ED25519', 'RSA3072']) {
      it(`comes from the signer, for a key that never leaves the node: ${keyType}`, async () => {
        const signerName = `example.com/${keyType.toLowerCase()}`;
        const more = { maxExpirationSeconds: 7200, userAnnotations: { 'example.com/a': 'b' } };
        const pod = await room.create(
          withVolume(
            'stat -Lc %a /v/key.pem; cat /v/bundle.pem; echo \\#; cat /v/key.pem /v/chain.pem',
            certified(signerName, keyType, more),
            {
              securityContext: { runAsUser: 1000 },
            },
          ),
        );
        const request = await asked(signerName);
        expect(request.spec).toMatchObject({
          signerName,
          podName: pod,
          podUID: (await room.pod(pod)).metadata.uid,
          serviceAccountName: 'default',
          nodeName: 'node-1',
          maxExpirationSeconds: 7200,
          unverifiedUserAnnotations: { 'example.com/a': 'b' },
        });
        await room.waiting(pod, 'ContainerCreating');
        await a.answer(bed.client, request, {});
        await room.ended(pod);
        const text = await room.log(pod);
        expect(text.startsWith('600\n-----BEGIN PRIVATE KEY-----\n')).toBe(true);
        const [bundled = '', apart = ''] = text.slice('600\n'.length).split('#\n');
        expect(apart).toBe(bundled);
        const chain = bundled.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
        expect(chain).toHaveLength(2);
        const leaf = new X509Certificate(chain[0] ?? '');
        expect(leaf.subject).toBe(`CN=${pod}`);
        expect(leaf.checkPrivateKey(createPrivateKey(bundled))).toBe(true);
      });
    }

    it('is renewed when the signer said it should be', async () => {
      const signerName = 'example.com/renewing';
      const script = 'while true; do cat /v/chain.pem; echo \\#; sleep 0.1; done';
      const pod = await room.create(withVolume(script, certified(signerName, 'ECDSAP256')));
      const first = await asked(signerName);
      await a.answer(bed.client, first, { refreshInMs: 2_000 });
      await room.ready(pod);
      await room.logs(pod, 'END CERTIFICATE');
      const before = prints((await room.log(pod)).split('#')[0] ?? '');
      const second = await asked(signerName, first.metadata.name);
      expect(second.spec?.stubPKCS10Request).not.toBe(first.spec?.stubPKCS10Request);
      await a.answer(bed.client, second, {});
      await until(async () => {
        const now = prints((await room.log(pod)).split('#').at(-2) ?? '');
        return now.length === 2 && now.join() !== before.join();
      });
      await room.delete(pod);
    });

    it('that is denied keeps the pod from starting, with the reason', async () => {
      const signerName = 'example.com/denying';
      const pod = await room.create(withVolume('true', certified(signerName, 'ECDSAP256')));
      const deny = { reason: 'UnsupportedKeyType', message: 'try ED25519' };
      await a.answer(bed.client, await asked(signerName), { deny });
      await room.event(
        pod,
        'FailedMount',
        'PodCertificateRequest was permanently denied: reason="UnsupportedKeyType" message="try ED25519"',
      );
      await room.delete(pod);
    });
  });
});
