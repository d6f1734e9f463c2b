// The face of the scheduler.
export { runScheduler, type SchedulerOptions } from './scheduler.ts';
