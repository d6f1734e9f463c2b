// The phase of a pod, from its containers' states. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase
import type { ContainerStatus, Pod } from '../../resources/generated/core-v1.ts';
import { isSidecar, specOf } from '../pod/identity.ts';
import { restartsAfter } from '../pod/restart.ts';

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

export interface PhaseInput {
  readonly pod: Pod;
  readonly init: readonly ContainerStatus[];
  readonly app: readonly ContainerStatus[];
  /** Nothing of the pod will run again: what has ended decides. */
  readonly terminal: boolean;
}

interface InitCount {
  pending: number;
  failed: number;
  /** Of the failed those that no policy runs again. */
  failedForGood: number;
}

function countInit(input: PhaseInput): InitCount {
  const count: InitCount = { pending: 0, failed: 0, failedForGood: 0 };
  const byName = new Map(input.init.map((s) => [s.name, s]));
  for (const spec of specOf(input.pod).initContainers ?? []) {
    const status = byName.get(spec.name);
    if (isSidecar({ kind: 'init', spec })) {
      if (
        status?.started !== true &&
        status?.lastState?.running === undefined &&
        status?.state?.terminated === undefined
      )
        count.pending++;
      continue;
    }
    const ended = status?.state?.terminated ?? (status?.state?.waiting ? status.lastState?.terminated : undefined);
    if (ended === undefined) count.pending++;
    else if (ended.exitCode !== 0) {
      count.failed++;
      if (!restartsAfter(input.pod, { kind: 'init', spec }, ended.exitCode)) count.failedForGood++;
    }
  }
  return count;
}

interface AppCount {
  unknown: number;
  running: number;
  waiting: number;
  stopped: number;
  succeeded: number;
}

function countApp(input: PhaseInput): AppCount {
  const count: AppCount = { unknown: 0, running: 0, waiting: 0, stopped: 0, succeeded: 0 };
  const byName = new Map(input.app.map((s) => [s.name, s]));
  for (const spec of specOf(input.pod).containers) {
    const status = byName.get(spec.name);
    if (status === undefined) count.unknown++;
    else if (status.state?.running !== undefined) count.running++;
    else if (status.state?.terminated !== undefined) {
      count.stopped++;
      if (status.state.terminated.exitCode === 0) count.succeeded++;
    } else if (status.state?.waiting !== undefined) {
      if (status.lastState?.terminated !== undefined) count.stopped++;
      else count.waiting++;
    } else count.unknown++;
  }
  return count;
}

/** The phase that the containers' states alone give: conditions speak of it. */
export function phaseByStates(input: PhaseInput): Phase {
  const init = countInit(input);
  const app = countApp(input);
  if (input.terminal && init.failedForGood > 0) return 'Failed';
  const untouched = app.running === 0 && app.stopped === 0;
  if ((init.pending > 0 || init.failed > 0) && untouched) return 'Pending';
  if (app.waiting > 0) return 'Pending';
  if (app.running > 0 && app.unknown === 0) return 'Running';
  if (app.running === 0 && app.stopped > 0 && app.unknown === 0) {
    // Whether an ended container runs again is known only when the pod is terminal.
    if (!input.terminal) return 'Running';
    return app.stopped === app.succeeded ? 'Succeeded' : 'Failed';
  }
  return 'Pending';
}

/** A pod of which nothing will run again has come to an end, however far it came. */
export function phaseOf(input: PhaseInput): Phase {
  const phase = phaseByStates(input);
  return input.terminal && phase !== 'Succeeded' ? 'Failed' : phase;
}
