// The rows of scheduling.k8s.io.
import type { AnyResource } from '../definition.ts';
import { priorityClasses } from './priority-class.ts';
import { podGroups, workloads } from './workload.ts';

export { SYSTEM_PRIORITY_CLASSES } from './priority-class.ts';
export const SCHEDULING_ROWS: readonly AnyResource[] = [priorityClasses, workloads, podGroups];
