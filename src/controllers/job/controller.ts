// Runs Jobs.
import { JOBS, objectKey, PODS, type ReconcileResult } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { deepEqual } from '../../machinery/json.ts';
import { selectorFromObject } from '../../machinery/label-selector.ts';
import type { Job, JobStatus } from '../../resources/generated/batch-v1.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { carryOut } from '../shared/adoption.ts';
import { claim } from '../shared/claim.ts';
import type { ControllerContext, ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { PodControl } from '../shared/pod-control.ts';
import { controllerOf } from '../shared/pods.ts';
import { isTracked, TRACKING } from './pods.ts';
import { isFinished, planJob } from './reconcile.ts';

const NAME = 'job-controller';

async function untrack(context: ControllerContext, pods: readonly Pod[]): Promise<void> {
  await Promise.all(
    pods.map(async (pod) => {
      const { namespace = '', name = '', uid } = pod.metadata;
      const finalizers = (pod.metadata.finalizers ?? []).filter((one) => one !== TRACKING);
      const metadata = {
        uid,
        resourceVersion: pod.metadata.resourceVersion,
        finalizers: finalizers.length === 0 ? null : finalizers,
      };
      try {
        await context.client.resource(PODS).patch(namespace, name, 'merge', { metadata });
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
      }
    }),
  );
}

export const job: ControllerRow = {
  name: NAME,
  account: 'job-controller',
  start(context) {
    const jobs = context.informers.informer(JOBS);
    const client = context.client.resource(JOBS);
    const control = new PodControl({ context, component: NAME, kind: 'Job' });
    jobs.addIndex('namespace', (one) => [one.metadata.namespace ?? '']);
    async function podsOf(one: Job): Promise<readonly Pod[]> {
      const namespace = one.metadata.namespace ?? '';
      const selector = selectorFromObject(one.spec?.selector);
      const claims = claim(one, selector, control.candidates(one));
      return carryOut(context.client.resource(PODS), one, claims, () => client.get(namespace, one.metadata.name ?? ''));
    }

    async function reconcile(key: string): Promise<ReconcileResult | undefined> {
      const one = jobs.get(key);
      if (one === undefined) {
        control.forget(key);
        // What is left of its pods must not be held by a job that is gone.
        const left = control.pods.byIndex('owner Job', key).filter(isTracked);
        await untrack(context, left);
        return undefined;
      }
      if (one.spec?.managedBy !== undefined && one.spec.managedBy !== 'kubernetes.io/job-controller') return undefined;
      const pods = await podsOf(one);
      if (isFinished(one)) {
        await untrack(context, pods.filter(isTracked));
        return undefined;
      }
      if (one.metadata.deletionTimestamp !== undefined) {
        await untrack(
          context,
          pods.filter((pod) => isTracked(pod) && pod.metadata.deletionTimestamp !== undefined),
        );
        return undefined;
      }
      if (!control.upToDate(key)) return undefined;
      const plan = planJob({ job: one, pods, now: context.clock.now(), random: context.random.float });
      // Refused when the job is no longer as it was seen: then nothing of the plan is carried out.
      await writeStatus(one, plan.status);
      for (const event of plan.events) control.recorder.event(one, event.type, event.reason, event.message);
      // Before they are deleted, which would change what is patched.
      await untrack(context, [...plan.untrack, ...plan.release.filter((pod) => isTracked(pod))]);
      const failure = (await control.delete(one, plan.remove)) ?? (await control.create(one, plan.create));
      if (failure !== undefined) throw failure;
      return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
    }

    async function writeStatus(one: Job, status: JobStatus): Promise<void> {
      if (!deepEqual(status, one.status ?? {})) await client.updateStatus({ ...one, status });
    }

    const queue = startKeyed(context, {
      name: NAME,
      workers: 5,
      waitFor: [jobs, control.pods],
      baseDelayMs: 1000,
      maxDelayMs: 60_000,
      reconcile,
    });
    jobs.addHandler({
      onAdd: (one) => queue.add(objectKey(one)),
      onUpdate: (one) => queue.add(objectKey(one)),
      onDelete: (one) => queue.add(objectKey(one)),
    });
    const wants = (pod: Pod): Job[] =>
      jobs
        .byIndex('namespace', pod.metadata.namespace ?? '')
        .filter((one) => selectorFromObject(one.spec?.selector).matches(pod.metadata.labels ?? {}));
    // Pods that lost their job (or were left to themselves) must not be held by a finalizer that nobody takes away.
    const orphans = startKeyed(context, {
      name: NAME,
      workers: 1,
      waitFor: [jobs, control.pods],
      async reconcile(key) {
        const pod = control.pods.get(key);
        if (pod === undefined || controllerOf(pod) !== undefined || !isTracked(pod)) return undefined;
        if (!wants(pod).some((one) => one.metadata.deletionTimestamp === undefined)) await untrack(context, [pod]);
        return undefined;
      },
    });
    control.wake(queue, (orphan) => {
      for (const one of wants(orphan)) queue.add(objectKey(one));
      if (isTracked(orphan)) orphans.add(objectKey(orphan));
    });
  },
};
