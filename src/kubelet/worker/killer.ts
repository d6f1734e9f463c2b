// Stops containers gracefully: preStop hook, stop signal, and at the end SIGKILL.
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination

import type { ContainerStatus } from '../../cri/port.ts';
import { nearest } from '../../machinery/int64.ts';
import type { LifecycleHandler, Pod } from '../../resources/generated/core-v1.ts';
import { runHook } from '../container/hooks.ts';
import { ANNOTATION, allContainers, type ContainerRef, fieldPathOf, isSidecar, specOf } from '../pod/identity.ts';
import { currentSandbox, type Observed } from '../pod/observed.ts';
import type { WorkerDeps } from './deps.ts';

/** Even a container whose time is over gets a moment, so that an orderly end is possible. */
const MINIMUM_MS = 2_000;

export interface KillOptions {
  readonly message?: string;
  readonly reason?: string;
  readonly graceSeconds?: number;
  /** Resolves when this container's turn to be stopped has come. */
  readonly turn?: Promise<void>;
}

export interface Victim {
  /** Undefined when the spec no longer names it. */
  readonly ref: ContainerRef | undefined;
  readonly status: ContainerStatus;
}

export class Killer {
  private limitAt: number | undefined;
  /** Containers whose stop has been asked for, so that a shorter grace period can be passed on. */
  private readonly stopping = new Map<string, number>();

  constructor(
    private readonly deps: WorkerDeps,
    private readonly pod: () => Pod,
    private readonly observed: () => Observed,
  ) {}

  private say(victim: Victim, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const details = victim.ref === undefined ? {} : { fieldPath: fieldPathOf(victim.ref) };
    this.deps.recorder.event(this.pod(), type, reason, message, details);
  }

  private graceOf(victim: Victim, options: KillOptions): number {
    if (options.graceSeconds !== undefined) return options.graceSeconds;
    const spec = specOf(this.pod());
    const own = this.pod().metadata.deletionGracePeriodSeconds;
    const recorded = Number(victim.status.annotations[ANNOTATION.grace] ?? '30');
    return nearest(own ?? spec.terminationGracePeriodSeconds ?? recorded);
  }

  private preStopOf(victim: Victim): LifecycleHandler | undefined {
    const inSpec = victim.ref?.spec.lifecycle?.preStop;
    if (inSpec !== undefined || victim.ref !== undefined) return inSpec;
    const recorded = victim.status.annotations[ANNOTATION.preStop];
    return recorded === undefined ? undefined : (JSON.parse(recorded) as LifecycleHandler);
  }

  private async preStop(victim: Victim, timeoutMs: number): Promise<void> {
    const handler = this.preStopOf(victim);
    if (handler === undefined || timeoutMs <= 0) return;
    const spec = specOf(this.pod());
    const podIp = spec.hostNetwork === true ? this.deps.node().ips[0] : currentSandbox(this.observed())?.ips[0];
    const container = victim.ref?.spec ?? { name: victim.status.name };
    const target = {
      containerId: victim.status.id,
      container,
      podIp: podIp ?? '',
      reach: this.deps.reach,
      exec: this.deps.runtime.execSync.bind(this.deps.runtime),
    };
    const over = new AbortController();
    const { clock } = this.deps;
    const timeout = clock.sleep(timeoutMs, over.signal);
    // A hook that is waited for no longer ends with its container, and that is a failure too.
    const hook = runHook(handler, target, { clock, timeoutMs, signal: over.signal }).catch((error: unknown) => {
      this.say(victim, 'Warning', 'FailedPreStopHook', 'PreStopHook failed');
      this.deps.log('info', 'preStop hook failed', { container: victim.status.name, error: String(error) });
    });
    await Promise.race([hook, timeout]);
    over.abort();
  }

  async kill(victim: Victim, options: KillOptions = {}): Promise<void> {
    const { clock, runtime, cache } = this.deps;
    if (victim.status.state === 'exited') return;
    const beganAt = clock.now();
    const endsAt = beganAt + this.graceOf(victim, options) * 1000;
    const message = options.message ?? `Stopping container ${victim.status.name}`;
    this.say(victim, 'Normal', options.reason ?? 'Killing', message);
    await this.preStop(victim, this.remaining(endsAt));
    if (options.turn !== undefined)
      await Promise.race([options.turn, clock.sleep(Math.max(0, this.remaining(endsAt)))]);
    const left = Math.max(MINIMUM_MS, this.remaining(endsAt));
    this.stopping.set(victim.status.id, clock.now() + left);
    try {
      await runtime.stopContainer(victim.status.id, left);
    } finally {
      this.stopping.delete(victim.status.id);
    }
    await cache.refreshContainer(this.pod().metadata.uid ?? '', victim.status.id);
  }

  private remaining(endsAt: number): number {
    const end = this.limitAt === undefined ? endsAt : Math.min(endsAt, this.limitAt);
    return end - this.deps.clock.now();
  }

  /** A shorter grace period than the one that is running. */
  async shorten(graceSeconds: number): Promise<void> {
    const now = this.deps.clock.now();
    this.limitAt = now + Math.max(MINIMUM_MS, graceSeconds * 1000);
    const again = [...this.stopping].filter(([, endsAt]) => endsAt > (this.limitAt ?? 0));
    await Promise.all(again.map(([id]) => this.deps.runtime.stopContainer(id, (this.limitAt ?? now) - now)));
  }

  /** All containers: first the others, then the sidecars, last started first. */
  async killAll(options: KillOptions & { readonly keepEphemeral?: boolean }): Promise<void> {
    const refs = allContainers(this.pod());
    const victims = this.observed()
      .containers.filter((c) => c.state !== 'exited')
      .map((status): Victim => ({ status, ref: refs.find((r) => r.spec.name === status.name) }))
      .filter(({ ref }) => options.keepEphemeral !== true || ref?.kind !== 'ephemeral');
    const order = (v: Victim): number => (v.ref !== undefined && isSidecar(v.ref) ? refs.indexOf(v.ref) : refs.length);
    const plain = victims.filter((v) => order(v) === refs.length);
    const sidecars = victims.filter((v) => order(v) < refs.length).sort((a, b) => order(b) - order(a));
    let before: Promise<unknown> = Promise.all(plain.map((v) => this.kill(v, options)));
    const all = [before];
    for (const victim of sidecars) {
      const turn = before.then(
        () => undefined,
        () => undefined,
      );
      const stopped = this.kill(victim, { ...options, turn });
      before = Promise.allSettled([turn, stopped]);
      all.push(stopped);
    }
    const results = await Promise.allSettled(all);
    const failed = results.find((r) => r.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}
