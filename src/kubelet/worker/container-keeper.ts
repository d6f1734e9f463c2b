// Starts and stops the containers of one pod as the plan says, and remembers why one does not run.

import type { ContainerStatus } from '../../cri/port.ts';
import { nearest } from '../../machinery/int64.ts';
import { goDuration } from '../../machinery/time.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { messageOf, StartError } from '../container/errors.ts';
import { ImageError } from '../images/manager.ts';
import { appContainers, type ContainerRef, hashOf, initContainers, podText } from '../pod/identity.ts';
import { currentSandbox, latest, type Observed, runsOf } from '../pod/observed.ts';
import { type Action, type Plan, plan, wholePodTrigger } from '../pod/plan.ts';
import type { PodProbes } from '../probes/pod-probes.ts';
import type { StatusInput } from '../status/compute.ts';
import type { Waiting } from '../status/containers.ts';
import type { VolumeMap } from '../volumes/pod-volumes.ts';
import type { WorkerDeps } from './deps.ts';
import type { Killer } from './killer.ts';
import type { Resizer } from './resize.ts';
import type { SandboxKeeper } from './sandbox-keeper.ts';
import type { Starter } from './starter.ts';

const CONFIG_RETRY_MS = 10_000;
const SETTLE_MS = 1_000;
const RESTARTING_ALL: Waiting = {
  reason: 'RestartingAllContainers',
  message: 'The container is removed because RestartAllContainers in place',
};

export interface ContainerKeeperInput {
  readonly uid: string;
  readonly pod: () => Pod;
  readonly observed: () => Observed;
  readonly volumes: () => VolumeMap;
  readonly probes: PodProbes;
  readonly killer: Killer;
  readonly starter: Starter;
  readonly resizer: Resizer;
  readonly sandboxes: SandboxKeeper;
  /** Runs that were ended so that others take their place, by id. */
  readonly replaced: Set<string>;
  /** Aborted when the pod is to end. */
  readonly signal: AbortSignal;
  readonly say: (ref: ContainerRef | undefined, type: 'Normal' | 'Warning', reason: string, message: string) => void;
  readonly onChange: () => void;
}

export class ContainerKeeper {
  private readonly waiting = new Map<string, Waiting>();
  private readonly retryAt = new Map<string, number>();
  private readonly firstAttempt = new Map<string, number>();
  /** Containers whose runs were removed so that all start over, and the attempt that follows. */
  private readonly removed = new Map<string, number>();
  private restartingAll = false;
  private readonly held: Set<string>;
  /** Ends for which the back-off has been told. */
  private readonly toldBackoff = new Set<string>();

  constructor(
    private readonly deps: WorkerDeps,
    private readonly input: ContainerKeeperInput,
    held: Set<string>,
  ) {
    this.held = held;
  }

  /** What the status is made of, beside what the runtime tells. */
  get shown(): Pick<StatusInput, 'waiting' | 'replaced' | 'removed' | 'restartingAll'> {
    return {
      waiting: this.waiting,
      replaced: this.input.replaced,
      removed: this.removed,
      restartingAll: this.restartingAll,
    };
  }

  /** When something may be tried again. What is due already waits for something else. */
  get wakeTimes(): readonly number[] {
    const now = this.deps.clock.now();
    return [...this.retryAt.values()].filter((at) => at > now);
  }

  /** An object that a container's configuration may want has come or changed. */
  retryConfig(): void {
    for (const [name, w] of this.waiting) if (w.reason === 'CreateContainerConfigError') this.retryAt.delete(name);
  }

  private backoffKey(ref: ContainerRef): string {
    return `${this.input.uid}/${ref.spec.name}/${hashOf(ref)}`;
  }

  /** What the kubelet itself ended to start it anew is no failure to wait after; the run before it may have been one. */
  private endToBackOffFrom(ref: ContainerRef, status: ContainerStatus): number | undefined {
    if (!this.input.replaced.has(status.id)) return status.finishedAt;
    return runsOf(this.input.observed(), ref.spec.name).find((r) => r.state === 'exited' && r.id !== status.id)
      ?.finishedAt;
  }

  plan(): Plan {
    const { backoff, clock } = this.deps;
    return plan({
      pod: this.input.pod(),
      observed: this.input.observed(),
      now: clock.now(),
      backoffUntil: (ref, status) => {
        const key = this.backoffKey(ref);
        const end = this.endToBackOffFrom(ref, status);
        const until = end === undefined ? 0 : backoff.until(key, end);
        if (until <= clock.now() || !this.input.replaced.delete(status.id)) return until;
        // It has to wait after all, and so from its own end on.
        return backoff.until(key, status.finishedAt);
      },
      backoffDelay: (ref) => backoff.delay(this.backoffKey(ref)),
      unhealthy: this.input.probes.unhealthy,
      started: (id) => this.input.probes.started(id),
      retryAt: this.retryAt,
      firstAttempt: this.firstAttempt,
      replaced: this.input.replaced,
    });
  }

  /** True when something was done that makes a new plan worth while. */
  async carryOut(next: Plan): Promise<boolean> {
    let acted = false;
    for (const action of next.actions) {
      if (this.input.signal.aborted) return true;
      if (await this.act(action)) acted = true;
    }
    return acted;
  }

  private async act(action: Action): Promise<boolean> {
    switch (action.type) {
      case 'createSandbox':
        return this.input.sandboxes.create(this.input.pod(), action.attempt);
      case 'restartPod':
        if (action.why === 'restart-all') await this.restartAll();
        else await this.replaceSandbox();
        return true;
      case 'start':
        return this.start(action);
      case 'kill':
        if (action.forGood !== true) this.input.replaced.add(action.status.id);
        await this.input.killer.kill({ ref: action.ref, status: action.status }, this.killOptions(action));
        return true;
      case 'killPod':
        await this.input.killer.killAll({});
        return true;
      case 'remove':
        await this.deps.runtime.removeContainer(action.id);
        this.deps.cache.forget(this.input.uid, action.id);
        return true;
      case 'backoff':
        this.tellBackoff(action);
        return false;
    }
  }

