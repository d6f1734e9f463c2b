// Jobs and CronJobs on the real API server, over nodes that only pretend to run pods.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EVENTS, JOBS, NAMESPACES, PODS } from '../../src/client/index.ts';
import type { Job } from '../../src/resources/generated/batch-v1.ts';
import type { Pod } from '../../src/resources/generated/core-v1.ts';
import { addFakeNodes } from './fake-nodes.ts';
import { eventually, maybe, type Plane, startPlane } from './plane.ts';

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane({ scheduler: true });
  await eventually(() => maybe(plane.client.raw('GET', '/api/v1/namespaces/default/serviceaccounts/default')));
  const nodes = await addFakeNodes(plane, ['n1']);
  nodes.outcome = (pod) => {
    const image = pod.spec?.containers[0]?.image ?? '';
    return image === 'fails:1' ? 'failed' : image === 'stays:1' ? 'ready' : 'succeeded';
  };
});
afterAll(async () => {
  await plane.stop();
  expect(plane.errors).toEqual([]);
});

const make = (name: string, image: string, spec: Partial<NonNullable<Job['spec']>>): Promise<Job> =>
  plane.client.resource(JOBS).create('default', {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: { ...spec, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image }] } } },
  });

const podsOf = async (name: string): Promise<Pod[]> =>
  (await plane.client.resource(PODS).list('default', { labelSelector: `batch.kubernetes.io/job-name=${name}` })).items;

const condition = (name: string, type: string): Promise<Job> =>
  eventually(async () => {
    const one = await plane.client.resource(JOBS).get('default', name);
    return one.status?.conditions?.some((c) => c.type === type && c.status === 'True') && one;
  });

async function reasons(name: string): Promise<string[]> {
  const { items } = await plane.client
    .resource(EVENTS)
    .list('default', { fieldSelector: `involvedObject.name=${name}` });
  return items.map((event) => event.reason ?? '');
}

describe('a Job', () => {
  it('runs until enough pods have succeeded, and holds none of them back', async () => {
    await make('sum', 'ok:1', { completions: 5, parallelism: 2 });
    const done = await condition('sum', 'Complete');
    expect(done.status).toMatchObject({ succeeded: 5, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
    expect(done.status?.conditions?.map((c) => [c.type, c.reason])).toEqual([
      ['SuccessCriteriaMet', 'CompletionsReached'],
      ['Complete', 'CompletionsReached'],
    ]);
    const pods = await podsOf('sum');
    expect(pods).toHaveLength(5);
    await eventually(async () => (await podsOf('sum')).every((pod) => (pod.metadata.finalizers ?? []).length === 0));
    await eventually(async () => (await reasons('sum')).includes('Completed'));
    expect((await reasons('sum')).filter((reason) => reason === 'SuccessfulCreate')).toHaveLength(5);
  });

  it('numbers its pods when it is indexed', async () => {
    await make('idx', 'ok:1', { completions: 3, parallelism: 3, completionMode: 'Indexed' });
    const done = await condition('idx', 'Complete');
    expect(done.status).toMatchObject({ succeeded: 3, completedIndexes: '0-2' });
    const [first] = (await podsOf('idx')).filter((pod) => pod.metadata.name?.startsWith('idx-0-'));
    expect(first?.metadata.annotations?.['batch.kubernetes.io/job-completion-index']).toBe('0');
    expect(first?.spec?.hostname).toBe('idx-0');
    expect(first?.spec?.containers[0]?.env?.[0]?.name).toBe('JOB_COMPLETION_INDEX');
  });

  it('gives up when its pods fail too often, or run too long', async () => {
    await make('bad', 'fails:1', { backoffLimit: 0 });
    const failed = await condition('bad', 'Failed');
    expect(failed.status?.failed).toBe(1);
    expect(failed.status?.conditions?.at(-1)).toMatchObject({
      reason: 'BackoffLimitExceeded',
      message: 'Job has reached the specified backoff limit',
    });
    await make('slow', 'stays:1', { activeDeadlineSeconds: 1 });
    const late = await condition('slow', 'Failed');
    expect(late.status?.conditions?.at(-1)?.reason).toBe('DeadlineExceeded');
    await eventually(async () => (await podsOf('slow')).length === 0);
  });

  it('stops and goes on with suspend', async () => {
    await make('pause', 'stays:1', { suspend: true });
    await condition('pause', 'Suspended');
    expect(await podsOf('pause')).toEqual([]);
    await plane.client.resource(JOBS).patch('default', 'pause', 'merge', { spec: { suspend: false } });
    await eventually(async () => (await plane.client.resource(JOBS).get('default', 'pause')).status?.active === 1);
    await plane.client.resource(JOBS).patch('default', 'pause', 'merge', { spec: { suspend: true } });
    await eventually(async () => (await podsOf('pause')).length === 0);
    expect(await reasons('pause')).toEqual(expect.arrayContaining(['Suspended', 'Resumed']));
  });

  it('goes with its pods when its time to live is over', async () => {
    await make('brief', 'ok:1', { ttlSecondsAfterFinished: 0 });
    await eventually(async () => (await maybe(plane.client.resource(JOBS).get('default', 'brief'))) === undefined);
    await eventually(async () => (await podsOf('brief')).length === 0);
  });
});

describe('a Job that is deleted without its pods', () => {
  it('leaves none of them held by its finalizer', async () => {
    await make('orphans', 'stays:1', { parallelism: 2 });
    await eventually(async () => (await plane.client.resource(JOBS).get('default', 'orphans')).status?.active === 2);
    await plane.client.resource(JOBS).delete('default', 'orphans', { propagationPolicy: 'Orphan' });
    await eventually(async () => (await maybe(plane.client.resource(JOBS).get('default', 'orphans'))) === undefined);
    await plane.client
      .resource(PODS)
      .deleteCollection('default', { labelSelector: 'batch.kubernetes.io/job-name=orphans' });
    await eventually(async () => (await podsOf('orphans')).length === 0);
  });

  it('nor does a namespace that ends', async () => {
    const name = 'ending';
    await plane.client.resource(NAMESPACES).create('', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    await eventually(() => maybe(plane.client.raw('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`)));
    await plane.client.resource(JOBS).create(name, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'j' },
      spec: {
        parallelism: 3,
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'stays:1' }] } },
      },
    });
    await eventually(async () => (await plane.client.resource(JOBS).get(name, 'j')).status?.active === 3);
    await plane.client.resource(NAMESPACES).delete('', name);
    await eventually(async () => (await maybe(plane.client.resource(NAMESPACES).get('', name))) === undefined);
  });
});
