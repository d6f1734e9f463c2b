// The status of one container as the API shows it, from its runs in the runtime.
import type { ContainerStatus as RunStatus } from '../../cri/port.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type {
  ContainerState,
  ContainerStatus,
  ResourceRequirements,
  VolumeMountStatus,
} from '../../resources/generated/core-v1.ts';
import { type ContainerRef, isSidecar } from '../pod/identity.ts';

/** Why a container does not run though it should. */
export interface Waiting {
  readonly reason: string;
  readonly message?: string;
}

export interface ContainerInput {
  readonly ref: ContainerRef;
  /** Newest first. */
  readonly runs: readonly RunStatus[];
  readonly waiting: Waiting | undefined;
  /** `PodInitializing` or `ContainerCreating`: what a container that has not run yet is waiting for. */
  readonly idle: string;
  readonly runtimeName: string;
  readonly probes: ProbeView;
  readonly messages: ReadonlyMap<string, string>;
  /** How many bytes of last words each container of the pod may have. */
  readonly maxMessage: number;
  /** Runs, by id, whose postStart hook is not over: they count as not yet started. */
  readonly held: ReadonlySet<string>;
  /** Runs, by id, that others are about to take the place of. */
  readonly replaced: ReadonlySet<string>;
  /** Users have deleted the pod. */
  readonly deleted: boolean;
  /** The pod is at its end: what cannot be found any more is called ended. */
  readonly lost: boolean;
  readonly before: ContainerStatus | undefined;
  /** The resources that the running container was given. */
  readonly inForce: ResourceRequirements | undefined;
  /** Its runs were removed so that all containers start over: the attempt that follows them. */
  readonly removed: number | undefined;
}

export interface ProbeView {
  /** The readiness of a running container. */
  ready(id: string): boolean;
  /** Whether its startup probe and its postStart hook are behind it. */
  started(id: string): boolean;
}

function shortened(text: string, maxBytes: number): string {
  const whole = Buffer.from(text);
  return whole.length <= maxBytes ? text : whole.subarray(0, maxBytes).toString('utf8');
}

function terminated(run: RunStatus, input: ContainerInput): ContainerState {
  const message = shortened(input.messages.get(run.id) ?? run.message, input.maxMessage);
  // A run that never started is shown with the beginning of time, as genuine kubelets do.
  const startedAt = rfc3339(Math.max(0, run.startedAt));
  const finishedAt = rfc3339(Math.max(0, run.finishedAt));
  return {
    terminated: {
      exitCode: run.exitCode,
      ...(run.signal === undefined || run.signal === 0 ? {} : { signal: run.signal }),
      reason: run.reason === '' ? (run.exitCode === 0 ? 'Completed' : 'Error') : run.reason,
      ...(message === '' ? {} : { message }),
      startedAt,
      finishedAt,
      containerID: `${input.runtimeName}://${run.id}`,
    },
  };
}

function stateOf(run: RunStatus, input: ContainerInput): ContainerState {
  if (run.state === 'running') return { running: { startedAt: rfc3339(run.startedAt) } };
  if (run.state === 'exited') return terminated(run, input);
  return { waiting: { reason: 'ContainerCreating' } };
}

function waitingState(waiting: Waiting): ContainerState {
  return {
    waiting: { reason: waiting.reason, ...(waiting.message === undefined ? {} : { message: waiting.message }) },
  };
}

/** What is said of a container that is gone from the runtime when its pod ends. */
export const LOST: ContainerState = {
  terminated: {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was terminated',
  },
};

/** What is said of a run that was removed so that all containers start over. */
const REMOVED: ContainerState = {
  terminated: {
    exitCode: 137,
    reason: 'RestartingAllContainers',
    message: 'The container is removed because RestartAllContainers in place',
  },
};

function volumeMounts(input: ContainerInput): VolumeMountStatus[] | undefined {
  const mounts = input.ref.spec.volumeMounts ?? [];
  if (mounts.length === 0) return undefined;
  return mounts.map((m) => {
    const out: VolumeMountStatus = { name: m.name, mountPath: m.mountPath };
    if (m.readOnly !== true) return out;
    out.readOnly = true;
    out.recursiveReadOnly =
      m.recursiveReadOnly === undefined || m.recursiveReadOnly === 'Disabled' ? 'Disabled' : 'Enabled';
    return out;
  });
}

