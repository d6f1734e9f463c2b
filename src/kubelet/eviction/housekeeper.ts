// Watches memory, disk and processes: tells the node's pressures, makes room, and evicts pods where that is not enough.
// https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
import type { EventRecorder } from '../../client/index.ts';
import type { RuntimeService } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { KubeletConfig } from '../config.ts';
import type { ImageCollector } from '../images/collector.ts';
import type { LogSink } from '../options.ts';
import { namesOf, type PodPaths, podText } from '../pod/identity.ts';
import type { Verdict } from '../status/compute.ts';
import type { Ending } from '../worker/pod-worker.ts';
import type { HostView } from './observe.ts';
import { type Measured, podUses, storageOf } from './pod-uses.ts';
import { evictionWords, ranked } from './rank.ts';
import { type PressureKind, type Shortage, shortages } from './signals.ts';
import { hasStorageLimit, overStorageLimit } from './storage-use.ts';

export interface PodsOfNode {
  pods(): readonly Pod[];
  worker(uid: string): { readonly isCleanedUp: boolean; readonly directory: PodPaths } | undefined;
  end(uid: string, ending: Ending): void;
  /** Frees what ended pods still have on the disk. */
  discardEnded(): Promise<void>;
}

export interface HousekeeperOptions {
  readonly clock: Clock;
  readonly config: Pick<KubeletConfig, 'evictionHard' | 'evictionLookMs'>;
  readonly observe: () => Promise<HostView>;
  readonly runtime: Pick<RuntimeService, 'listPodSandboxStats'>;
  readonly collector: Pick<ImageCollector, 'collect' | 'removeUnused'>;
  readonly manager: PodsOfNode;
  readonly recorder: Pick<EventRecorder, 'event'>;
  readonly onConditions: () => void;
  readonly say: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
  readonly log: LogSink;
}

/** A pressure is taken back only when it was away for this long. */
const PRESSURE_HOLD_MS = 300_000;
const IMAGE_GC_MS = 300_000;
/** What was evicted is given this long to be gone, before others are chosen. */
const CLEANUP_MS = 30_000;
const CLEANUP_LOOK_MS = 1_000;
/** Who has to go because the node runs out gets no more time than this. */
const GRACE_SECONDS = 1;

export class Housekeeper {
  private readonly seenAt = new Map<PressureKind, number>();
  /** Pods that were told to go and are not gone yet. */
  private readonly leaving = new Set<string>();
  private imagesAt = 0;

  constructor(private readonly options: HousekeeperOptions) {}

  private holds(kind: PressureKind): boolean {
    const at = this.seenAt.get(kind);
    return at !== undefined && this.options.clock.now() - at < PRESSURE_HOLD_MS;
  }

  get pressure(): { memory: boolean; disk: boolean; pid: boolean } {
    return { memory: this.holds('memory'), disk: this.holds('disk'), pid: this.holds('pid') };
  }

