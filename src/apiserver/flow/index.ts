// The face of priority and fairness.
export { bootstrapFlowObjects } from './bootstrap.ts';
export {
  type Admitted,
  FlowControl,
  type FlowControlOptions,
  type FlowObjects,
  type FlowOutcome,
  type LevelLoad,
} from './control.ts';
export { dumpLevels, dumpQueues } from './dump.ts';
export type { FlowAttributes } from './match.ts';
