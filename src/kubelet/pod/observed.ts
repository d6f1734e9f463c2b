// What the runtime knows of one pod, in the form that planning and status read.
import type { ContainerStatus, PodSandboxStatus } from '../../cri/port.ts';

/** Both lists newest first. */
export interface Observed {
  readonly sandboxes: readonly PodSandboxStatus[];
  readonly containers: readonly ContainerStatus[];
}

export const NOTHING: Observed = { sandboxes: [], containers: [] };

function newer(a: { attempt: number; createdAt: number }, b: { attempt: number; createdAt: number }): number {
  return b.attempt - a.attempt || b.createdAt - a.createdAt;
}

export function observe(sandboxes: Iterable<PodSandboxStatus>, containers: Iterable<ContainerStatus>): Observed {
  return { sandboxes: [...sandboxes].sort(newer), containers: [...containers].sort(newer) };
}

/** All runs of a container, newest first. */
export function runsOf(observed: Observed, name: string): readonly ContainerStatus[] {
  return observed.containers.filter((c) => c.name === name);
}

export function latest(observed: Observed, name: string): ContainerStatus | undefined {
  return observed.containers.find((c) => c.name === name);
}

export function currentSandbox(observed: Observed): PodSandboxStatus | undefined {
  return observed.sandboxes[0];
}

export function alive(status: ContainerStatus): boolean {
  return status.state === 'running' || status.state === 'created';
}
