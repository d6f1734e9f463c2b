// Service accounts and their tokens, what may be asked about permissions, and requests for certificates.
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CERTIFICATE_SIGNING_REQUESTS, CONFIG_MAPS, PODS, SERVICE_ACCOUNTS } from '../../../src/client/index.ts';
import type { Pod, ServiceAccount } from '../../../src/resources/generated/core-v1.ts';
import { covers } from '../covers.ts';
import { eventually, isRoot, maybe, podOf, type SimulatedCluster, startSimulated } from '../simulated.ts';

const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** DER, as far as a certificate request needs it. */
const der = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
};

function certificateRequest(commonName: string): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const oid = (hex: string): Buffer => der(6, Buffer.from(hex, 'hex'));
  const name = der(0x30, der(0x31, der(0x30, oid('550403'), der(0x0c, Buffer.from(commonName)))));
  const info = der(0x30, der(2, Buffer.from([0])), name, publicKey.export({ type: 'spki', format: 'der' }), der(0xa0));
  const signature = sign('sha256', info, privateKey);
  const request = der(0x30, info, der(0x30, oid('2a8648ce3d040302')), der(3, Buffer.from([0]), signature));
  const text = request.toString('base64').replace(/(.{64})(?=.)/g, '$1\n');
  return Buffer.from(`-----BEGIN CERTIFICATE REQUEST-----\n${text}\n-----END CERTIFICATE REQUEST-----\n`).toString(
    'base64',
  );
}

