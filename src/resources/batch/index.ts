// The rows of batch.
import type { AnyResource } from '../definition.ts';
import { cronJobs } from './cron-job.ts';
import { jobs } from './job.ts';

export { scheduleProblem } from './cron-schedule.ts';
export { CONTROLLER_UID_LABEL, JOB_NAME_LABEL } from './job-selector.ts';
export const BATCH_ROWS: readonly AnyResource[] = [cronJobs, jobs];
