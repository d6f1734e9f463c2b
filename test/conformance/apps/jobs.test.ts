// Jobs, CronJobs and PodDisruptionBudgets, over nodes that only pretend to run pods; the CronJobs' minutes last a second.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CRON_JOBS, JOBS, NAMESPACES, POD_DISRUPTION_BUDGETS, PODS } from '../../../src/client/index.ts';
import { type Clock, systemClock } from '../../../src/host/clock.ts';
import type { JsonObject } from '../../../src/machinery/object.ts';
import type { CronJob, Job } from '../../../src/resources/generated/batch-v1.ts';
import type { Pod } from '../../../src/resources/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../../../src/resources/generated/policy-v1.ts';
import { addFakeNodes } from '../../control-plane/fake-nodes.ts';
import { eventually, maybe, type Plane, startPlane } from '../../control-plane/plane.ts';
import { covers } from '../covers.ts';

const SPEED = 60;
const began = Date.now();
const fastClock: Clock = {
  ...systemClock,
  now: () => began + (Date.now() - began) * SPEED,
  setTimer: (ms, callback) => systemClock.setTimer(Math.min(ms / SPEED, 2 ** 30), callback),
};

const noise = /already exists|not found|object has been modified/;

let count = 0;
async function space(plane: Plane): Promise<string> {
  const name = `space-${++count}`;
  await plane.client.resource(NAMESPACES).create('', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await eventually(() => maybe(plane.client.raw('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`)));
  return name;
}

/** The image says what becomes of a pod; the first pod of `fails-once` fails. */
async function start(clock?: Clock): Promise<Plane> {
  const plane = await startPlane({ scheduler: true, ...(clock === undefined ? {} : { clock }) });
  const nodes = await addFakeNodes(plane, ['n1', 'n2']);
  const failed = new Set<string>();
  nodes.outcome = (pod) => {
    const image = pod.spec?.containers[0]?.image ?? '';
    const owner = `${pod.metadata.namespace} ${pod.metadata.ownerReferences?.[0]?.name}`;
    if (image === 'stays') return 'ready';
    if (image !== 'fails-once' || failed.has(owner)) return 'succeeded';
    failed.add(owner);
    return 'failed';
  };
  return plane;
}

const jobSpec = (image: string, more: JsonObject = {}) => ({
  template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image }] } },
  ...more,
});
const job = (name: string, image: string, more: JsonObject = {}, labels: Record<string, string> = {}): Job =>
  ({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name, labels }, spec: jobSpec(image, more) }) as Job;
const hasCondition = ({ status }: Job, wanted: string): boolean =>
  (status?.conditions ?? []).some(({ type, status: is }) => type === wanted && is === 'True');

