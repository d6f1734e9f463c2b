// What admission adds to objects, and what it refuses.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startTestServer, type TestServer } from '../test-fixture.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.api.close());

async function namespace(name: string, labels: object = {}): Promise<string> {
  await server.call('POST', '/api/v1/namespaces', { metadata: { name, labels } });
  await server.call('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: 'default' } });
  return `/api/v1/namespaces/${name}`;
}

interface PodAnswer {
  spec: {
    priority: number;
    tolerations: unknown[];
    volumes: { name: string }[];
    containers: { resources: object; volumeMounts: { mountPath: string }[] }[];
  };
}

function pod(name: string, container: object = {}, spec: object = {}): object {
  return { metadata: { name }, spec: { containers: [{ name: 'c', image: 'i:1', ...container }], ...spec } };
}

describe('a pod', () => {
  test('gets its account, the token volume, tolerations and a priority', async () => {
    const base = await namespace('plain');
    const { body } = await server.call('POST', `${base}/pods`, pod('a'));
    const { spec } = body as unknown as PodAnswer;
    expect(spec.volumes[0]?.name).toMatch(/^kube-api-access-[a-z0-9]{5}$/);
    expect(spec.containers[0]?.volumeMounts[0]?.mountPath).toBe('/var/run/secrets/kubernetes.io/serviceaccount');
    expect(spec.tolerations).toHaveLength(2);
    expect(spec.priority).toBe(0);
  });

  test('of an account, class or runtime that is not there is refused', async () => {
    const base = await namespace('missing');
    const message = async (spec: object): Promise<unknown> =>
      (await server.call('POST', `${base}/pods`, pod('a', {}, spec))).body.message;
    expect(await message({ serviceAccountName: 'nobody' })).toContain('serviceaccount "nobody" not found');
    expect(await message({ priorityClassName: 'nope' })).toContain('no PriorityClass with name nope was found');
    expect(await message({ runtimeClassName: 'nope' })).toContain('RuntimeClass "nope" not found');
  });
});

test('pods bear the zone and region of their node, from their creation or their binding', async () => {
  const base = await namespace('zones');
  const labels = { 'topology.kubernetes.io/zone': 'z', 'topology.kubernetes.io/region': 'r', other: 'x' };
  await server.call('POST', '/api/v1/nodes', { metadata: { name: 'there', labels } });
  const { body: placed } = await server.call('POST', `${base}/pods`, pod('a', {}, { nodeName: 'there' }));
  const told = { 'topology.kubernetes.io/zone': 'z', 'topology.kubernetes.io/region': 'r' };
  expect(placed.metadata).toMatchObject({ labels: told });
  await server.call('POST', `${base}/pods`, pod('b'));
  const binding = { metadata: { name: 'b', labels: { mine: 'too' } }, target: { kind: 'Node', name: 'there' } };
  expect((await server.call('POST', `${base}/pods/b/binding`, binding)).status).toBe(201);
  expect((await server.call('GET', `${base}/pods/b`)).body.metadata?.labels).toEqual({ ...told, mine: 'too' });
});

test('a claim grows only when it is bound and its class allows it', async () => {
  const base = await namespace('claims');
  for (const [name, allowVolumeExpansion] of [
    ['grows', true],
    ['stays', false],
  ] as const)
    await server.call('POST', '/apis/storage.k8s.io/v1/storageclasses', {
      metadata: { name },
      provisioner: 'x.y/z',
      allowVolumeExpansion,
    });
  const claims = `${base}/persistentvolumeclaims`;
  const grown = async (storageClassName: string, phase: string): Promise<Answer> => {
    const name = `${storageClassName}-${phase.toLowerCase()}`;
    const resources = { requests: { storage: '1Gi' } };
    const spec = { storageClassName, accessModes: ['ReadWriteOnce'], resources, volumeName: 'v' };
    await server.call('POST', claims, { metadata: { name }, spec });
    const merge = { type: 'application/merge-patch+json' };
    await server.call('PATCH', `${claims}/${name}/status`, { status: { phase } }, merge);
    return server.call('PATCH', `${claims}/${name}`, { spec: { resources: { requests: { storage: '2Gi' } } } }, merge);
  };
  expect((await grown('grows', 'Bound')).status).toBe(200);
  expect((await grown('stays', 'Bound')).body.message).toContain(
    'the storageclass that provisions the pvc must support',
  );
});

test('limit ranges give defaults and set bounds', async () => {
  const base = await namespace('limits');
  await server.call('POST', `${base}/limitranges`, {
    metadata: { name: 'x' },
    spec: {
      limits: [{ type: 'Container', default: { cpu: '500m' }, defaultRequest: { cpu: '100m' }, max: { cpu: '2' } }],
    },
  });
  const { body } = await server.call('POST', `${base}/pods`, pod('a'));
  expect((body as unknown as PodAnswer).spec.containers[0]?.resources).toEqual({
    requests: { cpu: '100m' },
    limits: { cpu: '500m' },
  });
  const refused = await server.call('POST', `${base}/pods`, pod('b', { resources: { limits: { cpu: '3' } } }));
  expect(refused.body.message).toBe('pods "b" is forbidden: maximum cpu usage per Container is 2, but limit is 3');
});

test('a quota is never exceeded, however many ask at once', async () => {
  const base = await namespace('quota');
  await server.call('POST', `${base}/resourcequotas`, { metadata: { name: 'x' }, spec: { hard: { pods: '3' } } });
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => server.call('POST', `${base}/pods`, pod(`p${i}`))),
  );
  expect(answers.filter((answer) => answer.status === 201)).toHaveLength(3);
  const refused = answers.find((answer) => answer.status === 403) as Answer;
  expect(refused.body.message).toMatch(/exceeded quota: x, requested: pods=1, used: pods=3, limited: pods=3$/);
  const { body } = await server.call('GET', `${base}/resourcequotas/x`);
  expect((body.status as { used: object }).used).toEqual({ pods: '3' });
});

