// What a kubelet may change, asked of a server: its own node, its own pods, what is named after it.
import { webcrypto } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../machinery/object.ts';
import { type Answer, startTestServer, type TestServer } from '../../test-fixture.ts';

let server: TestServer;
const kubelet = (node: string) => ({
  username: `system:node:${node}`,
  groups: ['system:nodes', 'system:authenticated'],
});
const IN = '/api/v1/namespaces/default';
const PODS = `${IN}/pods`;
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const CSI = '/apis/storage.k8s.io/v1/csinodes';
const SLICES = '/apis/resource.k8s.io/v1/resourceslices';
const CSRS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const PCRS = '/apis/certificates.k8s.io/v1beta1/namespaces/default/podcertificaterequests';
const CONTAINERS = [{ name: 'c', image: 'i' }];

interface Made {
  readonly uid: string;
}
const made: Record<string, Made> = {};

function as(node: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  return server.call(method, path, body, { user: kubelet(node), type });
}

async function make(path: string, object: JsonObject & { metadata: { name: string } }): Promise<void> {
  const { status, body } = await server.call('POST', path, object);
  if (status !== 201) throw new Error(JSON.stringify(body));
  made[`${path.split('/').at(-1)}/${object.metadata.name}`] = { uid: String(body.metadata?.uid) };
}

const requests = new Map<string, string>();

/** A request for a certificate of that name, in base64. */
async function makeRequest(commonName: string): Promise<void> {
  await import('reflect-metadata');
  const { Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const name = `CN=${commonName}, O=system:nodes`;
  const request = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: algorithm });
  requests.set(commonName, Buffer.from(request.toString('pem')).toString('base64'));
}

const uidOf = (key: string): string => made[key]?.uid ?? '';

beforeAll(async () => {
  server = await startTestServer();
  await Promise.all(['system:node:n1', 'system:node:n2', 'anybody'].map(makeRequest));
  for (const name of ['kube-node-lease', 'default']) {
    await server.call('POST', '/api/v1/namespaces', { metadata: { name } });
  }
  await make(`${IN}/serviceaccounts`, { metadata: { name: 'default' } });
  for (const name of ['n1', 'n2']) await make('/api/v1/nodes', { metadata: { name } });
  const volumes = [
    { name: 'data', persistentVolumeClaim: { claimName: 'claim' } },
    { name: 'inline', csi: { driver: 'inline.example.com' } },
    { name: 'vault', projected: { sources: [{ serviceAccountToken: { audience: 'vault', path: 't' } }] } },
  ];
  const resources = { requests: { storage: '1Gi' } };
  await make(`${IN}/persistentvolumeclaims`, {
    metadata: { name: 'claim' },
    spec: { accessModes: ['ReadWriteOnce'], resources, volumeName: 'pv', storageClassName: '' },
  });
  await make('/api/v1/persistentvolumes', {
    metadata: { name: 'pv' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      claimRef: { namespace: 'default', name: 'claim' },
      csi: { driver: 'claimed.example.com', volumeHandle: 'h' },
    },
  });
  for (const name of ['inline', 'claimed']) {
    await make('/apis/storage.k8s.io/v1/csidrivers', {
      metadata: { name: `${name}.example.com` },
      spec: { tokenRequests: [{ audience: name }] },
    });
  }
  await make(PODS, { metadata: { name: 'mine' }, spec: { nodeName: 'n1', volumes, containers: CONTAINERS } });
  await make(PODS, { metadata: { name: 'other' }, spec: { nodeName: 'n2', containers: CONTAINERS } });
  await make(PODS, { metadata: { name: 'leaves' }, spec: { nodeName: 'n1', containers: CONTAINERS } });
  for (const [name, nodeName] of [
    ['slice-1', 'n1'],
    ['slice-2', 'n2'],
  ] as const) {
    const pool = { name, generation: 1, resourceSliceCount: 1 };
    await make(SLICES, { metadata: { name }, spec: { driver: 'd.example.com', nodeName, pool, devices: [] } });
  }
});
afterAll(() => server.api.close());

