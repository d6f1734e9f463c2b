// The pure core of the pod worker: what must be done next for a pod, given what runs.
import type { ContainerStatus, PodSandboxStatus } from '../../cri/port.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import {
  ANNOTATION,
  appContainers,
  type ContainerRef,
  ephemeralContainers,
  hashOf,
  initContainers,
  isSidecar,
  specOf,
} from './identity.ts';
import { alive, currentSandbox, latest, type Observed } from './observed.ts';
import { restartsAfter, restartsUnhealthy, restartsWholePod } from './restart.ts';

export type Action =
  | { readonly type: 'restartPod'; readonly why: 'sandbox-changed' | 'restart-all' }
  | { readonly type: 'createSandbox'; readonly attempt: number }
  | { readonly type: 'start'; readonly ref: ContainerRef; readonly attempt: number; readonly after?: ContainerStatus }
  | {
      readonly type: 'kill';
      readonly ref: ContainerRef;
      readonly status: ContainerStatus;
      readonly message: string;
      /** It is not to run again. */
      readonly forGood?: boolean;
    }
  /** Nothing of the pod is to run on. */
  | { readonly type: 'killPod' }
  | { readonly type: 'remove'; readonly id: string }
  | { readonly type: 'backoff'; readonly ref: ContainerRef; readonly delayMs: number; readonly until: number };

export interface PlanInput {
  readonly pod: Pod;
  readonly observed: Observed;
  readonly now: number;
  /** Until when an ended container waits; its end itself when it need not. */
  readonly backoffUntil: (ref: ContainerRef, status: ContainerStatus) => number;
  readonly backoffDelay: (ref: ContainerRef) => number;
  /** Containers whose liveness or startup probe has failed, by id. */
  readonly unhealthy: ReadonlyMap<string, 'liveness' | 'startup'>;
  /** Whether a running container has passed its startup probe. */
  readonly started: (id: string) => boolean;
  /** Names of containers that could not be started, and when to try again. */
  readonly retryAt: ReadonlyMap<string, number>;
  /** Attempt numbers of containers whose runs were removed, so that counting goes on. */
  readonly firstAttempt: ReadonlyMap<string, number>;
  /** Runs, by id, that were ended here so that others take their place: whatever they ended with. */
  readonly replaced: ReadonlySet<string>;
}

export interface Plan {
  readonly actions: readonly Action[];
  /** Look again at this time, should nothing happen before. */
  readonly requeueAt?: number;
  /** Nothing of this pod will ever run again. */
  readonly finished: boolean;
}

class Planner {
  readonly actions: Action[] = [];
  requeueAt: number | undefined;
  constructor(
    readonly input: PlanInput,
    readonly sandbox: PodSandboxStatus,
  ) {}

  wait(until: number): void {
    if (this.requeueAt === undefined || until < this.requeueAt) this.requeueAt = until;
  }

  /** Whether the last try to start it was in vain, and the next is not due. */
  private retriesLater(ref: ContainerRef): boolean {
    const retryAt = this.input.retryAt.get(ref.spec.name);
    if (retryAt === undefined || retryAt <= this.input.now) return false;
    this.wait(retryAt);
    return true;
  }

  start(ref: ContainerRef, after: ContainerStatus | undefined): void {
    if (this.retriesLater(ref)) return;
    const attempt = after === undefined ? (this.input.firstAttempt.get(ref.spec.name) ?? 0) : after.attempt + 1;
    this.actions.push({ type: 'start', ref, attempt, ...(after === undefined ? {} : { after }) });
  }

  /** An ended container that is to run again: at once, or when its back-off is over. */
  restart(ref: ContainerRef, status: ContainerStatus): void {
    if (this.retriesLater(ref)) return;
    const until = this.input.backoffUntil(ref, status);
    if (until > this.input.now) {
      this.actions.push({ type: 'backoff', ref, delayMs: this.input.backoffDelay(ref), until });
      this.wait(until);
      return;
    }
    this.start(ref, status);
  }

  kill(ref: ContainerRef, status: ContainerStatus, message: string): void {
    this.actions.push({ type: 'kill', ref, status, message });
  }

  /** Brings one container nearer to running; true when it runs and is well. */
  tend(ref: ContainerRef): boolean {
    const status = latest(this.input.observed, ref.spec.name);
    if (status === undefined) {
      this.start(ref, undefined);
      return false;
    }
    if (status.state === 'created') {
      // Left over from a start that never came about.
      this.actions.push({ type: 'remove', id: status.id });
      return false;
    }
    if (status.state === 'unknown') {
      this.kill(ref, status, `Container is in unknown state, try killing it before restart`);
      return false;
    }
    if (status.state === 'exited') {
      if (runsAgain(this.input, ref, status)) this.restart(ref, status);
      return false;
    }
    return this.tendRunning(ref, status);
  }

  private tendRunning(ref: ContainerRef, status: ContainerStatus): boolean {
    const name = ref.spec.name;
    const hash = status.annotations[ANNOTATION.hash];
    if (hash !== undefined && hash !== hashOf(ref)) {
      this.kill(ref, status, `Container ${name} definition changed, will be restarted`);
      return false;
    }
    const probe = this.input.unhealthy.get(status.id);
    if (probe === undefined) return true;
    const restarts = restartsUnhealthy(this.input.pod, ref);
    const message = isSidecar(ref)
      ? `Init container ${name} failed ${probe} probe`
      : `Container ${name} failed ${probe} probe${restarts ? ', will be restarted' : ''}`;
    this.actions.push({ type: 'kill', ref, status, message, ...(restarts ? {} : { forGood: true }) });
    return false;
  }