test('a pod asks its node for no more than it has', async () => {
  const base = await namespace('resize');
  await server.call('POST', '/api/v1/nodes', { metadata: { name: 'small' } });
  const merge = { type: 'application/merge-patch+json' };
  await server.call(
    'PATCH',
    '/api/v1/nodes/small/status',
    { status: { allocatable: { cpu: '2', memory: '1Gi' } } },
    merge,
  );
  for (const [name, nodeName] of Object.entries({ a: 'small', b: 'nowhere' }))
    await server.call('POST', `${base}/pods`, pod(name, { resources: { requests: { cpu: '1' } } }, { nodeName }));
  const resize = (name: string, requests: object): Promise<Answer> => {
    const spec = { containers: [{ name: 'c', resources: { requests } }] };
    return server.call(
      'PATCH',
      `${base}/pods/${name}/resize`,
      { spec },
      { type: 'application/strategic-merge-patch+json' },
    );
  };
  expect((await resize('a', { cpu: '1500m' })).status).toBe(200);
  const refused = await resize('a', { cpu: '500' });
  expect([refused.status, refused.body.message]).toEqual([
    403,
    'pods "a" is forbidden: node didn\'t have enough allocatable resources: cpu, requested: 500000, allocatable: 2000',
  ]);
  expect(refused.body.details).toMatchObject({ causes: [{ reason: 'NodeCapacity' }] });
  expect((await resize('b', { cpu: '2' })).body.message).toBe('pods "b" is forbidden: node "nowhere" not found');
});

describe('pod security', () => {
  test('holds pods to the level of their namespace', async () => {
    const base = await namespace('safe', { 'pod-security.kubernetes.io/enforce': 'baseline' });
    expect((await server.call('POST', `${base}/pods`, pod('fine'))).status).toBe(201);
    const bad = pod('bad', { securityContext: { privileged: true } }, { hostNetwork: true });
    expect((await server.call('POST', `${base}/pods`, bad)).body.message).toBe(
      'pods "bad" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true), privileged (container "c" must not set securityContext.privileged=true)',
    );
  });

  test('warns without refusing', async () => {
    const base = await namespace('warned', { 'pod-security.kubernetes.io/warn': 'restricted' });
    const { status, headers } = await server.call('POST', `${base}/pods`, pod('a'));
    expect(status).toBe(201);
    expect(String(headers.warning)).toContain('would violate PodSecurity');
  });
});

describe('a service', () => {
  test('gets an address of the range that no other has', async () => {
    const base = await namespace('services');
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        server.call('POST', `${base}/services`, { metadata: { name: `s${i}` }, spec: { ports: [{ port: 80 }] } }),
      ),
    );
    const addresses = answers.map((answer) => (answer.body.spec as { clusterIP: string }).clusterIP);
    expect(new Set(addresses).size).toBe(30);
    expect(addresses.every((ip) => ip.startsWith('10.96.'))).toBe(true);
  });

  test('cannot take the address or the node port of another', async () => {
    const base = await namespace('taken');
    const first = await server.call('POST', `${base}/services`, {
      metadata: { name: 'a' },
      spec: { type: 'NodePort', ports: [{ port: 80 }] },
    });
    const { clusterIP, ports } = first.body.spec as { clusterIP: string; ports: { nodePort: number }[] };
    const address = await server.call('POST', `${base}/services`, {
      metadata: { name: 'b' },
      spec: { clusterIP, ports: [{ port: 80 }] },
    });
    expect(address.body.message).toContain('provided IP is already allocated');
    const port = await server.call('POST', `${base}/services`, {
      metadata: { name: 'c' },
      spec: { type: 'NodePort', ports: [{ port: 80, nodePort: ports[0]?.nodePort }] },
    });
    expect(port.body.message).toContain('provided port is already allocated');
    await server.call('DELETE', `${base}/services/a`);
    const again = await server.call('POST', `${base}/services`, {
      metadata: { name: 'b' },
      spec: { clusterIP, ports: [{ port: 80 }] },
    });
    expect(again.status).toBe(201);
  });
});

describe('an eviction', () => {
  test('asks the disruption budget', async () => {
    const base = await namespace('budgets');
    await server.call('POST', `${base}/pods`, pod('a', {}, { nodeName: 'n' }));
    const type = 'application/merge-patch+json';
    await server.call('PATCH', `${base}/pods/a`, { metadata: { labels: { app: 'x' } } }, { type });
    await server.call(
      'PATCH',
      `${base}/pods/a/status`,
      { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
      { type },
    );
    const budgets = '/apis/policy/v1/namespaces/budgets/poddisruptionbudgets';
    await server.call('POST', budgets, {
      metadata: { name: 'b' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'x' } } },
    });
    await server.call(
      'PATCH',
      `${budgets}/b/status`,
      {
        status: { observedGeneration: 1, disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
      },
      { type },
    );
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'a' } };
    const refused = await server.call('POST', `${base}/pods/a/eviction`, eviction);
    expect([refused.status, refused.body.message]).toEqual([
      429,
      "Cannot evict pod as it would violate the pod's disruption budget.",
    ]);
    await server.call('PATCH', `${budgets}/b/status`, { status: { disruptionsAllowed: 1 } }, { type });
    expect((await server.call('POST', `${base}/pods/a/eviction`, eviction)).status).toBe(201);
    expect((await server.call('GET', `${base}/pods/a`)).body.metadata?.deletionTimestamp).toBeDefined();
  });
});