const owner = (more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  name: 'n1',
  uid: uidOf('nodes/n1'),
  controller: true,
  ...more,
});
const mirror = (spec: object = {}, metadata: object = {}): object => ({
  metadata: {
    name: 'static-n1',
    annotations: { 'kubernetes.io/config.mirror': 'x' },
    ownerReferences: [owner()],
    ...metadata,
  },
  spec: { nodeName: 'n1', containers: CONTAINERS, ...spec },
});
const withVolume = (source: object): object => mirror({ volumes: [{ name: 'v', ...source }] });
const withSource = (source: object): object => withVolume({ projected: { sources: [source] } });
const token = (spec: object = {}): object => ({
  spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'mine', uid: uidOf('pods/mine') }, ...spec },
});
const bound = (ref: object): object => token({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...ref } });
const slice = (nodeName: string): object => ({
  metadata: { name: 'new' },
  spec: {
    driver: 'd.example.com',
    nodeName,
    pool: { name: 'new', generation: 1, resourceSliceCount: 1 },
    devices: [],
  },
});
const csr = (commonName: string, signerName = 'kubernetes.io/kube-apiserver-client-kubelet'): object => ({
  metadata: { generateName: 'csr-' },
  spec: {
    signerName,
    request: requests.get(commonName) ?? 'eA==',
    usages: ['digital signature', 'client auth'],
  },
});
const pcr = (spec: object): object => ({
  metadata: { generateName: 'pcr-' },
  spec: {
    signerName: 'example.com/s',
    podName: 'mine',
    podUID: uidOf('pods/mine'),
    nodeName: 'n1',
    nodeUID: uidOf('nodes/n1'),
    serviceAccountName: 'default',
    serviceAccountUID: uidOf('serviceaccounts/default'),
    ...spec,
  },
});
const labels = (...keys: string[]): object => ({
  metadata: { labels: Object.fromEntries(keys.map((key) => [key, 'x'])) },
});

const NODE = '/api/v1/nodes/n1';
const TOKEN = `${IN}/serviceaccounts/default/token`;
const DIFFERS = 'can not create pods that reference';
const LEASE_NAME = 'can only access node lease with the same name as the requesting node';
const CSI_NAME = 'can only access CSINode with the same name as the requesting node';
const OK = '';

type Row = readonly [what: string, method: string, path: string, body: (() => unknown) | undefined, refusal: string];