describe('a Job', () => {
  let plane: Plane;
  beforeAll(async () => {
    plane = await start();
  });
  afterAll(async () => {
    await plane.stop();
    expect(plane.errors.filter((error) => !noise.test(error))).toEqual([]);
  });
  const jobs = () => plane.client.resource(JOBS);
  const pods = () => plane.client.resource(PODS);
  const podsOf = async (namespace: string, name: string): Promise<Pod[]> =>
    (await pods().list(namespace, { labelSelector: `batch.kubernetes.io/job-name=${name}` })).items;
  const complete = (namespace: string, name: string): Promise<Job> =>
    eventually(async () => {
      const one = await jobs().get(namespace, name);
      return hasCondition(one, 'Complete') && one;
      // A job whose pod has failed waits ten seconds.
    }, 25_000);

  it.concurrent(covers('Jobs, completion after task failure'), async () => {
    const namespace = await space(plane);
    await jobs().create(namespace, job('j', 'fails-once', { completions: 4, parallelism: 2 }));
    const { status } = await complete(namespace, 'j');
    expect(status).toMatchObject({ succeeded: 4, failed: 1 });
    const phases = (await podsOf(namespace, 'j')).map((pod) => pod.status?.phase).toSorted();
    expect(phases).toEqual(['Failed', 'Succeeded', 'Succeeded', 'Succeeded', 'Succeeded']);
  });

  it.concurrent(covers('Ensure Pods of an Indexed Job get a unique index.'), async () => {
    const namespace = await space(plane);
    await jobs().create(namespace, job('j', 'ends', { completions: 4, parallelism: 2, completionMode: 'Indexed' }));
    expect((await complete(namespace, 'j')).status?.completedIndexes).toBe('0-3');
    const made = await podsOf(namespace, 'j');
    const indexOf = ({ metadata }: Pod) => metadata.annotations?.['batch.kubernetes.io/job-completion-index'];
    expect(made.map(indexOf).toSorted()).toEqual(['0', '1', '2', '3']);
    for (const pod of made) {
      expect(pod.spec?.hostname).toBe(`j-${indexOf(pod)}`);
      expect(pod.metadata.labels?.['batch.kubernetes.io/job-completion-index']).toBe(indexOf(pod));
      expect(pod.spec?.containers[0]?.env).toContainEqual(
        expect.objectContaining({
          name: 'JOB_COMPLETION_INDEX',
          valueFrom: {
            fieldRef: { apiVersion: 'v1', fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']" },
          },
        }),
      );
    }
  });

  it.concurrent(covers('Jobs, active pods, graceful termination'), async () => {
    const namespace = await space(plane);
    await jobs().create(namespace, job('j', 'stays', { completions: 4, parallelism: 2 }));
    await eventually(async () => (await jobs().get(namespace, 'j')).status?.active === 2);
    expect(await podsOf(namespace, 'j')).toHaveLength(2);
    await jobs().delete(namespace, 'j', { propagationPolicy: 'Foreground' });
    await eventually(async () => (await maybe(jobs().get(namespace, 'j'))) === undefined);
    expect(await podsOf(namespace, 'j')).toEqual([]);
  });

  it.concurrent(covers('Jobs, orphan pods, re-adoption'), async () => {
    const namespace = await space(plane);
    const { metadata } = await jobs().create(namespace, job('j', 'stays', { completions: 4, parallelism: 2 }));
    await eventually(async () => (await jobs().get(namespace, 'j')).status?.active === 2);
    const name = (await podsOf(namespace, 'j'))[0]?.metadata.name ?? '';
    await pods().patch(namespace, name, 'json', [{ op: 'remove', path: '/metadata/ownerReferences' }]);
    await eventually(async () => {
      const [owner] = (await pods().get(namespace, name)).metadata.ownerReferences ?? [];
      return owner?.uid === metadata.uid && owner?.controller === true;
    });
    await pods().patch(namespace, name, 'json', [{ op: 'replace', path: '/metadata/labels', value: { other: 'x' } }]);
    await eventually(async () => (await pods().get(namespace, name)).metadata.ownerReferences === undefined);
  });

  it.concurrent(covers('Jobs, apply changes to status'), async () => {
    const namespace = await space(plane);
    await jobs().create(namespace, job('j', 'stays', { completions: 4, parallelism: 2 }));
    await eventually(async () => (await jobs().get(namespace, 'j')).status?.active === 2);
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs/j/status`;
    const before = (await plane.client.raw('GET', path)) as Job;
    expect(before.status?.active).toBe(2);
    const patch = { metadata: { annotations: { patchedstatus: 'true' } }, status: { ready: 1 } };
    const patched = await jobs().patch(namespace, 'j', 'merge', patch, { subresource: 'status' });
    expect(patched.metadata.annotations).toMatchObject({ patchedstatus: 'true' });
    const condition = {
      type: 'CustomConditionType',
      status: 'True' as const,
      reason: 'E2E',
      message: 'Set from an e2e test',
    };
    await eventually(async () => {
      const one = await jobs().get(namespace, 'j');
      const conditions = [...(one.status?.conditions ?? []), condition];
      const updated = await jobs().updateStatus({ ...one, status: { ...one.status, conditions } } as Job);
      return hasCondition(updated, 'CustomConditionType');
    });
    expect(hasCondition((await plane.client.raw('GET', path)) as Job, 'CustomConditionType')).toBe(true);
  });

  it.concurrent(covers('Jobs, manage lifecycle'), async () => {
    const namespace = await space(plane);
    const labels = { 'e2e-job-label': namespace };
    const labelSelector = `e2e-job-label=${namespace}`;
    await jobs().create(namespace, job('j', 'ends', { suspend: true }, labels));
    await eventually(async () => hasCondition(await jobs().get(namespace, 'j'), 'Suspended'));
    const patched = await jobs().patch(namespace, 'j', 'strategic', { metadata: { labels: { j: 'patched' } } });
    expect(patched.metadata.labels).toEqual({ ...labels, j: 'patched' });
    await eventually(async () => {
      const one = await jobs().get(namespace, 'j');
      const annotations = { ...one.metadata.annotations, updated: 'true' };
      const spec = { ...one.spec, suspend: false };
      const updated = await jobs().update({ ...one, spec, metadata: { ...one.metadata, annotations } } as Job);
      return updated.metadata.annotations?.updated === 'true';
    });
    await complete(namespace, 'j');
    expect((await jobs().list('', { labelSelector })).items).toHaveLength(1);
    await jobs().deleteCollection(namespace, { labelSelector, propagationPolicy: 'Background' });
    await eventually(async () => (await jobs().list('', { labelSelector })).items.length === 0);
  });
});

describe('a CronJob', () => {
  let plane: Plane;
  beforeAll(async () => {
    plane = await start(fastClock);
  });
  afterAll(async () => {
    await plane.stop();
    expect(plane.errors.filter((error) => !noise.test(error))).toEqual([]);
  });
  const crons = () => plane.client.resource(CRON_JOBS);
  const cron = (name: string, image: string, spec: JsonObject = {}, labels: Record<string, string> = {}): CronJob =>
    ({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name, labels },
      spec: { schedule: '*/1 * * * ?', jobTemplate: { spec: jobSpec(image) }, ...spec },
    }) as CronJob;
  const jobsIn = async (namespace: string): Promise<Job[]> => (await plane.client.resource(JOBS).list(namespace)).items;
  const minutes = (n: number): Promise<void> =>
    new Promise((resolve) => void setTimeout(resolve, (n * 60_000) / SPEED));

  it.concurrent(covers('CronJob AllowConcurrent'), async () => {
    const namespace = await space(plane);
    await crons().create(namespace, cron('c', 'stays', { concurrencyPolicy: 'Allow' }));
    await eventually(async () => ((await crons().get(namespace, 'c')).status?.active ?? []).length >= 2);
    const all = await jobsIn(namespace);
    expect(all.filter((one) => !hasCondition(one, 'Complete')).length).toBeGreaterThanOrEqual(2);
    for (const { metadata } of all) expect(metadata.ownerReferences).toMatchObject([{ kind: 'CronJob', name: 'c' }]);
  });

  it.concurrent(covers('CronJob ForbidConcurrent'), async () => {
    const namespace = await space(plane);
    await crons().create(namespace, cron('c', 'stays', { concurrencyPolicy: 'Forbid' }));
    await eventually(async () => (await crons().get(namespace, 'c')).status?.active?.length === 1);
    const [first] = await jobsIn(namespace);
    await minutes(3);
    const all = await jobsIn(namespace);
    expect(all.map(({ metadata }) => metadata.uid)).toEqual([first?.metadata.uid]);
    expect((await crons().get(namespace, 'c')).status?.active).toHaveLength(1);
  });

  it.concurrent(covers('CronJob ReplaceConcurrent'), async () => {
    const namespace = await space(plane);
    await crons().create(namespace, cron('c', 'stays', { concurrencyPolicy: 'Replace' }));
    await eventually(async () => (await crons().get(namespace, 'c')).status?.active?.length === 1);
    const [first] = await jobsIn(namespace);
    await eventually(async () => {
      const { active = [] } = (await crons().get(namespace, 'c')).status ?? {};
      return active.length === 1 && active[0]?.name !== first?.metadata.name;
    });
    await eventually(
      async () => !(await jobsIn(namespace)).some(({ metadata }) => metadata.uid === first?.metadata.uid),
    );
  });

  it.concurrent(covers('CronJob Suspend'), async () => {
    const namespace = await space(plane);
    await crons().create(namespace, cron('c', 'stays', { suspend: true }));
    await minutes(4);
    expect((await crons().get(namespace, 'c')).status?.active).toBeUndefined();
    expect(await jobsIn(namespace)).toEqual([]);
  });

  it.concurrent(covers('CronJob API Operations'), async () => {
    const namespace = await space(plane);
    const { versions } = (await plane.client.raw('GET', '/apis/batch')) as { versions: object[] };
    expect(versions).toContainEqual({ groupVersion: 'batch/v1', version: 'v1' });
    const { resources } = (await plane.client.raw('GET', '/apis/batch/v1')) as { resources: { name: string }[] };
    expect(resources.map(({ name }) => name)).toEqual(expect.arrayContaining(['cronjobs', 'cronjobs/status']));
    const labels = { 'special-label': namespace };
    const labelSelector = `special-label=${namespace}`;
    const never = { schedule: '0 0 31 2 *' };
    const stop = new AbortController();
    const seen: string[] = [];
    const { metadata: at } = await crons().list(namespace);
    const watching = (async () => {
      const options = { labelSelector, resourceVersion: at.resourceVersion ?? '' };
      for await (const { type } of crons().watch(namespace, options, stop.signal)) seen.push(type);
    })();
    for (const name of ['one', 'two', 'three']) await crons().create(namespace, cron(name, 'ends', never, labels));
    expect((await crons().list('', { labelSelector })).items).toHaveLength(3);
    const patched = await crons().patch(namespace, 'one', 'merge', { metadata: { annotations: { patched: 'true' } } });
    expect(patched.metadata.annotations).toMatchObject({ patched: 'true' });
    await crons().update({ ...patched, metadata: { ...patched.metadata, annotations: { updated: 'true' } } });
    const time = '2026-01-02T03:04:05Z';
    const patch = { metadata: { annotations: { patchedstatus: 'true' } }, status: { lastScheduleTime: time } };
    const told = await crons().patch(namespace, 'one', 'merge', patch, { subresource: 'status' });
    expect(told.status?.lastScheduleTime).toBe(time);
    const later = await crons().updateStatus({
      ...told,
      status: { ...told.status, lastScheduleTime: '2026-02-02T03:04:05Z' },
    });
    expect(later.status?.lastScheduleTime).toBe('2026-02-02T03:04:05Z');
    const path = `/apis/batch/v1/namespaces/${namespace}/cronjobs/one/status`;
    expect(((await plane.client.raw('GET', path)) as CronJob).metadata.annotations).toMatchObject({ updated: 'true' });
    await crons().delete(namespace, 'one');
    expect(await maybe(crons().get(namespace, 'one'))).toBeUndefined();
    await crons().deleteCollection(namespace, { labelSelector });
    expect((await crons().list(namespace)).items).toEqual([]);
    await eventually(async () => seen.filter((type) => type === 'DELETED').length === 3);
    expect(seen.filter((type) => type === 'ADDED')).toHaveLength(3);
    expect(seen).toContain('MODIFIED');
    stop.abort();
    await watching;
  });
});

describe('a PodDisruptionBudget', () => {
  let plane: Plane;
  beforeAll(async () => {
    plane = await start();
  });
  afterAll(() => plane.stop());
  const budgets = () => plane.client.resource(POD_DISRUPTION_BUDGETS);
  const budget = (name: string, spec: JsonObject, labels: Record<string, string> = {}): PodDisruptionBudget =>
    ({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name, labels },
      spec: { selector: { matchLabels: { foo: 'bar' } }, ...spec },
    }) as PodDisruptionBudget;
  const addPods = async (namespace: string, n: number): Promise<void> => {
    for (let i = 0; i < n; i++) {
      await plane.client.resource(PODS).create(namespace, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `p${i}`, labels: { foo: 'bar' } },
        spec: { containers: [{ name: 'c', image: 'stays' }] },
      });
    }
  };
  const evict = (namespace: string, name: string): Promise<unknown> =>
    plane.client.resource(PODS).createSubresource(namespace, name, 'eviction', {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace },
    });

  it.concurrent(covers('PodDisruptionBudget: create, update, patch, and delete object'), async () => {
    const namespace = await space(plane);
    const made = await budgets().create(namespace, budget('b', { minAvailable: 1 }));
    await eventually(async () => (await budgets().get(namespace, 'b')).status?.observedGeneration === 1);
    const found = await budgets().get(namespace, 'b');
    await budgets().update({ ...found, spec: { ...made.spec, minAvailable: '10%' } } as PodDisruptionBudget);
    expect((await budgets().get(namespace, 'b')).spec?.minAvailable).toBe('10%');
    await budgets().patch(namespace, 'b', 'strategic', { spec: { minAvailable: 3 } });
    expect((await budgets().get(namespace, 'b')).spec?.minAvailable).toBe(3);
    await budgets().delete(namespace, 'b');
    expect(await maybe(budgets().get(namespace, 'b'))).toBeUndefined();
  });

  it.concurrent(covers('PodDisruptionBudget: list and delete collection'), async () => {
    const namespace = await space(plane);
    const other = await space(plane);
    const labels = { test: namespace };
    const labelSelector = `test=${namespace}`;
    await budgets().create(namespace, budget('one', { minAvailable: 1 }, labels));
    await budgets().create(namespace, budget('two', { minAvailable: 1 }, labels));
    await budgets().create(other, budget('three', { minAvailable: 1 }, labels));
    expect((await budgets().list('', { labelSelector })).items).toHaveLength(3);
    await budgets().deleteCollection(namespace, { labelSelector });
    const left = (await budgets().list('', { labelSelector })).items;
    expect(left.map(({ metadata }) => metadata.name)).toEqual(['three']);
  });

  it.concurrent(covers('PodDisruptionBudget: Status updates'), async () => {
    const namespace = await space(plane);
    await addPods(namespace, 3);
    await budgets().create(namespace, budget('b', { minAvailable: 1 }));
    await eventually(async () => (await budgets().get(namespace, 'b')).status?.disruptionsAllowed === 2);
    expect((await budgets().get(namespace, 'b')).status).toMatchObject({
      currentHealthy: 3,
      expectedPods: 3,
      desiredHealthy: 1,
    });
  });

  it.concurrent(covers('PodDisruptionBudget: update and patch status'), async () => {
    const namespace = await space(plane);
    await budgets().create(namespace, budget('b', { minAvailable: 1 }));
    await eventually(async () => (await budgets().get(namespace, 'b')).status?.observedGeneration === 1);
    await eventually(async () => {
      const one = await budgets().get(namespace, 'b');
      const disruptedPods = { jack: '2026-01-02T03:04:05Z' };
      const updated = await budgets().updateStatus({
        ...one,
        status: { ...one.status, disruptedPods },
      } as PodDisruptionBudget);
      return updated.status?.disruptedPods?.jack === '2026-01-02T03:04:05Z';
    });
    const patch = { status: { disruptedPods: { jack: null, john: '2026-01-02T03:04:06Z' } } };
    const patched = await budgets().patch(namespace, 'b', 'merge', patch, { subresource: 'status' });
    expect(patched.status?.disruptedPods).toEqual({ john: '2026-01-02T03:04:06Z' });
    expect(patched.spec?.minAvailable).toBe(1);
  });

  it.concurrent(covers('PodDisruptionBudget: block an eviction until the PDB is updated to allow it'), async () => {
    const namespace = await space(plane);
    await addPods(namespace, 3);
    await budgets().create(namespace, budget('b', { minAvailable: 3 }));
    await eventually(async () => (await budgets().get(namespace, 'b')).status?.currentHealthy === 3);
    await expect(evict(namespace, 'p0')).rejects.toMatchObject({
      code: 429,
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
    });
    await budgets().patch(namespace, 'b', 'strategic', { spec: { minAvailable: 2 } });
    await eventually(async () => (await budgets().get(namespace, 'b')).status?.disruptionsAllowed === 1);
    await evict(namespace, 'p0');
    await eventually(async () => (await maybe(plane.client.resource(PODS).get(namespace, 'p0'))) === undefined);
    await expect(evict(namespace, 'p1')).rejects.toMatchObject({ code: 429 });
    await budgets().delete(namespace, 'b');
    await evict(namespace, 'p1');
  });
});
