// Which run's log a request for logs means, and Kubernetes' words when there is none.

import type { ContainerStatus as RunStatus } from '../../cri/port.ts';
import { badRequest } from '../../machinery/errors.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { allContainers } from '../pod/identity.ts';
import { type Observed, runsOf } from '../pod/observed.ts';

function waitingText(reason: string): string {
  if (reason === 'ErrImagePull') return "image can't be pulled";
  return reason === 'ImagePullBackOff' ? 'trying and failing to pull image' : reason;
}

/** Throws an ApiError (400) in the kubelet's words. */
export function logTarget(
  about: { readonly pod: Pod; readonly container: string; readonly previous: boolean },
  observed: Observed,
): RunStatus {
  const { pod, container, previous } = about;
  const where = `container "${container}" in pod "${pod.metadata.name ?? ''}"`;
  if (!allContainers(pod).some((c) => c.spec.name === container)) throw badRequest(`${where} is not available`);
  const runs = runsOf(observed, container);
  const [run, before] = runs;
  const statuses = [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.ephemeralContainerStatuses ?? []),
  ];
  const waiting = statuses.find((s) => s.name === container)?.state?.waiting;
  if (previous) {
    const ended = run?.state === 'exited' && waiting !== undefined ? run : before;
    if (ended === undefined) throw badRequest(`previous terminated ${where} not found`);
    return ended;
  }
  if (run !== undefined && run.state !== 'created') return run;
  if (before !== undefined) return before;
  throw badRequest(`${where} is waiting to start: ${waitingText(waiting?.reason ?? 'ContainerCreating')}`);
}
