// The container statuses of a pod that has ended: none may be left that sounds as if it could still come.
// https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/status/status_manager.go
import type { ContainerStatus, Pod } from '../../resources/generated/core-v1.ts';
import { initContainers, isSidecar } from '../pod/identity.ts';
import { LOST } from './containers.ts';

function ended(status: ContainerStatus): ContainerStatus {
  return status.state?.terminated === undefined ? { ...status, state: LOST } : status;
}

/** Whether the init containers were ever behind it. */
function wasInitialised(pod: Pod, init: readonly ContainerStatus[], app: readonly ContainerStatus[]): boolean {
  const last = initContainers(pod).at(-1);
  const status = init.at(-1);
  if (last === undefined || status === undefined) return true;
  if (app.some((s) => s.lastState?.terminated !== undefined || s.state?.waiting === undefined)) return true;
  if (isSidecar(last)) return status.state?.running !== undefined && status.started === true;
  return [status.state, status.lastState].some((s) => s?.terminated?.exitCode === 0);
}

export function endedApp(
  pod: Pod,
  init: readonly ContainerStatus[],
  app: readonly ContainerStatus[],
): ContainerStatus[] {
  return wasInitialised(pod, init, app) ? app.map(ended) : [...app];
}

/** Those after the last that began, and that never began themselves, stay as they are; the first always has ended. */
export function endedInit(init: readonly ContainerStatus[]): ContainerStatus[] {
  const begun = init.findLastIndex((s) => s.state?.waiting === undefined || s.lastState?.terminated !== undefined);
  return init.map((s, i) => (i <= Math.max(begun, 0) ? ended(s) : s));
}
