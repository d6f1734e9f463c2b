// Tells the API what has become of one pod, last words of its containers included.
import type { ContainerStatus } from '../../cri/port.ts';
import type { Pod, PodStatus } from '../../resources/generated/core-v1.ts';
import { terminationMessage } from '../container/termination-message.ts';
import type { Observed } from '../pod/observed.ts';
import { computeStatus, type StatusInput } from '../status/compute.ts';
import { OWN_CONDITIONS } from '../status/conditions.ts';
import type { WorkerDeps } from './deps.ts';

export type StatusParts = Pick<
  StatusInput,
  | 'waiting'
  | 'held'
  | 'replaced'
  | 'probes'
  | 'terminal'
  | 'verdict'
  | 'whole'
  | 'resize'
  | 'inForce'
  | 'removed'
  | 'restartingAll'
>;

export interface PublisherInput {
  readonly uid: string;
  readonly pod: () => Pod;
  readonly observed: () => Observed;
  /** What the worker knows beside the runtime's view. Called before each computation. */
  readonly parts: () => StatusParts;
  readonly onError: (error: unknown) => void;
}

export class StatusPublisher {
  private readonly messages = new Map<string, string>();
  private readonly startedAt: number;
  private computed: PodStatus | undefined;
  /** The last word: what is said of a pod at its end is not thought over. */
  private final: PodStatus | undefined;
  /** The object in the API: the pod itself, or the mirror of a static one. */
  target: Pod | undefined;
  /** Set when there is nothing more to say. */
  silent = false;

  constructor(
    private readonly deps: WorkerDeps,
    private readonly input: PublisherInput,
  ) {
    this.startedAt = deps.clock.now();
  }

  get status(): PodStatus {
    return this.target?.status ?? this.input.pod().status ?? {};
  }

  /** When the pod began here. */
  get began(): number {
    return this.startedAt;
  }

  /** Of the status in the API only what others say is news: the rest may be older than what was computed here. */
  seen(pod: Pod): void {
    this.deps.writer.seen(pod, this.input.uid);
    const mine = this.computed;
    if (mine === undefined) {
      this.target = pod;
      return;
    }
    const others = (pod.status?.conditions ?? []).filter((c) => !OWN_CONDITIONS.has(c.type));
    const own = (mine.conditions ?? []).filter((c) => OWN_CONDITIONS.has(c.type));
    this.target = { ...pod, status: { ...pod.status, ...mine, conditions: [...own, ...others] } };
  }

  private unread(): ContainerStatus[] {
    return this.input.observed().containers.filter((c) => c.state === 'exited' && !this.messages.has(c.id));
  }

  /** Reads what ended containers left as their last words; a message once read is kept. */
  async readMessages(): Promise<void> {
    for (const status of this.unread()) {
      const text = this.known(status) ?? (await terminationMessage(status).catch(() => ''));
      this.messages.set(status.id, text === '' ? status.message : text);
    }
  }

  /** The API may know what was said before this process began. */
  private known(status: ContainerStatus): string | undefined {
    const old = this.target?.status;
    for (const s of [...(old?.containerStatuses ?? []), ...(old?.initContainerStatuses ?? [])]) {
      for (const state of [s.state, s.lastState]) {
        const t = state?.terminated;
        if (t?.containerID?.endsWith(`://${status.id}`)) return t.message ?? '';
      }
    }
    return undefined;
  }

  publish(): void {
    if (this.unread().length === 0) {
      this.publishNow();
      return;
    }
    this.readMessages()
      .then(() => this.publishNow())
      .catch((error: unknown) => this.input.onError(error));
  }

  publishNow(): void {
    const before = this.target;
    if (before === undefined || this.silent) return;
    const parts = this.input.parts();
    const status = this.final ?? this.compute(before, parts);
    if (parts.terminal) this.final = status;
    this.target = { ...before, status };
    this.computed = status;
    this.deps.writer.set(this.input.uid, before, status);
  }

  private compute(before: Pod, parts: StatusParts): PodStatus {
    return computeStatus({
      ...parts,
      pod: { ...this.input.pod(), status: before.status ?? {} },
      observed: this.input.observed(),
      now: this.deps.clock.now(),
      hostIps: this.deps.node().ips,
      runtimeName: this.deps.runtimeName(),
      messages: this.messages,
      allocated: (container) => this.deps.plugins.allocated(this.input.pod(), container),
      startedAt: this.startedAt,
    });
  }
}
