// Runs CronJobs: starts Jobs when their time has come.
import { CRON_JOBS, JOBS, objectKey, type ReconcileResult } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { deepEqual } from '../../machinery/json.ts';
import type { Job } from '../../resources/generated/batch-v1.ts';
import { type ControllerRow, recorderFor } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { messageOf } from '../shared/pod-control.ts';
import { controllerOf } from '../shared/pods.ts';
import { planCron } from './reconcile.ts';

const NAME = 'cronjob-controller';

export const cronJob: ControllerRow = {
  name: NAME,
  account: 'cronjob-controller',
  start(context) {
    const { informers, clock } = context;
    const crons = informers.informer(CRON_JOBS);
    const jobs = informers.informer(JOBS);
    jobs.addIndex('controller', (job) => [controllerOf(job)?.uid ?? []].flat());
    const recorder = recorderFor(context, NAME);
    const cronClient = context.client.resource(CRON_JOBS);
    const jobClient = context.client.resource(JOBS);

    async function reconcile(key: string): Promise<ReconcileResult | undefined> {
      const cron = crons.get(key);
      if (cron === undefined) return undefined;
      const plan = planCron({ cron, jobs: jobs.byIndex('controller', cron.metadata.uid ?? ''), now: clock.now() });
      const namespace = cron.metadata.namespace ?? '';
      for (const event of plan.events) recorder.event(cron, event.type, event.reason, event.message);
      for (const job of plan.remove) {
        const name = job.metadata.name ?? '';
        try {
          await jobClient.delete(namespace, name, { propagationPolicy: 'Background' });
          recorder.event(cron, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`);
        } catch (error) {
          if (!isApiError(error, 'NotFound')) throw error;
        }
      }
      let { status } = plan;
      if (plan.create !== undefined) {
        let made: Job | undefined;
        try {
          made = await jobClient.create(namespace, plan.create);
          recorder.event(cron, 'Normal', 'SuccessfulCreate', `Created job ${made.metadata.name}`);
        } catch (error) {
          if (!isApiError(error, 'AlreadyExists')) {
            recorder.event(cron, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(error)}`);
            throw error;
          }
        }
        if (made !== undefined) {
          const { name = '', uid = '', resourceVersion = '' } = made.metadata;
          const ref = { kind: 'Job', apiVersion: 'batch/v1', namespace, name, uid, resourceVersion };
          status = { ...status, active: [...(status.active ?? []), ref] };
        }
      }
      const brief = (one: typeof status | undefined): unknown => ({
        ...one,
        active: one?.active?.map((ref) => ref.uid),
      });
      if (!deepEqual(brief(status), brief(cron.status))) await cronClient.updateStatus({ ...cron, status });
      return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
    }

    const queue = startKeyed(context, { name: NAME, workers: 2, waitFor: [crons, jobs], reconcile });
    crons.addHandler({ onAdd: (cron) => queue.add(objectKey(cron)), onUpdate: (cron) => queue.add(objectKey(cron)) });
    const consider = (job: Job): void => {
      const owner = controllerOf(job);
      if (owner?.kind === 'CronJob') queue.add(`${job.metadata.namespace}/${owner.name}`);
    };
    jobs.addHandler({ onAdd: consider, onUpdate: consider, onDelete: consider });
  },
};
