// The rows of batch.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { cronJobs } from './cron-job.ts';
import { jobs } from './job.ts';

export { scheduleProblem } from './cron-schedule.ts';
export { CONTROLLER_UID_LABEL, JOB_NAME_LABEL } from './job-selector.ts';
export const BATCH_ROWS: readonly AnyResource[] = metadataOnUpdate([cronJobs, jobs], { jobs: 'own' });