  /** Node conditions that hold, by name. */
  get conditions(): readonly string[] {
    const { memory, disk, pid } = this.pressure;
    return [...(memory ? ['MemoryPressure'] : []), ...(disk ? ['DiskPressure'] : []), ...(pid ? ['PIDPressure'] : [])];
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, config, log } = this.options;
    await clock.sleep(config.evictionLookMs, signal);
    while (!signal.aborted) {
      const evicted = await this.look().catch((error: unknown) => {
        log('warn', 'housekeeping', { error: String(error) });
        return [];
      });
      if (evicted.length > 0) await this.gone(evicted, signal);
      else await clock.sleep(config.evictionLookMs, signal);
    }
  }

  /** One look, and what it asks for. Returns the pods that have to go. */
  async look(): Promise<readonly Pod[]> {
    const { manager } = this.options;
    const { view, short } = await this.observe();
    for (const uid of this.leaving) if (manager.worker(uid)?.isCleanedUp !== false) this.leaving.delete(uid);
    const overLimits = await this.storageLimits(manager.pods());
    if (overLimits.length > 0) return overLimits;
    const [first] = short;
    const evicted = first === undefined ? [] : await this.relieve(first, view.ownImageFs);
    await this.collectImages();
    return evicted;
  }

  private async collectImages(): Promise<void> {
    const now = this.options.clock.now();
    if (now - this.imagesAt < IMAGE_GC_MS) return;
    this.imagesAt = now;
    await this.options.collector.collect();
  }

  private async observe(): Promise<{ view: HostView; short: readonly Shortage[] }> {
    const before = this.conditions.join();
    const view = await this.options.observe();
    const short = shortages(this.options.config.evictionHard, view.signals);
    for (const { pressure } of short) this.seenAt.set(pressure, this.options.clock.now());
    if (before !== this.conditions.join()) this.options.onConditions();
    return { view, short };
  }

  private async measured(pods: readonly Pod[]): Promise<Measured> {
    const { runtime, manager } = this.options;
    return {
      pods,
      stats: await runtime.listPodSandboxStats(),
      paths: (pod) => manager.worker(namesOf(pod).uid)?.directory,
    };
  }

  /** What nobody needs first, where that can help; then one pod. */
  private async relieve(shortage: Shortage, ownImageFs: boolean): Promise<readonly Pod[]> {
    const { starved, signal } = shortage;
    const { manager, say } = this.options;
    say('Warning', 'EvictionThresholdMet', `Attempting to reclaim ${starved}`);
    if (await this.madeRoom(shortage, ownImageFs)) return [];
    const candidates = manager.pods().filter((pod) => !this.leaving.has(namesOf(pod).uid));
    const uses = await podUses(await this.measured(candidates), { signal, starved, ownImageFs });
    const [victim] = ranked(uses, starved);
    if (victim === undefined) return [];
    const { message, annotations } = evictionWords(victim, shortage);
    this.evict(victim.pod, { reason: 'Evicted', message }, annotations);
    return [victim.pod];
  }

  /** Ended containers and unused images lie on the images' disk. */
  private async madeRoom(shortage: Shortage, ownImageFs: boolean): Promise<boolean> {
    if (shortage.pressure !== 'disk' || (ownImageFs && !shortage.signal.startsWith('imagefs'))) return false;
    await this.options.manager.discardEnded();
    await this.options.collector.removeUnused();
    return (await this.observe()).short.length === 0;
  }

  private evict(pod: Pod, verdict: Verdict, annotations: Record<string, string>): void {
    const { recorder, log, manager } = this.options;
    recorder.event(pod, 'Warning', verdict.reason, verdict.message, { annotations });
    log('warn', 'pod evicted', { pod: podText(pod), message: verdict.message });
    this.leaving.add(namesOf(pod).uid);
    manager.end(namesOf(pod).uid, { why: 'evicted', graceSeconds: GRACE_SECONDS, verdict });
  }

  /** emptyDir size limits and ephemeral-storage limits of containers and pods. */
  private async storageLimits(all: readonly Pod[]): Promise<readonly Pod[]> {
    const limited = all.filter((pod) => hasStorageLimit(pod) && !this.leaving.has(namesOf(pod).uid));
    if (limited.length === 0) return [];
    const measured = await this.measured(limited);
    const evicted: Pod[] = [];
    for (const pod of limited) {
      const use = await storageOf(measured, pod);
      const message = use === undefined ? undefined : overStorageLimit(pod, use);
      if (message === undefined) continue;
      // The pod's own doing, and no disruption by the node.
      this.evict(pod, { reason: 'Evicted', message, ownLimit: true }, {});
      evicted.push(pod);
    }
    return evicted;
  }

  /** Until they are gone from the node, or have had their time: what they held is free only then. */
  private async gone(pods: readonly Pod[], signal: AbortSignal): Promise<void> {
    const { clock, manager } = this.options;
    const until = clock.now() + CLEANUP_MS;
    const left = (): boolean => pods.some((p) => manager.worker(namesOf(p).uid)?.isCleanedUp === false);
    do await clock.sleep(CLEANUP_LOOK_MS, signal);
    while (left() && clock.now() < until && !signal.aborted);
  }
}
