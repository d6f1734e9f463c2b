// Whether an ended container runs again, and after how long.
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
import type { Pod } from '../../resources/generated/core-v1.ts';
import { type ContainerRef, isSidecar, specOf } from './identity.ts';

/** What the first rule that fits says. */
function ruledAction(ref: ContainerRef, exitCode: number): string | undefined {
  const found = (ref.spec.restartPolicyRules ?? []).find(({ exitCodes }) => {
    if (exitCodes === undefined) return false;
    const listed = (exitCodes.values ?? []).includes(exitCode);
    return exitCodes.operator === 'NotIn' ? !listed : listed;
  });
  return found?.action;
}

const RESTART_ALL = 'RestartAllContainers';

/** KEP-5532: an exit that makes all containers start over, in the sandbox that is there. */
export function restartsWholePod(ref: ContainerRef, exitCode: number): boolean {
  return ruledAction(ref, exitCode) === RESTART_ALL;
}

/** Whether any exit of any container may do so. */
export function mayRestartWhole(pod: Pod): boolean {
  const { initContainers = [], containers } = specOf(pod);
  return [...initContainers, ...containers].some((c) => c.restartPolicyRules?.some((r) => r.action === RESTART_ALL));
}

/** KEP-5307: rules go before the container's own policy, which goes before the pod's. */
export function restartsAfter(pod: Pod, ref: ContainerRef, exitCode: number): boolean {
  if (ref.kind === 'ephemeral') return false;
  if (isSidecar(ref)) return true;
  if (ruledAction(ref, exitCode) !== undefined) return true;
  const podPolicy = specOf(pod).restartPolicy ?? 'Always';
  const policy = ref.spec.restartPolicy ?? podPolicy;
  // An init container that has done its work is not run again, whatever the policy.
  if (ref.kind === 'init') return exitCode !== 0 && policy !== 'Never';
  if (policy === 'Always') return true;
  return policy === 'OnFailure' && exitCode !== 0;
}

/** The same, but of an ephemeral container only the pod's policy is asked, though it is never run again. */
export function triedAgain(pod: Pod, ref: ContainerRef, exitCode: number): boolean {
  return restartsAfter(pod, ref.kind === 'ephemeral' ? { ...ref, kind: 'app' } : ref, exitCode);
}

/** Whether a container that a probe found sick is replaced: nothing is asked of an exit code that there is not yet. */
export function restartsUnhealthy(pod: Pod, ref: ContainerRef): boolean {
  if (isSidecar(ref)) return true;
  return (ref.spec.restartPolicy ?? specOf(pod).restartPolicy ?? 'Always') !== 'Never';
}

export interface BackoffLimits {
  readonly initialMs: number;
  readonly maxMs: number;
}

export const CRASH_LOOP: BackoffLimits = { initialMs: 10_000, maxMs: 300_000 };

interface Entry {
  delayMs: number;
  updatedAt: number;
}

/** Delays that double with each use of a key, and are forgotten when it was quiet for twice the maximum. */
export class Backoff {
  private readonly entries = new Map<string, Entry>();
  constructor(private readonly limits: BackoffLimits) {}

  private live(key: string, eventAt: number): Entry | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined || eventAt - entry.updatedAt > this.limits.maxMs * 2) return undefined;
    return entry;
  }

  delay(key: string): number {
    return this.entries.get(key)?.delayMs ?? this.limits.initialMs;
  }

  /** When the key may be used again after what happened at `eventAt`; `eventAt` itself when there is nothing to wait for. */
  until(key: string, eventAt: number): number {
    const entry = this.live(key, eventAt);
    return entry === undefined ? eventAt : eventAt + entry.delayMs;
  }

  /** As `until`, counted from the last use. */
  untilSinceUse(key: string, now: number): number {
    const entry = this.live(key, now);
    return entry === undefined ? now : entry.updatedAt + entry.delayMs;
  }

  next(key: string, eventAt: number, now: number): void {
    const entry = this.live(key, eventAt);
    const delayMs = entry === undefined ? this.limits.initialMs : Math.min(entry.delayMs * 2, this.limits.maxMs);
    this.entries.set(key, { delayMs, updatedAt: now });
  }

  forget(prefix: string): void {
    for (const key of this.entries.keys()) if (key.startsWith(prefix)) this.entries.delete(key);
  }
}
