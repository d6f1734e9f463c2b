// The conditions that the kubelet keeps on a pod. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions
import type { Int64 } from '../../machinery/int64.ts';
import type { ContainerStatus, Pod, PodCondition } from '../../resources/generated/core-v1.ts';
import { isSidecar, specOf } from '../pod/identity.ts';
import { mayRestartWhole } from '../pod/restart.ts';
import type { Phase } from './phase.ts';

type Made = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;

export interface ConditionInput {
  readonly pod: Pod;
  readonly phase: Phase;
  readonly init: readonly ContainerStatus[];
  readonly app: readonly ContainerStatus[];
  readonly sandboxReady: boolean;
  /** Conditions of other writers, for the readiness gates. */
  readonly others: readonly PodCondition[];
  /** All containers are being ended so that they start over. */
  readonly restartingAll: boolean;
  readonly resize: readonly { readonly type: string; readonly reason?: string; readonly message?: string }[];
}

function bracketed(names: readonly string[]): string {
  return `[${names.join(' ')}]`;
}

function lists(unknown: readonly string[], lacking: readonly string[], word: string): string {
  const parts: string[] = [];
  if (unknown.length > 0) parts.push(`containers with unknown status: ${bracketed(unknown)}`);
  if (lacking.length > 0) parts.push(`containers with ${word} status: ${bracketed(lacking)}`);
  return parts.join(', ');
}

function initialized(input: ConditionInput): Made {
  const type = 'Initialized';
  const unknown: string[] = [];
  const incomplete: string[] = [];
  for (const spec of specOf(input.pod).initContainers ?? []) {
    const status = input.init.find((s) => s.name === spec.name);
    if (status === undefined) unknown.push(spec.name);
    else if (isSidecar({ kind: 'init', spec }) ? status.started !== true : !status.ready) incomplete.push(spec.name);
  }
  if (input.phase === 'Succeeded' && unknown.length === 0) return { type, status: 'True', reason: 'PodCompleted' };
  // Once an app container has run the init containers have done their work, whatever became of sidecars since.
  const past = input.app.some((s) => s.state?.running ?? s.state?.terminated ?? s.lastState?.terminated);
  if (past || (unknown.length === 0 && incomplete.length === 0)) return { type, status: 'True' };
  const message = lists(unknown, incomplete, 'incomplete');
  return { type, status: 'False', reason: 'ContainersNotInitialized', message };
}

function containersReady(input: ConditionInput): Made {
  const type = 'ContainersReady';
  if (input.phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' };
  if (input.phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  const unknown: string[] = [];
  const unready: string[] = [];
  const sidecars = (specOf(input.pod).initContainers ?? []).filter((spec) => isSidecar({ kind: 'init', spec }));
  const all = [...input.init, ...input.app];
  for (const spec of [...sidecars, ...specOf(input.pod).containers]) {
    const status = all.find((s) => s.name === spec.name);
    if (status === undefined) unknown.push(spec.name);
    else if (!status.ready) unready.push(spec.name);
  }
  const message = lists(unknown, unready, 'unready');
  if (message === '') return { type, status: 'True' };
  return { type, status: 'False', reason: 'ContainersNotReady', message };
}

function ready(input: ConditionInput, containers: Made): Made {
  if (containers.status !== 'True') return { ...containers, type: 'Ready' };
  const missing: string[] = [];
  for (const gate of specOf(input.pod).readinessGates ?? []) {
    const found = input.others.find((c) => c.type === gate.conditionType);
    if (found === undefined) {
      missing.push(`corresponding condition of pod readiness gate "${gate.conditionType}" does not exist.`);
    } else if (found.status !== 'True') {
      missing.push(`the status of pod readiness gate "${gate.conditionType}" is not "True", but ${found.status}`);
    }
  }
  if (missing.length === 0) return { type: 'Ready', status: 'True' };
  return { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: missing.join(', ') };
}

/** Only on pods that have a rule for it. */
function restarting(input: ConditionInput): Made[] {
  if (!mayRestartWhole(input.pod)) return [];
  const type = 'AllContainersRestarting';
  if (input.phase === 'Succeeded') return [{ type, status: 'False', reason: 'PodCompleted' }];
  if (input.phase === 'Failed') return [{ type, status: 'False', reason: 'PodFailed' }];
  if (!input.restartingAll) return [{ type, status: 'False' }];
  const message = 'container exited with restart policy rule';
  return [{ type, status: 'True', reason: 'RestartAllContainersStarted', message }];
}

export const OWN_CONDITIONS: ReadonlySet<string> = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
  'PodResizePending',
  'PodResizeInProgress',
  'AllContainersRestarting',
]);

export function conditionsOf(input: ConditionInput): readonly Made[] {
  const containers = containersReady(input);
  return [
    { type: 'PodReadyToStartContainers', status: input.sandboxReady ? 'True' : 'False' },
    initialized(input),
    ready(input, containers),
    containers,
    { type: 'PodScheduled', status: 'True' },
    ...input.resize.map((c) => ({ ...c, status: 'True' })),
    ...restarting(input),
  ];
}

/** Puts in transition times: now where the status changed, as before where it did not. */
export function stamped(
  made: readonly Made[],
  old: readonly PodCondition[],
  at: { readonly now: string; readonly generation: Int64 | undefined },
): PodCondition[] {
  return made.map((c) => {
    const before = old.find((o) => o.type === c.type);
    const out: PodCondition = { type: c.type, status: c.status };
    if (at.generation !== undefined) out.observedGeneration = at.generation;
    out.lastTransitionTime =
      before?.status === c.status && before.lastTransitionTime !== undefined ? before.lastTransitionTime : at.now;
    if (c.reason !== undefined) out.reason = c.reason;
    if (c.message !== undefined && c.message !== '') out.message = c.message;
    return out;
  });
}