function extras(input: ContainerInput, run: RunStatus | undefined): Partial<ContainerStatus> {
  const out: Partial<ContainerStatus> = {};
  const { spec } = input.ref;
  if (run !== undefined) {
    const given = input.inForce ?? spec.resources;
    const requests = spec.resources?.requests ?? {};
    if (Object.keys(requests).length > 0) out.allocatedResources = requests;
    out.resources = {
      ...(given?.limits === undefined ? {} : { limits: given.limits }),
      ...(given?.requests === undefined ? {} : { requests: given.requests }),
    };
  }
  const mounts = volumeMounts(input);
  if (mounts !== undefined) out.volumeMounts = mounts;
  if (run?.user !== undefined) {
    const { uid, gid, supplementalGroups } = run.user;
    out.user = { linux: { uid, gid, supplementalGroups: [...supplementalGroups] } };
  }
  if (run?.stopSignal !== undefined && spec.lifecycle?.stopSignal !== undefined) {
    out.stopSignal = spec.lifecycle.stopSignal;
  }
  return out;
}

/** In a pod that was deleted and has ended nothing waits any more. */
function stillWaiting(input: ContainerInput): Waiting | undefined {
  return input.lost && input.deleted ? undefined : input.waiting;
}

function notYet(input: ContainerInput): ContainerStatus {
  const before = input.before;
  const ran = before?.containerID !== undefined && before.containerID !== '';
  // What has ended stays as it was told, also when the runtime no longer has it.
  if (input.removed === undefined && before?.state?.terminated !== undefined) return before;
  let state: ContainerState = waitingState(stillWaiting(input) ?? { reason: input.idle });
  if (input.removed === undefined && input.lost && ran) state = LOST;
  return {
    name: input.ref.spec.name,
    state,
    lastState: input.removed === undefined ? {} : REMOVED,
    ready: false,
    restartCount: input.removed ?? before?.restartCount ?? 0,
    image: input.ref.spec.image ?? '',
    imageID: '',
    ...(input.ref.kind === 'ephemeral' ? {} : { started: false }),
    ...extras(input, undefined),
  };
}

function readiness(input: ContainerInput, run: RunStatus, state: ContainerState): boolean {
  if (input.ref.kind === 'ephemeral') return false;
  if (input.ref.kind === 'init' && !isSidecar(input.ref)) return state.terminated?.exitCode === 0;
  return state.running !== undefined && input.probes.started(run.id) && input.probes.ready(run.id);
}

/** The API remembers what was removed, for a kubelet that has started since. */
function followsRemoval(input: ContainerInput, run: RunStatus): boolean {
  if (input.removed === run.attempt) return true;
  const { before } = input;
  return before?.restartCount === run.attempt && before.lastState?.terminated?.reason === 'RestartingAllContainers';
}

function isReplaced(input: ContainerInput, run: RunStatus): boolean {
  const known = input.before?.containerID?.endsWith(`://${run.id}`) === true;
  return known && run.state === 'exited' && input.waiting === undefined && input.replaced.has(run.id) && !input.lost;
}

export function containerStatus(input: ContainerInput): ContainerStatus {
  // A run that was only created is nothing yet: users see the one before it until it has started, its postStart hook included.
  const begun = (r: RunStatus): boolean => r.state !== 'created' && !(r.state === 'running' && input.held.has(r.id));
  const [run, previous] = input.runs.filter(begun);
  if (run === undefined) return notYet(input);
  const shown = input.before;
  // Its end is not the container's, and must not be told where an end is final.
  if (isReplaced(input, run) && shown?.state?.running !== undefined) return shown;
  let state = stateOf(run, input);
  let last: ContainerState = previous === undefined ? {} : stateOf(previous, input);
  // The kubelet keeps one dead run: beside an ended container there is no other.
  if (last.terminated === undefined || state.terminated !== undefined) last = {};
  const waiting = stillWaiting(input);
  if (waiting !== undefined && state.running === undefined) {
    if (state.terminated !== undefined) last = state;
    state = waitingState(waiting);
  }
  if (last.terminated === undefined && followsRemoval(input, run)) last = REMOVED;
  const plainInit = input.ref.kind !== 'app' && !isSidecar(input.ref);
  const running = state.running !== undefined;
  return {
    name: input.ref.spec.name,
    state,
    lastState: last,
    ready: readiness(input, run, state),
    restartCount: run.attempt,
    image: run.image === '' ? (input.ref.spec.image ?? '') : run.image,
    imageID: run.imageRef,
    containerID: `${input.runtimeName}://${run.id}`,
    ...(input.ref.kind === 'ephemeral' ? {} : { started: running && (plainInit || input.probes.started(run.id)) }),
    ...extras(input, run),
  };
}
