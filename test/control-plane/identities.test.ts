// Tests of as whom the parts of the control plane act: what the audit log, webhooks and policies see of them.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Auditor, parsePolicy } from '../../src/apiserver/index.ts';
import { CRON_JOBS, DEPLOYMENTS, NAMESPACES, SERVICES, STATEFUL_SETS } from '../../src/client/index.ts';
import { CONTROLLERS } from '../../src/controllers/index.ts';
import { systemClock } from '../../src/host/clock.ts';
import { addFakeNodes } from './fake-nodes.ts';
import { eventually, maybe, type Plane, startPlane } from './plane.ts';

interface Entry {
  readonly verb: string;
  readonly user: { readonly username: string; readonly groups: readonly string[] };
  readonly userAgent?: string;
  readonly objectRef?: { readonly resource: string; readonly subresource?: string; readonly namespace?: string };
}

const POLICY = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]';
const NAMESPACE = 'acts';
const entries: Entry[] = [];
let plane: Plane;

beforeAll(async () => {
  plane = await startPlane({
    scheduler: true,
    audit: new Auditor({
      policy: parsePolicy(POLICY),
      sink: { write: (line) => entries.push(JSON.parse(line) as Entry), close: () => undefined },
      clock: systemClock,
    }),
  });
  await addFakeNodes(plane, ['n1']);
});
afterAll(async () => {
  await plane.stop();
  expect(plane.errors).toEqual([]);
});

const who = (verb: string, what: string): Set<string> =>
  new Set(
    entries
      .filter((one) => one.verb === verb && one.objectRef?.namespace === NAMESPACE)
      .filter(({ objectRef: ref }) => what === `${ref?.resource}${ref?.subresource ? `/${ref.subresource}` : ''}`)
      .map((one) => one.user.username.replace('system:serviceaccount:kube-system:', '')),
  );

const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'web:1' }] } };
const selector = { matchLabels: { app: 'a' } };

async function makeSome(): Promise<void> {
  const { client } = plane;
  await client.resource(NAMESPACES).create('', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  await eventually(() => maybe(client.raw('GET', `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default`)));
  const metadata = { name: 'a' };
  await client.resource(SERVICES).create(NAMESPACE, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { selector: { app: 'a' }, ports: [{ port: 80 }] },
  });
  await client
    .resource(DEPLOYMENTS)
    .create(NAMESPACE, { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { selector, template } });
  const named = { name: 'b' };
  await client.resource(STATEFUL_SETS).create(NAMESPACE, {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: named,
    spec: { serviceName: 'b', selector, template },
  });
  const spec = { restartPolicy: 'Never', containers: template.spec.containers };
  await client.resource(CRON_JOBS).create(NAMESPACE, {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'c', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { schedule: '* * * * *', suspend: true, jobTemplate: { spec: { template: { spec } } } },
  });
}

it('each controller acts as the service account of its name, the scheduler as itself, and nobody but the server as a master', async () => {
  await makeSome();
  await eventually(async () => who('create', 'pods').size === 2 && who('update', 'endpointslices').size > 0);
  await plane.client.resource(NAMESPACES).delete('', NAMESPACE);
  await eventually(async () => !(await maybe(plane.client.resource(NAMESPACES).get('', NAMESPACE))));
  const acts: readonly (readonly [verb: string, what: string, ...who: string[]])[] = [
    ['create', 'serviceaccounts', 'service-account-controller'],
    ['create', 'configmaps', 'root-ca-cert-publisher'],
    ['create', 'replicasets', 'deployment-controller'],
    ['update', 'deployments/status', 'deployment-controller'],
    ['create', 'pods', 'replicaset-controller', 'statefulset-controller'],
    ['update', 'replicasets/status', 'replicaset-controller'],
    ['create', 'controllerrevisions', 'statefulset-controller'],
    ['create', 'endpointslices', 'endpointslice-controller'],
    ['create', 'endpoints', 'endpoint-controller'],
    ['create', 'pods/binding', 'system:kube-scheduler'],
    ['update', 'namespaces/finalize', 'namespace-controller'],
    ['deletecollection', 'pods', 'namespace-controller'],
  ];
  for (const [verb, what, ...names] of acts) expect([...who(verb, what)].sort(), `${verb} ${what}`).toEqual(names);
  const watchers = entries.filter(({ verb, user }) => verb === 'watch' && user.username !== 'system:apiserver');
  expect([...new Set(watchers.map(({ user }) => user.username))]).toEqual(['system:kube-controller-manager']);
  const masters = entries.filter(({ user }) => user.groups.includes('system:masters'));
  expect([...new Set(masters.map(({ user }) => user.username))].sort()).toEqual([
    'kubernetes-admin',
    'system:apiserver',
  ]);
});

it('every controller has a role of its account’s name', async () => {
  for (const { account } of CONTROLLERS) {
    const path = `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:controller:${account}`;
    expect(await plane.client.raw('GET', path), account).toMatchObject({
      roleRef: { name: `system:controller:${account}` },
      subjects: [{ kind: 'ServiceAccount', namespace: 'kube-system', name: account }],
    });
  }
});