  private killOptions(action: Extract<Action, { type: 'kill' }>): { message: string; graceSeconds?: number } {
    const kind = this.input.probes.unhealthy.get(action.status.id);
    const probe = kind === 'startup' ? action.ref.spec.startupProbe : action.ref.spec.livenessProbe;
    const own = kind === undefined ? undefined : nearest(probe?.terminationGracePeriodSeconds);
    return { message: action.message, ...(own === undefined ? {} : { graceSeconds: own }) };
  }

  private tellBackoff(action: Extract<Action, { type: 'backoff' }>): void {
    const { name } = action.ref.spec;
    const about = podText(this.input.pod());
    const run = latest(this.input.observed(), name);
    const message = `back-off ${goDuration(action.delayMs)} restarting failed container=${name} pod=${about}`;
    this.waiting.set(name, { reason: 'CrashLoopBackOff', message });
    if (run === undefined || this.toldBackoff.has(run.id)) return;
    this.toldBackoff.add(run.id);
    const told = `Back-off restarting failed container ${name} in pod ${about}`;
    this.input.say(action.ref, 'Warning', 'BackOff', told);
  }

  private async replaceSandbox(): Promise<void> {
    const { killer, observed, uid } = this.input;
    await killer.killAll({});
    for (const s of observed().sandboxes) if (s.state === 'ready') await this.deps.runtime.stopPodSandbox(s.id);
    await this.deps.cache.refresh(uid);
  }

  /**
   * All containers start over in the sandbox that is there: ended without hooks and grace, removed, and begun from the first init container on.
   * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-all-containers
   */
  private async restartAll(): Promise<void> {
    const { killer, observed, uid, starter, pod } = this.input;
    const refs = [...initContainers(pod()), ...appContainers(pod())];
    const trigger = wholePodTrigger(pod(), observed());
    for (const { spec } of refs) this.waiting.set(spec.name, RESTARTING_ALL);
    this.restartingAll = true;
    try {
      this.input.onChange();
      await killer.killAll({ graceSeconds: 0, keepEphemeral: true, message: 'killing' });
      const names = new Set(refs.map((r) => r.spec.name));
      const runs = observed().containers.filter((c) => names.has(c.name));
      // The trigger goes last: as long as it is there, a kubelet that starts anew knows what was under way.
      const isTrigger = (name: string): number => Number(name === trigger?.ref.spec.name);
      for (const status of runs.sort((a, b) => isTrigger(a.name) - isTrigger(b.name))) {
        const next = Math.max(this.firstAttempt.get(status.name) ?? 0, status.attempt + 1);
        this.firstAttempt.set(status.name, next);
        this.removed.set(status.name, next);
        await starter.remove(uid, status);
      }
      if (trigger === undefined) return;
      const { ref, status } = trigger;
      this.deps.backoff.next(this.backoffKey(ref), status.finishedAt, this.deps.clock.now());
    } finally {
      this.restartingAll = false;
      for (const { spec } of refs) this.waiting.delete(spec.name);
    }
  }

  private async start(action: Extract<Action, { type: 'start' }>): Promise<boolean> {
    const { ref, attempt, after } = action;
    const pod = this.input.pod();
    const observed = this.input.observed();
    const sandbox = currentSandbox(observed);
    if (sandbox === undefined) return true;
    const { name } = ref.spec;
    const end = after === undefined ? undefined : this.endToBackOffFrom(ref, after);
    if (end !== undefined) this.deps.backoff.next(this.backoffKey(ref), end, this.deps.clock.now());
    this.retryAt.delete(name);
    try {
      const sandboxConfig = await this.input.sandboxes.configOf(pod, sandbox);
      const options = { pod, ref, attempt, sandbox, sandboxConfig, observed, signal: this.input.signal };
      const hold = (id: string, on: boolean): void => this.hold(id, on);
      const id = await this.input.starter.start({ ...options, volumes: this.input.volumes(), hold });
      this.input.resizer.started(id, ref, pod);
      this.waiting.delete(name);
      if (after !== undefined) this.input.replaced.delete(after.id);
    } catch (error) {
      if (this.input.signal.aborted) return true;
      this.failed(ref, error);
    }
    this.input.onChange();
    return true;
  }

  private hold(id: string, on: boolean): void {
    if (on) this.held.add(id);
    else if (this.held.delete(id)) this.input.onChange();
  }

  private failed(ref: ContainerRef, error: unknown): void {
    const { name } = ref.spec;
    const known = error instanceof StartError ? error : new StartError('CreateContainerError', messageOf(error));
    const isImage = known instanceof ImageError;
    const hookFailed = known.reason === 'PostStartHookError';
    if (!hookFailed) this.input.say(ref, 'Warning', 'Failed', `Error: ${isImage ? known.reason : known.message}`);
    this.waiting.set(name, { reason: known.reason, message: known.message });
    const run = latest(this.input.observed(), name);
    if (run !== undefined) this.input.replaced.delete(run.id);
    // The runtime has made it an ended run, of which the back-off is told when this could be seen.
    const ran = (known.reason === 'RunContainerError' || hookFailed) && run?.state === 'exited';
    const wait = ran ? SETTLE_MS : CONFIG_RETRY_MS;
    this.retryAt.set(name, isImage ? known.retryAt : this.deps.clock.now() + wait);
  }
}