  /** True when all init containers have done what app containers wait for. */
  init(): boolean {
    for (const ref of initContainers(this.input.pod)) {
      const status = latest(this.input.observed, ref.spec.name);
      const here = status?.sandboxId === this.sandbox.id ? status : undefined;
      if (isSidecar(ref)) {
        if (!this.tend(ref)) return false;
        if (here === undefined || !this.input.started(here.id)) return false;
        continue;
      }
      if (here?.state === 'exited' && here.exitCode === 0) continue;
      if (here === undefined && status !== undefined && !alive(status)) this.start(ref, status);
      else this.tend(ref);
      return false;
    }
    return true;
  }
}

/** Whether app containers have been started in this sandbox: then the init containers were done, even if no trace is left. */
function initialised(pod: Pod, observed: Observed): boolean {
  const sandbox = currentSandbox(observed);
  if (sandbox === undefined) return false;
  return appContainers(pod).some((ref) => latest(observed, ref.spec.name)?.sandboxId === sandbox.id);
}

function runsAgain(
  { pod, replaced }: Pick<PlanInput, 'pod' | 'replaced'>,
  ref: ContainerRef,
  run: ContainerStatus,
): boolean {
  return replaced.has(run.id) || restartsAfter(pod, ref, run.exitCode);
}

/** True when nothing of the pod may run any more: all work is done, or an init container failed for good. */
function isFinished(input: PlanInput): boolean {
  const { pod, observed } = input;
  const done = (ref: ContainerRef): boolean => {
    const status = latest(observed, ref.spec.name);
    return status?.state === 'exited' && !runsAgain(input, ref, status);
  };
  if (observed.containers.length === 0) return false;
  if (appContainers(pod).every(done)) return true;
  if (initialised(pod, observed)) return false;
  return initContainers(pod).some((ref) => {
    const status = latest(observed, ref.spec.name);
    return status?.state === 'exited' && status.exitCode !== 0 && done(ref);
  });
}

function sandboxUsable(pod: Pod, sandbox: PodSandboxStatus): boolean {
  return sandbox.state === 'ready' && (specOf(pod).hostNetwork === true || sandbox.ips.length > 0);
}

/** A container whose end makes all start over. */
export function wholePodTrigger(
  pod: Pod,
  observed: Observed,
): { readonly ref: ContainerRef; readonly status: ContainerStatus } | undefined {
  for (const ref of [...initContainers(pod), ...appContainers(pod)]) {
    const status = latest(observed, ref.spec.name);
    if (status?.state === 'exited' && restartsWholePod(ref, status.exitCode)) return { ref, status };
  }
  return undefined;
}

/** At once the first time, then with the trigger's back-off, so that a container that fails at once does not keep the node busy. */
function restartWhole(input: PlanInput, trigger: NonNullable<ReturnType<typeof wholePodTrigger>>): Plan {
  const { ref, status } = trigger;
  const until = input.backoffUntil(ref, status);
  if (until <= input.now) return { actions: [{ type: 'restartPod', why: 'restart-all' }], finished: false };
  const wait: Action = { type: 'backoff', ref, delayMs: input.backoffDelay(ref), until };
  return { actions: [wait], requeueAt: until, finished: false };
}

/** When the last container that ran is ended for good the pod ends as a whole, and with its own grace period. */
function killsPod(planner: Planner, input: PlanInput): boolean {
  const { pod, observed } = input;
  if (!planner.actions.some((a) => a.type === 'kill' && a.forGood === true)) return false;
  return appContainers(pod).every((ref) => {
    const { name } = ref.spec;
    if (planner.actions.some((a) => a.type === 'kill' && a.ref.spec.name === name)) {
      return planner.actions.some((a) => a.type === 'kill' && a.ref.spec.name === name && a.forGood === true);
    }
    const status = latest(observed, name);
    return status?.state === 'exited' && !runsAgain(input, ref, status);
  });
}

export function plan(input: PlanInput): Plan {
  const { pod, observed } = input;
  if (isFinished(input)) return { actions: [], finished: true };
  const sandbox = currentSandbox(observed);
  if (sandbox === undefined) return { actions: [{ type: 'createSandbox', attempt: 0 }], finished: false };
  if (!sandboxUsable(pod, sandbox)) {
    const empty = sandbox.state !== 'ready' && !observed.containers.some((c) => c.state === 'running');
    const next: Action = empty
      ? { type: 'createSandbox', attempt: sandbox.attempt + 1 }
      : { type: 'restartPod', why: 'sandbox-changed' };
    return { actions: [next], finished: false };
  }
  const trigger = wholePodTrigger(pod, observed);
  if (trigger !== undefined) return restartWhole(input, trigger);
  const planner = new Planner(input, sandbox);
  for (const ref of ephemeralContainers(pod)) {
    if (latest(observed, ref.spec.name) === undefined) planner.start(ref, undefined);
  }
  if (initialised(pod, observed)) {
    for (const ref of initContainers(pod)) if (isSidecar(ref)) planner.tend(ref);
    for (const ref of appContainers(pod)) planner.tend(ref);
  } else if (planner.init()) {
    for (const ref of appContainers(pod)) planner.tend(ref);
  }
  return {
    actions: killsPod(planner, input) ? [{ type: 'killPod' }] : planner.actions,
    finished: false,
    ...(planner.requeueAt === undefined ? {} : { requeueAt: planner.requeueAt }),
  };
}
