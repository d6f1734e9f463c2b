// Deletes finished Jobs when their time to live is over.
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/
import { JOBS, objectKey } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { parseTime } from '../../machinery/time.ts';
import type { Job } from '../../resources/generated/batch-v1.ts';
import type { ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';

const NAME = 'ttl-after-finished-controller';

/** When the job's life is over; undefined when it has no end, or has not finished. */
export function endOfLife(job: Job): number | undefined {
  const ttl = job.spec?.ttlSecondsAfterFinished;
  if (ttl === undefined || job.metadata.deletionTimestamp !== undefined) return undefined;
  for (const condition of job.status?.conditions ?? []) {
    if ((condition.type !== 'Complete' && condition.type !== 'Failed') || condition.status !== 'True') continue;
    const finished = parseTime(condition.lastTransitionTime ?? '');
    if (finished !== undefined) return finished + ttl * 1000;
  }
  return undefined;
}

export const ttlAfterFinished: ControllerRow = {
  name: NAME,
  account: 'ttl-after-finished-controller',
  start({ informers, client, clock, ...rest }) {
    const jobs = informers.informer(JOBS);
    const queue = startKeyed(
      { informers, client, clock, ...rest },
      {
        name: NAME,
        waitFor: [jobs],
        async reconcile(key) {
          const job = jobs.get(key);
          const end = job === undefined ? undefined : endOfLife(job);
          if (job === undefined || end === undefined) return undefined;
          const left = end - clock.now();
          if (left > 0) return { requeueAfterMs: left };
          const { namespace = '', name = '', uid, resourceVersion } = job.metadata;
          const preconditions = {
            ...(uid === undefined ? {} : { uid }),
            ...(resourceVersion === undefined ? {} : { resourceVersion }),
          };
          try {
            await client.resource(JOBS).delete(namespace, name, { propagationPolicy: 'Foreground', preconditions });
          } catch (error) {
            if (!isApiError(error, 'NotFound')) throw error;
          }
          return undefined;
        },
      },
    );
    const consider = (job: Job): void => {
      if (endOfLife(job) !== undefined) queue.add(objectKey(job));
    };
    jobs.addHandler({ onAdd: consider, onUpdate: consider });
  },
};