/** Each with the words after `is forbidden: `; '' where it is done. All are dry runs by node n1. */
const TABLE: readonly Row[] = [
  // Nodes.
  ['reports its node', 'PATCH', `${NODE}/status`, () => ({ status: { phase: 'Running' } }), OK],
  [
    'reports another node',
    'PATCH',
    '/api/v1/nodes/n2/status',
    () => ({ status: {} }),
    'node "n1" is not allowed to modify node "n2"',
  ],
  [
    'makes another node',
    'POST',
    '/api/v1/nodes',
    () => ({ metadata: { name: 'n3' } }),
    'node "n1" is not allowed to modify node "n3"',
  ],
  [
    'takes its taints off',
    'PATCH',
    NODE,
    () => ({ spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }),
    'node "n1" is not allowed to modify taints',
  ],
  [
    'gives itself an owner',
    'PATCH',
    NODE,
    () => ({ metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'x', uid: 'x' }] } }),
    'node "n1" is not allowed to modify ownerReferences',
  ],
  [
    'labels itself as kubelets do',
    'PATCH',
    NODE,
    () =>
      labels(
        'kubernetes.io/hostname',
        'topology.kubernetes.io/zone',
        'example.com/a',
        'a',
        'x.kubelet.kubernetes.io/a',
        'node.kubernetes.io/a',
      ),
    OK,
  ],
  [
    'labels itself as safe',
    'PATCH',
    NODE,
    () => labels('node-restriction.kubernetes.io/safe', 'a.node-restriction.kubernetes.io/b'),
    'is not allowed to modify labels: a.node-restriction.kubernetes.io/b, node-restriction.kubernetes.io/safe',
  ],
  [
    'labels itself with a role',
    'PATCH',
    NODE,
    () => labels('node-role.kubernetes.io/control-plane', 'k8s.io/x', 'example.com/x'),
    'is not allowed to modify labels: k8s.io/x, node-role.kubernetes.io/control-plane',
  ],
  // Mirror pods.
  ['shows a static pod', 'POST', PODS, () => mirror(), OK],
  ['shows one with a local volume', 'POST', PODS, () => withVolume({ hostPath: { path: '/' } }), OK],
  ['shows one with facts of itself', 'POST', PODS, () => withSource({ downwardAPI: { items: [] } }), OK],
  [
    'makes a pod of another kind',
    'POST',
    PODS,
    () => mirror({}, { annotations: {} }),
    'pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
  ],
  [
    'makes a pod for another',
    'POST',
    PODS,
    () => mirror({ nodeName: 'n2' }),
    'node "n1" can only create pods with spec.nodeName set to itself',
  ],
  [
    'makes a pod without an owner',
    'POST',
    PODS,
    () => mirror({}, { ownerReferences: [] }),
    'node "n1" can only create pods with an owner reference set to itself',
  ],
  [
    'makes a pod with two owners',
    'POST',
    PODS,
    () => mirror({}, { ownerReferences: [owner(), owner({ name: 'n2', uid: 'x', controller: false })] }),
    'node "n1" can only create pods with a single owner reference set to itself',
  ],
  [
    'makes a pod of another owner',
    'POST',
    PODS,
    () => mirror({}, { ownerReferences: [owner({ name: 'n2' })] }),
    'node "n1" can only create pods with an owner reference set to itself',
  ],
  [
    'makes a pod that it does not control',
    'POST',
    PODS,
    () => mirror({}, { ownerReferences: [owner({ controller: false })] }),
    'node "n1" can only create pods with a controller owner reference set to itself',
  ],
  [
    'makes a pod that blocks its deletion',
    'POST',
    PODS,
    () => mirror({}, { ownerReferences: [owner({ blockOwnerDeletion: true })] }),
    'node "n1" must not set blockOwnerDeletion on an owner reference',
  ],
  [
    'makes a pod of an earlier node',
    'POST',
    PODS,
    () => mirror({}, { ownerReferences: [owner({ uid: 'before' })] }),
    'node n1 UID mismatch: expected before got NODE-UID',
  ],
  [
    'refers to an account',
    'POST',
    PODS,
    () => mirror({ serviceAccountName: 'default' }),
    'a mirror pod may not reference service accounts',
  ],
  [
    'refers to a secret',
    'POST',
    PODS,
    () => mirror({ imagePullSecrets: [{ name: 's' }] }),
    `node "n1" ${DIFFERS} secrets`,
  ],
  [
    'refers to a config map',
    'POST',
    PODS,
    () => mirror({ containers: [{ ...CONTAINERS[0], envFrom: [{ configMapRef: { name: 'c' } }] }] }),
    `node "n1" ${DIFFERS} configmaps`,
  ],
  [
    'refers to a device',
    'POST',
    PODS,
    () => mirror({ resourceClaims: [{ name: 'x', resourceClaimName: 'y' }] }),
    `node "n1" ${DIFFERS} resourceclaims`,
  ],
  [
    'refers to a claim',
    'POST',
    PODS,
    () => withVolume({ persistentVolumeClaim: { claimName: 'claim' } }),
    `node "n1" ${DIFFERS} persistentvolumeclaims`,
  ],
  [
    'refers to a claim to be made',
    'POST',
    PODS,
    () =>
      withVolume({
        ephemeral: {
          volumeClaimTemplate: {
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
          },
        },
      }),
    `node "n1" ${DIFFERS} persistentvolumeclaims (via ephemeral volumes)`,
  ],
  [
    'refers to a driver',
    'POST',
    PODS,
    () => withVolume({ csi: { driver: 'd' } }),
    `node "n1" ${DIFFERS} csidrivers (via CSI volumes)`,
  ],
  [
    'refers to a token',
    'POST',
    PODS,
    () => withSource({ serviceAccountToken: { path: 't' } }),
    'a mirror pod may not use ServiceAccountToken volume projections',
  ],
  [
    'refers to trust',
    'POST',
    PODS,
    () => withSource({ clusterTrustBundle: { name: 'x', path: 't' } }),
    `node "n1" ${DIFFERS} clustertrustbundles`,
  ],
  [
    'refers to a certificate',
    'POST',
    PODS,
    () => withSource({ podCertificate: { signerName: 'a.b/c', keyType: 'ED25519', credentialBundlePath: 'x' } }),
    `node "n1" ${DIFFERS} podcertificates`,
  ],
  [
    'refers to who knows what',
    'POST',
    PODS,
    () => withVolume({ projected: { sources: [{}] } }),
    'error checking mirror pod for API references: unknown source for projected volume "v"',
  ],
  // Pods that are there.
  ['deletes its pod', 'DELETE', `${PODS}/mine`, undefined, OK],
  [
    'deletes the pod of another',
    'DELETE',
    `${PODS}/other`,
    undefined,
    'node "n1" can only delete pods with spec.nodeName set to itself',
  ],
  ['reports its pod', 'PATCH', `${PODS}/mine/status`, () => ({ status: { phase: 'Running' } }), OK],
  [
    'reports the pod of another',
    'PATCH',
    `${PODS}/other/status`,
    () => ({ status: { phase: 'Running' } }),
    'node "n1" can only update pod status for pods with spec.nodeName set to itself',
  ],
  [
    'labels a pod',
    'PATCH',
    `${PODS}/mine/status`,
    () => labels('a'),
    'node "n1" cannot update labels through pod status',
  ],
  [
    'says which claims a pod has',
    'PATCH',
    `${PODS}/mine/status`,
    () => ({ status: { resourceClaimStatuses: [{ name: 'x', resourceClaimName: 'y' }] } }),
    'node "n1" cannot update resource claim statues',
  ],
  [
    'says which extended claim a pod has',
    'PATCH',
    `${PODS}/mine/status`,
    () => ({ status: { extendedResourceClaimStatus: { resourceClaimName: 'y', requestMappings: [] } } }),
    'node "n1" cannot update extended resource claim status',
  ],
  ['evicts its pod', 'POST', `${PODS}/mine/eviction`, () => ({ metadata: { name: 'mine' } }), OK],
  [
    'evicts the pod of another',
    'POST',
    `${PODS}/other/eviction`,
    () => ({ metadata: { name: 'other' } }),
    'node n1 can only evict pods with spec.nodeName set to itself',
  ],
  // Claims.
  [
    'says how large a claim is',
    'PATCH',
    `${IN}/persistentvolumeclaims/claim/status`,
    () => ({ status: { capacity: { storage: '2Gi' }, conditions: [{ type: 'Resizing', status: 'True' }] } }),
    OK,
  ],
  [
    'says what state a claim is in',
    'PATCH',
    `${IN}/persistentvolumeclaims/claim/status`,
    () => ({ metadata: { labels: { a: 'b' } }, status: { phase: 'Lost' } }),
    'node "n1" is not allowed to update fields other than status.quantity and status.conditions: metadata.labels, status.phase',
  ],
  // Tokens.
  ['asks for a token', 'POST', TOKEN, () => token(), OK],
  ['asks for one that a volume names', 'POST', TOKEN, () => token({ audiences: ['vault'] }), OK],
  ['asks for one that a driver wants', 'POST', TOKEN, () => token({ audiences: ['inline'] }), OK],
  ['asks for one that a claim’s driver wants', 'POST', TOKEN, () => token({ audiences: ['claimed'] }), OK],
  [
    'asks for one for others',
    'POST',
    TOKEN,
    () => token({ audiences: ['bank'] }),
    'audience "bank" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
  ],
  [
    'asks for one for two',
    'POST',
    TOKEN,
    () => token({ audiences: ['vault', 'inline'] }),
    'node may only request 0 or 1 audiences',
  ],
  [
    'asks for one of no pod',
    'POST',
    TOKEN,
    () => token({ boundObjectRef: null }),
    'node requested token not bound to a pod',
  ],
  [
    'asks for one of no certain pod',
    'POST',
    TOKEN,
    () => bound({ name: 'mine' }),
    'node requested token with a pod binding without a uid',
  ],
  [
    'asks for one of an earlier pod',
    'POST',
    TOKEN,
    () => bound({ name: 'mine', uid: 'before' }),
    'the UID in the bound object reference (before) does not match the UID in record. The object might have been deleted and then recreated',
  ],
  [
    'asks for one of another’s pod',
    'POST',
    TOKEN,
    () => bound({ name: 'other', uid: uidOf('pods/other') }),
    'node requested token bound to a pod scheduled on a different node',
  ],
  // What is named after it.
  ['makes its lease', 'POST', LEASES, () => ({ metadata: { name: 'n1' } }), OK],
  ['makes the lease of another', 'POST', LEASES, () => ({ metadata: { name: 'n2' } }), LEASE_NAME],
  ['makes its CSINode', 'POST', CSI, () => ({ metadata: { name: 'n1' }, spec: { drivers: [] } }), OK],
  ['makes another’s CSINode', 'POST', CSI, () => ({ metadata: { name: 'n2' }, spec: { drivers: [] } }), CSI_NAME],
  ['tells of its devices', 'POST', SLICES, () => slice('n1'), OK],
  [
    'tells of another’s devices',
    'POST',
    SLICES,
    () => slice('n2'),
    'can only create ResourceSlice with the same NodeName as the requesting node',
  ],
  ['deletes what it told', 'DELETE', `${SLICES}?fieldSelector=spec.nodeName%3Dn1`, undefined, OK],
  // Certificates.
  ['asks for its certificate', 'POST', CSRS, () => csr('system:node:n1'), OK],
  [
    'asks for another’s certificate',
    'POST',
    CSRS,
    () => csr('system:node:n2'),
    'can only create a node CSR with CN=system:node:n1',
  ],
  [
    'asks for a certificate in another form',
    'POST',
    CSRS,
    () => csr('nobody'),
    'unable to parse csr: PEM block type must be CERTIFICATE REQUEST',
  ],
  ['asks another signer', 'POST', CSRS, () => csr('anybody', 'example.com/signer'), OK],
  [
    'asks for a pod’s certificate on another node',
    'POST',
    PCRS,
    () => pcr({ nodeName: 'n2' }),
    'PodCertificateRequest.Spec.NodeName="n2", which is not the requesting node "n1"',
  ],
  [
    'asks for a certificate of another’s pod',
    'POST',
    PCRS,
    () => pcr({ podName: 'other', podUID: uidOf('pods/other') }),
    'pod "default/other" is not running on node "n1" named in the PodCertificateRequest',
  ],
  [
    'asks for a certificate of another account',
    'POST',
    PCRS,
    () => pcr({ serviceAccountName: 'root' }),
    'PodCertificateRequest for pod "default/mine" contains serviceAccountName ("root") that differs from running pod ("default")',
  ],
];