describe.skipIf(!isRoot)('service accounts and certificates (the nodes of the cluster need root)', () => {
  let cluster: SimulatedCluster;
  beforeAll(async () => {
    cluster = await startSimulated();
  });
  afterAll(() => cluster?.stop());

  const accounts = () => cluster.client.resource(SERVICE_ACCOUNTS);
  const pods = () => cluster.client.resource(PODS);
  const account = (name: string, more: object = {}): ServiceAccount => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name },
    ...more,
  });
  const tokenOf = async (namespace: string, name: string, spec: object = {}): Promise<string> => {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const { body } = await cluster.call('POST', path, { spec });
    return (body.status as { token: string }).token;
  };
  const running = (namespace: string, name: string): Promise<Pod> =>
    eventually(async () => {
      const pod = await pods().get(namespace, name);
      return pod.status?.phase === 'Running' ? pod : undefined;
    });
  /** The files of a volume, as they are on the node. */
  const filesOf = (pod: Pod, volume: string): Record<string, string> => {
    const nodes = join(cluster.dataDir, 'kubelet');
    const uid = pod.metadata.uid ?? '';
    const found = readdirSync(nodes, { recursive: true, encoding: 'utf8' }).filter((path) => {
      const parts = path.split('/');
      return parts.includes(uid) && parts.at(-2) === volume && !(parts.at(-1) ?? '').startsWith('..');
    });
    return Object.fromEntries(found.map((path) => [path.split('/').at(-1) ?? '', read(join(nodes, path))]));
  };
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  };
  const mountOf = (pod: Pod): string | undefined =>
    pod.spec?.containers[0]?.volumeMounts?.find(({ mountPath }) => mountPath === MOUNT)?.name;

  it.concurrent(covers('Service Account Tokens Must AutoMount'), async () => {
    const namespace = await cluster.namespace();
    const containers = ['one', 'two', 'three'].map((name) => ({ name, image: 'registry.test/i' }));
    await pods().create(namespace, podOf('mounts', { containers }) as Pod);
    const pod = await running(namespace, 'mounts');
    for (const { volumeMounts } of pod.spec?.containers ?? []) {
      expect(volumeMounts).toContainEqual(expect.objectContaining({ mountPath: MOUNT, readOnly: true }));
    }
    const files = filesOf(pod, mountOf(pod) ?? '');
    expect(Object.keys(files)).toEqual(expect.arrayContaining(['ca.crt', 'namespace', 'token']));
    expect(files).toMatchObject({ namespace, 'ca.crt': cluster.ca });
    const review = await cluster.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
      spec: { token: files.token },
    });
    expect(review.body.status).toMatchObject({
      authenticated: true,
      user: {
        username: `system:serviceaccount:${namespace}:default`,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/pod-name': ['mounts'] },
      },
    });
  });

  it.concurrent(covers('Service account tokens auto mount optionally'), async () => {
    const namespace = await cluster.namespace();
    await accounts().create(namespace, account('mount', { automountServiceAccountToken: true }));
    await accounts().create(namespace, account('nomount', { automountServiceAccountToken: false }));
    const cases: readonly (readonly [account: string, pod: boolean | undefined, mounted: boolean])[] = [
      ['default', undefined, true],
      ['mount', undefined, true],
      ['nomount', undefined, false],
      ['default', true, true],
      ['mount', true, true],
      ['nomount', true, true],
      ['default', false, false],
      ['mount', false, false],
      ['nomount', false, false],
    ];
    for (const [i, [serviceAccountName, automountServiceAccountToken, mounted]] of cases.entries()) {
      const spec = {
        serviceAccountName,
        ...(automountServiceAccountToken === undefined ? {} : { automountServiceAccountToken }),
      };
      const pod = await pods().create(namespace, podOf(`p${i}`, spec) as Pod);
      expect(mountOf(pod) !== undefined, `${serviceAccountName} ${automountServiceAccountToken}`).toBe(mounted);
    }
  });

  it.concurrent(
    covers('TokenRequestProjection should mount a projected volume with token using TokenRequest API.'),
    async () => {
      const namespace = await cluster.namespace();
      const source = { serviceAccountToken: { path: 'own-token', audience: 'vault', expirationSeconds: 3600 } };
      const volumes = [{ name: 'own', projected: { sources: [source] } }];
      const containers = [{ name: 'c', image: 'registry.test/i', volumeMounts: [{ name: 'own', mountPath: '/t' }] }];
      await pods().create(namespace, podOf('projects', { containers, volumes }) as Pod);
      const pod = await running(namespace, 'projects');
      const token = filesOf(pod, 'own')['own-token'] ?? '';
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as object;
      expect(claims).toMatchObject({
        aud: ['vault'],
        sub: `system:serviceaccount:${namespace}:default`,
        'kubernetes.io': { pod: { name: 'projects', uid: pod.metadata.uid } },
      });
    },
  );

  it.concurrent(covers('OIDC Discovery (ServiceAccountIssuerDiscovery)'), async () => {
    const namespace = await cluster.namespace();
    const token = await tokenOf(namespace, 'default', { audiences: ['oidc-discovery-test'] });
    const caller = await tokenOf(namespace, 'default');
    const config = await cluster.call('GET', '/.well-known/openid-configuration', undefined, { token: caller });
    expect(config).toMatchObject({ status: 200, body: { response_types_supported: ['id_token'] } });
    const { issuer, jwks_uri: uri } = config.body as unknown as { issuer: string; jwks_uri: string };
    const accept = 'application/jwk-set+json';
    const keys = await cluster.call('GET', new URL(uri).pathname, undefined, { token: caller, accept });
    expect(keys.headers['content-type']).toContain(accept);
    const verified = await jwtVerify(token, createLocalJWKSet(keys.body as unknown as JSONWebKeySet), {
      issuer,
      audience: 'oidc-discovery-test',
    });
    expect(verified.payload.sub).toBe(`system:serviceaccount:${namespace}:default`);
  });

  it.concurrent(covers('RootCA ConfigMap test'), async () => {
    const namespace = await cluster.namespace();
    const maps = cluster.client.resource(CONFIG_MAPS);
    const name = 'kube-root-ca.crt';
    const isThere = () =>
      eventually(async () => (await maybe(maps.get(namespace, name)))?.data?.['ca.crt'] === cluster.ca);
    await isThere();
    await maps.delete(namespace, name);
    await isThere();
    const found = await maps.get(namespace, name);
    await maps.update({ ...found, data: { '': '' } }).catch(() => maps.update({ ...found, data: { other: 'x' } }));
    await isThere();
    expect((await maps.get(namespace, name)).data).toEqual({ 'ca.crt': cluster.ca });
  });

  it.concurrent(covers('ServiceAccount lifecycle test'), async () => {
    const namespace = await cluster.namespace();
    const followed = cluster.follow(SERVICE_ACCOUNTS, namespace);
    const labels = { 'test-serviceaccount-static': 'true' };
    const labelSelector = 'test-serviceaccount-static=true';
    await accounts().create(namespace, { ...account('test'), metadata: { name: 'test', labels } });
    const added = await followed.until(({ type, object }) => type === 'ADDED' && object.metadata.name === 'test');
    expect(added.object.metadata.labels).toEqual(labels);
    const patched = await accounts().patch(namespace, 'test', 'strategic', { automountServiceAccountToken: false });
    expect(patched.automountServiceAccountToken).toBe(false);
    const { items } = await accounts().list('', { labelSelector });
    expect(items).toMatchObject([{ metadata: { name: 'test' }, automountServiceAccountToken: false }]);
    await accounts().deleteCollection(namespace, { labelSelector });
    await followed.until(({ type, object }) => type === 'DELETED' && object.metadata.name === 'test');
    followed.stop();
  });

  it.concurrent(covers('ServiceAccount, update a ServiceAccount'), async () => {
    const namespace = await cluster.namespace();
    const made = await accounts().create(namespace, account('updated'));
    expect(made.automountServiceAccountToken).toBeUndefined();
    const updated = await accounts().update({ ...made, automountServiceAccountToken: true });
    expect(updated.automountServiceAccountToken).toBe(true);
  });

  it.concurrent(covers('SubjectReview, API Operations'), async () => {
    const namespace = await cluster.namespace();
    await accounts().create(namespace, account('e2e'));
    const username = `system:serviceaccount:${namespace}:e2e`;
    const group = '/apis/authorization.k8s.io/v1';
    const resourceAttributes = { group: 'apps', resource: 'deployments', verb: 'list', version: 'v1', namespace };
    const allowed = async (path: string, spec: object, headers: Record<string, string> = {}): Promise<unknown> => {
      const metadata = path.includes('/namespaces/') ? { metadata: { namespace } } : {};
      const { status, body } = await cluster.call('POST', path, { ...metadata, spec }, { headers });
      expect(status).toBe(201);
      return (body.status as { allowed: boolean }).allowed;
    };
    const asked = async (): Promise<unknown[]> => [
      await allowed(`${group}/selfsubjectaccessreviews`, { resourceAttributes }, { 'impersonate-user': username }),
      await allowed(`${group}/subjectaccessreviews`, { resourceAttributes, user: username }),
      await allowed(`${group}/namespaces/${namespace}/localsubjectaccessreviews`, {
        resourceAttributes,
        user: username,
      }),
    ];
    expect(await asked()).toEqual([false, false, false]);
    await cluster.call('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`, {
      metadata: { name: 'view' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'e2e', namespace }],
    });
    await eventually(async () => (await asked()).every((answer) => answer === true));
  });

  it.concurrent(covers('CertificateSigningRequest API'), async () => {
    const group = '/apis/certificates.k8s.io';
    expect((await cluster.call('GET', '/apis')).text).toContain('"certificates.k8s.io/v1"');
    const { body } = await cluster.call('GET', `${group}/v1`);
    const names = (body.resources as { name: string }[]).map(({ name }) => name);
    const plural = 'certificatesigningrequests';
    expect(names).toEqual([plural, `${plural}/approval`, `${plural}/status`]);

    const requests = cluster.client.resource(CERTIFICATE_SIGNING_REQUESTS);
    const labelSelector = 'csr=e2e';
    const make = (name: string) =>
      requests.create('', {
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { name, labels: { csr: 'e2e' } },
        spec: {
          request: certificateRequest(createHash('md5').update(name).digest('hex')),
          signerName: 'example.com/e2e-signer',
          expirationSeconds: 3600,
          usages: ['digital signature', 'key encipherment', 'client auth'],
        },
      });
    const followed = cluster.follow(CERTIFICATE_SIGNING_REQUESTS, '', { labelSelector });
    await make('csr-one');
    await make('csr-two');
    expect((await requests.list('', { labelSelector })).items).toHaveLength(2);
    const patched = await requests.patch('', 'csr-one', 'merge', { metadata: { annotations: { patched: 'true' } } });
    expect(patched.metadata.annotations).toEqual({ patched: 'true' });
    const updated = await requests.update({
      ...patched,
      metadata: { ...patched.metadata, annotations: { updated: 'true' } },
    });
    expect(updated.metadata.annotations).toEqual({ updated: 'true' });

    const sub = (method: string, name: string, object?: unknown, type?: string) =>
      cluster.call(method, `${group}/v1/${plural}/csr-one/${name}`, object, type === undefined ? {} : { type });
    const merge = 'application/merge-patch+json';
    expect((await sub('GET', 'approval')).body.metadata).toMatchObject({ name: 'csr-one' });
    const condition = { type: 'ApprovalPatch', status: 'True', reason: 'E2E', message: 'patched' };
    const approved = await sub('PATCH', 'approval', { status: { conditions: [condition] } }, merge);
    expect(approved.body.status).toMatchObject({ conditions: [condition] });
    const [first] = (approved.body.status as { conditions: object[] }).conditions;
    const more = { type: 'Approved', status: 'True', reason: 'E2E', message: 'Set from an e2e test' };
    const put = await sub('PUT', 'approval', { ...approved.body, status: { conditions: [first, more] } });
    expect(put.body.status).toMatchObject({ conditions: [condition, more] });

    expect((await sub('GET', 'status')).body.status).toMatchObject({ conditions: [condition, more] });
    const certificate = Buffer.from(cluster.ca).toString('base64');
    const statusPatch = { metadata: { annotations: { patchedstatus: 'true' } }, status: { certificate } };
    const issued = await sub('PATCH', 'status', statusPatch, merge);
    expect(issued.body).toMatchObject({ status: { certificate } });
    const conditions = [
      ...(issued.body.status as { conditions: object[] }).conditions,
      { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'm' },
    ];
    const again = await sub('PUT', 'status', {
      ...issued.body,
      status: { ...(issued.body.status as object), conditions },
    });
    expect(again.body.status).toMatchObject({ certificate, conditions: [{}, {}, { type: 'StatusUpdate' }] });

    await requests.delete('', 'csr-one');
    expect(await maybe(requests.get('', 'csr-one'))).toBeUndefined();
    await requests.deleteCollection('', { labelSelector });
    expect((await requests.list('', { labelSelector })).items).toEqual([]);
    await followed.until(({ type, object }) => type === 'DELETED' && object.metadata.name === 'csr-two');
    followed.stop();
  });
});
