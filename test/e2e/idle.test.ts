// A cluster that holds one of every kind of work and has nothing to do writes nothing: no controller talks to itself.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKubectls, isRoot, type TestCluster, testCluster } from './cluster.ts';

const reason = !isRoot ? 'needs root' : findKubectls().size === 0 ? 'no kubectl on this host' : undefined;

const TEMPLATE = '{metadata: {labels: {app: x}}, spec: {containers: [{name: c, image: nginx}]}}';
const SELECTOR = '{matchLabels: {app: x}}';
const MANIFEST = [
  ...[false, true].flatMap((paused) =>
    [0, 2].map(
      (replicas) =>
        `{apiVersion: apps/v1, kind: Deployment, metadata: {name: d-${paused}-${replicas}}, spec: {paused: ${paused}, replicas: ${replicas}, selector: ${SELECTOR.replace('x', `d${replicas}${paused}`)}, template: ${TEMPLATE.replace('x', `d${replicas}${paused}`)}}}`,
    ),
  ),
  `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s}, spec: {serviceName: s, replicas: 2, selector: ${SELECTOR.replace('x', 's')}, template: ${TEMPLATE.replace('x', 's')}}}`,
  `{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: ds}, spec: {selector: ${SELECTOR.replace('x', 'ds')}, template: ${TEMPLATE.replace('x', 'ds')}}}`,
  `{apiVersion: v1, kind: ReplicationController, metadata: {name: rc}, spec: {replicas: 1, selector: {app: rc}, template: ${TEMPLATE.replace('x', 'rc')}}}`,
  '{apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: c, image: nginx}]}}}}',
  '{apiVersion: batch/v1, kind: CronJob, metadata: {name: cj}, spec: {schedule: "0 0 1 1 *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: nginx}]}}}}}}',
  '{apiVersion: v1, kind: Service, metadata: {name: svc}, spec: {selector: {app: s}, ports: [{port: 80}]}}',
  '{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: b}, spec: {minAvailable: 1, selector: {matchLabels: {app: s}}}}',
  '{apiVersion: v1, kind: ResourceQuota, metadata: {name: q}, spec: {hard: {pods: "50"}}}',
  '{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}',
].join('\n---\n');

describe.skipIf(reason !== undefined)(`an idle cluster${reason === undefined ? '' : ` (${reason})`}`, () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await testCluster();
    expect(await cluster.up('--runtime', 'simulated')).toMatchObject({ code: 0 });
  });

  afterAll(() => cluster?.remove(), 60_000);

  const revision = async () =>
    (JSON.parse((await cluster.minke('status', '--json')).stdout) as { database: { revision: number } }).database
      .revision;

  it('writes no more than its heartbeats', async () => {
    expect(await cluster.kubectl(['apply', '-f', '-'], { input: MANIFEST })).toMatchObject({ code: 0 });
    let before = await revision();
    for (let quiet = 0; quiet < 20; quiet++) {
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const now = await revision();
      if (now - before <= 3) return;
      before = now;
    }
    throw new Error('something is written without end');
  });
});
