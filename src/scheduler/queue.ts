// The pods that wait for a node: ready ones by priority, failed ones that come back later, those that wait for something to change.
// Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-scheduling/scheduler_queues.md
import type { Clock, Timer } from '../host/clock.ts';
import type { Pod } from '../resources/generated/core-v1.ts';
import type { ClusterEvent, Plugin } from './framework.ts';

const FIRST_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 10_000;
/** Whoever waited so long without a word is tried again: an event may have been missed. */
const FLUSH_MS = 5 * 60_000;

export interface QueuedPod {
  readonly key: string;
  pod: Pod;
  attempts: number;
  /** When it came to its present place. */
  since: number;
  /** Plugins that rejected it the last time. */
  rejectedBy: ReadonlySet<string>;
  /** Not an unfit pod but a failure of ours: it must wait its time. */
  failed: boolean;
}

export interface QueueOptions {
  readonly clock: Clock;
  readonly plugins: readonly Plugin[];
  /** Called when there is something to take. */
  readonly onReady: () => void;
}

export class SchedulingQueue {
  private readonly active = new Map<string, QueuedPod>();
  private readonly backoff = new Map<string, QueuedPod>();
  private readonly waiting = new Map<string, QueuedPod>();
  /** The pod being planned or bound; events that come meanwhile are remembered for it. */
  private readonly inFlight = new Map<string, { readonly one: QueuedPod; readonly events: Set<ClusterEvent> }>();
  private timer: Timer | undefined;
  private readonly wakes: ReadonlyMap<string, ReadonlySet<ClusterEvent>>;

  constructor(private readonly options: QueueOptions) {
    this.wakes = new Map(options.plugins.map((plugin) => [plugin.name, plugin.wakes]));
  }

  get counts(): { active: number; backoff: number; waiting: number } {
    return { active: this.active.size, backoff: this.backoff.size, waiting: this.waiting.size };
  }

  /** A new pod, or one whose own change may let it through. */
  add(key: string, pod: Pod): void {
    const flying = this.inFlight.get(key);
    if (flying !== undefined) {
      flying.one.pod = pod;
      flying.events.add('pod-changed');
      return;
    }
    const known = this.take(key);
    const now = this.options.clock.now();
    const one = known ?? { key, pod, attempts: 0, since: now, rejectedBy: new Set<string>(), failed: false };
    one.pod = pod;
    this.activate(one);
  }

  /** The pod changed in a way that does not matter for where it may go. */
  refresh(key: string, pod: Pod): void {
    const one = this.active.get(key) ?? this.backoff.get(key) ?? this.waiting.get(key) ?? this.inFlight.get(key)?.one;
    if (one !== undefined) one.pod = pod;
  }

  knows(key: string): boolean {
    return this.active.has(key) || this.backoff.has(key) || this.waiting.has(key) || this.inFlight.has(key);
  }

  remove(key: string): void {
    this.take(key);
    this.inFlight.delete(key);
  }

  /** The most important ready pod. When none is ready, one whose wait for being unfit is not over yet: nothing better is to be done. */
  pop(): QueuedPod | undefined {
    const one = first(this.active.values()) ?? first([...this.backoff.values()].filter((each) => !each.failed));
    if (one === undefined) return undefined;
    this.take(one.key);
    one.attempts++;
    this.inFlight.set(one.key, { one, events: new Set() });
    return one;
  }

  /** The pod was bound, or is no longer ours. */
  done(key: string): void {
    this.inFlight.delete(key);
  }

  /** The pod fits nowhere: it waits until something changes that one of the plugins waits for. */
  unfit(one: QueuedPod, rejectedBy: ReadonlySet<string>): void {
    const flight = this.inFlight.get(one.key);
    if (flight === undefined) return;
    this.inFlight.delete(one.key);
    one.since = this.options.clock.now();
    one.rejectedBy = rejectedBy;
    one.failed = false;
    if ([...flight.events].some((event) => this.matters(one, event))) this.backOff(one);
    else this.waiting.set(one.key, one);
    this.schedule();
  }

  /** Something went wrong: again after a while. */
  failed(one: QueuedPod): void {
    if (!this.inFlight.delete(one.key)) return;
    one.since = this.options.clock.now();
    one.failed = true;
    this.backOff(one);
  }

  /** The cluster changed. */
  wake(event: ClusterEvent): void {
    for (const { events } of this.inFlight.values()) events.add(event);
    for (const one of [...this.waiting.values()]) {
      if (!this.matters(one, event)) continue;
      this.waiting.delete(one.key);
      this.backOff(one);
    }
  }

  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private matters(one: QueuedPod, event: ClusterEvent): boolean {
    if (one.rejectedBy.size === 0) return true;
    for (const plugin of one.rejectedBy) if (this.wakes.get(plugin)?.has(event) ?? true) return true;
    return event === 'pod-changed';
  }

  private activate(one: QueuedPod): void {
    this.active.set(one.key, one);
    this.options.onReady();
  }

  private backOff(one: QueuedPod): void {
    if (this.readyAt(one) <= this.options.clock.now()) {
      this.activate(one);
      return;
    }
    this.backoff.set(one.key, one);
    this.schedule();
    if (!one.failed) this.options.onReady();
  }

  private readyAt(one: QueuedPod): number {
    return one.since + Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(one.attempts - 1, 10));
  }

  private take(key: string): QueuedPod | undefined {
    const one = this.active.get(key) ?? this.backoff.get(key) ?? this.waiting.get(key);
    this.active.delete(key);
    this.backoff.delete(key);
    this.waiting.delete(key);
    return one;
  }

  /** Sets the clock for whoever's time comes next. */
  private schedule(): void {
    this.timer?.cancel();
    let next = Number.POSITIVE_INFINITY;
    for (const one of this.backoff.values()) next = Math.min(next, this.readyAt(one));
    for (const one of this.waiting.values()) next = Math.min(next, one.since + FLUSH_MS);
    if (next === Number.POSITIVE_INFINITY) return;
    const { clock } = this.options;
    this.timer = clock.setTimer(Math.max(1, next - clock.now()), () => {
      const now = clock.now();
      for (const one of [...this.backoff.values()]) {
        if (this.readyAt(one) > now) continue;
        this.backoff.delete(one.key);
        this.activate(one);
      }
      for (const one of [...this.waiting.values()]) {
        if (one.since + FLUSH_MS > now) continue;
        this.waiting.delete(one.key);
        this.activate(one);
      }
      this.schedule();
    });
  }
}

/** Higher priority first, then who waits longest. */
function first(pods: Iterable<QueuedPod>): QueuedPod | undefined {
  let best: QueuedPod | undefined;
  for (const one of pods) {
    if (best === undefined) best = one;
    else {
      const more = (one.pod.spec?.priority ?? 0) - (best.pod.spec?.priority ?? 0);
      if (more > 0 || (more === 0 && one.since < best.since)) best = one;
    }
  }
  return best;
}