describe('a kubelet', () => {
  it.each(TABLE)('%s', async (_, method, path, body, refusal) => {
    const dry = `${path}${path.includes('?') ? '&' : '?'}dryRun=All`;
    const { status, body: answer } = await as('n1', method, dry, body?.());
    const said = String(answer.message ?? '').replace(/^.*? is forbidden: /, '');
    if (refusal === OK) expect([200, 201], said).toContain(status);
    else expect([status, said]).toEqual([403, refusal.replace('NODE-UID', uidOf('nodes/n1'))]);
  });

  it('is told of stale copies as of something to try again', async () => {
    const { status, body } = await as('n1', 'POST', PCRS, pcr({ podUID: 'before' }));
    expect([status, body.message]).toEqual([
      500,
      `PodCertificateRequest for pod "default/mine" contains pod UID ("before") which differs from running pod "${uidOf('pods/mine')}"`,
    ]);
    const gone = await as('n1', 'POST', TOKEN, bound({ name: 'gone', uid: 'x' }));
    expect([gone.status, gone.body.message]).toEqual([404, 'pod "gone" not found']);
  });

  it('asks for tokens of more audiences where it was given the right', async () => {
    const name = 'audiences';
    const rules = [{ apiGroups: [''], resources: ['bank'], verbs: ['request-serviceaccounts-token-audience'] }];
    await server.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { metadata: { name }, rules });
    await server.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:nodes' }],
    });
    expect((await as('n1', 'POST', TOKEN, token({ audiences: ['bank'] }))).status).toBe(201);
  });

  it('whose name is not told may change nothing', async () => {
    const { body } = await server.call('POST', LEASES, { metadata: { name: '' } }, { user: kubelet('') });
    expect(body.message).toContain('unknown node for user "system:node:"');
  });

  it('reads what its pods need, from when they are bound to it until they are gone', async () => {
    for (const name of ['used', 'unused']) await make(`${IN}/secrets`, { metadata: { name } });
    const secret = `${IN}/secrets/used`;
    expect((await as('n1', 'GET', secret)).status).toBe(403);
    const volumes = [{ name: 'v', secret: { secretName: 'used' } }];
    await make(PODS, { metadata: { name: 'reader' }, spec: { volumes, containers: CONTAINERS } });
    expect((await as('n1', 'GET', secret)).status).toBe(403);
    const binding = { metadata: { name: 'reader' }, target: { kind: 'Node', name: 'n1' } };
    expect((await server.call('POST', `${PODS}/reader/binding`, binding)).status).toBe(201);
    expect((await as('n1', 'GET', secret)).status).toBe(200);
    expect((await as('n1', 'GET', `${IN}/secrets?fieldSelector=metadata.name%3Dused`)).status).toBe(200);
    expect((await as('n2', 'GET', secret)).status).toBe(403);
    expect((await as('n1', 'GET', `${IN}/secrets/unused`)).status).toBe(403);
    await server.call('DELETE', `${PODS}/reader?gracePeriodSeconds=0`);
    expect((await as('n1', 'GET', secret)).body.message).toBe(
      'secrets "used" is forbidden: User "system:node:n1" cannot get resource "secrets" in API group "" in the namespace "default": no relationship found between node \'n1\' and this object',
    );
  });

  it('reads volumes, slices and pods that are its own', async () => {
    const own = [
      '/api/v1/persistentvolumes/pv',
      `${SLICES}/slice-1`,
      `${PODS}/mine`,
      `${IN}/persistentvolumeclaims/claim`,
    ];
    for (const path of own) {
      expect((await as('n1', 'GET', path)).status, path).toBe(200);
      expect((await as('n2', 'GET', path)).status, path).toBe(403);
    }
    const { body } = await as('n1', 'GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Dn1');
    expect(body.items?.map((pod) => (pod.metadata as { name: string }).name)).toEqual(['leaves', 'mine']);
    expect((await as('n1', 'GET', '/api/v1/pods')).status).toBe(403);
  });

  it('deletes the slices that are its own, and evicts', async () => {
    expect((await as('n1', 'DELETE', `${SLICES}?fieldSelector=spec.nodeName%3Dn1`)).status).toBe(200);
    expect((await server.call('GET', `${SLICES}/slice-1`)).status).toBe(404);
    expect((await server.call('GET', `${SLICES}/slice-2`)).status).toBe(200);
    const evicted = await as('n1', 'POST', `${PODS}/leaves/eviction`, { metadata: { name: 'leaves' } });
    expect(evicted.status).toBe(201);
  });

  it('may ask what it may do: of single requests, but not for rules', async () => {
    const reviews = '/apis/authorization.k8s.io/v1';
    const ask = async (selected: string): Promise<unknown> => {
      const fieldSelector = { rawSelector: `spec.nodeName=${selected}` };
      const resourceAttributes = { verb: 'list', resource: 'pods', fieldSelector };
      const { body } = await as('n1', 'POST', `${reviews}/selfsubjectaccessreviews`, { spec: { resourceAttributes } });
      return body.status;
    };
    expect(await ask('n1')).toEqual({ allowed: true });
    expect(await ask('n2')).toEqual({
      allowed: false,
      reason: 'can only list/watch pods with spec.nodeName field selector',
    });
    const rules = await as('n1', 'POST', `${reviews}/selfsubjectrulesreviews`, { spec: { namespace: 'default' } });
    expect(rules.body.status).toMatchObject({
      incomplete: true,
      evaluationError: 'node authorizer does not support user rule resolution',
    });
  });
});
