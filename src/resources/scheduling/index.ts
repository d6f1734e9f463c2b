// The rows of scheduling.k8s.io.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { priorityClasses } from './priority-class.ts';
import { podGroups, workloads } from './workload.ts';

export { SYSTEM_PRIORITY_CLASSES } from './priority-class.ts';
export const SCHEDULING_ROWS: readonly AnyResource[] = metadataOnUpdate([priorityClasses, workloads, podGroups]);
