// Watches memory, disk and processes: tells the node's pressures, evicts pods, removes unused images, ends all at a shutdown.
// https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
import type { EventRecorder } from '../../client/index.ts';
import type { ImageService, PodSandboxStats, RuntimeService } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import { diskFacts } from '../../host/machine.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { KubeletConfig } from '../config.ts';
import { bytes } from '../container/resources.ts';
import { ImageCollector } from '../images/collector.ts';
import type { ImageManager } from '../images/manager.ts';
import { liveFacts } from '../node/facts.ts';
import type { LogSink } from '../options.ts';
import { namesOf, podText, specOf } from '../pod/identity.ts';
import type { Verdict } from '../status/compute.ts';
import type { PodManager } from '../worker/pod-manager.ts';
import type { RuntimeCache } from '../worker/runtime-cache.ts';
import { binary, evictionMessage, isCritical, type PodUse, ranked, type Starved } from './rank.ts';
import { hasStorageLimit, overStorageLimit, type StorageUse, storageUse } from './storage-use.ts';

export interface HousekeeperOptions {
  readonly clock: Clock;
  readonly config: KubeletConfig;
  readonly rootDir: string;
  readonly pidMax: () => number;
  readonly runtime: RuntimeService;
  readonly imageService: ImageService;
  readonly images: ImageManager;
  readonly manager: PodManager;
  readonly cache: RuntimeCache;
  readonly recorder: EventRecorder;
  readonly onConditions: () => void;
  readonly say: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
  readonly log: LogSink;
}

/** A pressure is taken back only when it was away for this long. */
const PRESSURE_HOLD_MS = 300_000;
const IMAGE_GC_MS = 300_000;

interface Shortage {
  readonly starved: Starved;
  readonly threshold: string;
  readonly available: string;
}

export class Housekeeper {
  private readonly seenAt = new Map<'memory' | 'disk' | 'pid', number>();
  private readonly collector: ImageCollector;
  private imagesAt = 0;

  constructor(private readonly options: HousekeeperOptions) {
    this.collector = new ImageCollector({
      clock: options.clock,
      config: options.config,
      images: options.imageService,
      inUse: () => this.inUse(),
      askedFor: options.images.lastUsed,
      disk: diskFacts,
      fallbackPath: options.rootDir,
      say: options.say,
      log: options.log,
    });
  }

  private holds(kind: 'memory' | 'disk' | 'pid'): boolean {
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
    while (!signal.aborted) {
      await this.options.clock.sleep(this.options.config.evictionLookMs, signal);
      if (signal.aborted) return;
      await this.look().catch((error: unknown) => this.options.log('warn', 'housekeeping', { error: String(error) }));
    }
  }

  async look(): Promise<void> {
    const shortage = await this.shortage();
    if (shortage !== undefined) await this.relieve(shortage);
    await this.storageLimits();
    const now = this.options.clock.now();
    if (now - this.imagesAt >= IMAGE_GC_MS) {
      this.imagesAt = now;
      await this.collector.collect();
    }
  }

  private async shortage(): Promise<Shortage | undefined> {
    const { evictionHard: hard } = this.options.config;
    const [live, disk] = await Promise.all([liveFacts(), diskFacts(this.options.rootDir)]);
    const pidMax = this.options.pidMax();
    const before = this.conditions.join();
    let found: Shortage | undefined;
    const short = (kind: 'memory' | 'disk' | 'pid', s: Shortage): void => {
      this.seenAt.set(kind, this.options.clock.now());
      found ??= s;
    };
    if (live.memoryAvailable < hard.memoryAvailable) {
      short('memory', {
        starved: 'memory',
        threshold: binary(hard.memoryAvailable),
        available: binary(live.memoryAvailable),
      });
    }
    const wanted = Math.floor(disk.totalBytes * hard.nodefsAvailable);
    if (disk.freeBytes < wanted) {
      short('disk', { starved: 'ephemeral-storage', threshold: String(wanted), available: binary(disk.freeBytes) });
    }
    const inodes = Math.floor(disk.inodes * hard.nodefsInodesFree);
    if (disk.inodes > 0 && disk.inodesFree < inodes) {
      short('disk', { starved: 'inodes', threshold: String(inodes), available: String(disk.inodesFree) });
    }
    const pids = Math.floor(pidMax * hard.pidAvailable);
    const free = pidMax - live.processes;
    if (free < pids) short('pid', { starved: 'pids', threshold: String(pids), available: String(free) });
    if (before !== this.conditions.join()) this.options.onConditions();
    return found;
  }

  /** Images first, where that can help; then one pod at a time. */
  private async relieve(shortage: Shortage): Promise<void> {
    const { starved } = shortage;
    this.options.say('Warning', 'EvictionThresholdMet', `Attempting to reclaim ${starved}`);
    if (starved === 'ephemeral-storage' || starved === 'inodes') {
      if ((await this.collector.removeUnused()) > 0 && (await this.shortage()) === undefined) return;
    }
    const [victim] = ranked(await this.uses(starved), starved);
    if (victim === undefined) return;
    const message = evictionMessage(victim, starved, shortage);
    this.evict(victim.pod, { reason: 'Evicted', message }, starved === 'memory' ? 1 : 0);
  }

  private evict(pod: Pod, verdict: Verdict, graceSeconds: number): void {
    this.options.recorder.event(pod, 'Warning', verdict.reason, verdict.message);
    this.options.log('warn', 'pod evicted', { pod: podText(pod), message: verdict.message });
    this.options.manager.end(namesOf(pod).uid, { why: 'evicted', graceSeconds, verdict });
  }

  private async uses(starved: Starved): Promise<PodUse[]> {
    const stats = await this.options.runtime.listPodSandboxStats();
    const byDisk = starved === 'ephemeral-storage' || starved === 'inodes';
    return Promise.all(
      this.options.manager.pods().map(async (pod): Promise<PodUse> => {
        const own = stats.find((s) => s.uid === namesOf(pod).uid);
        const disk = byDisk ? await this.storageOf(pod, own) : undefined;
        return {
          pod,
          memoryBytes: own?.memoryWorkingSetBytes ?? 0,
          diskBytes: disk?.total ?? 0,
          processes: own?.pids ?? 0,
          containers: (own?.containers ?? []).map((c) => {
            const requests = specOf(pod).containers.find((x) => x.name === c.name)?.resources?.requests;
            return {
              name: c.name,
              memoryBytes: c.memoryWorkingSetBytes,
              requestBytes: bytes(requests, 'memory'),
              diskBytes: disk?.containers.get(c.name) ?? 0,
              diskRequestBytes: bytes(requests, 'ephemeral-storage'),
            };
          }),
        };
      }),
    );
  }

  private async storageOf(pod: Pod, stats: PodSandboxStats | undefined): Promise<StorageUse | undefined> {
    const paths = this.options.manager.worker(namesOf(pod).uid)?.directory;
    if (paths === undefined) return undefined;
    const layers = new Map((stats?.containers ?? []).map((c) => [c.name, c.rootfsUsedBytes]));
    return storageUse({ pod, paths, layers });
  }

  /** emptyDir size limits and ephemeral-storage limits of containers and pods. */
  private async storageLimits(): Promise<void> {
    const limited = this.options.manager.pods().filter(hasStorageLimit);
    if (limited.length === 0) return;
    const stats = await this.options.runtime.listPodSandboxStats();
    for (const pod of limited) {
      const use = await this.storageOf(
        pod,
        stats.find((s) => s.uid === namesOf(pod).uid),
      );
      const message = use === undefined ? undefined : overStorageLimit(pod, use);
      // The pod's own doing, and no disruption by the node.
      if (message !== undefined) this.evict(pod, { reason: 'Evicted', message, ownLimit: true }, 1);
    }
  }

  private inUse(): Set<string> {
    const out = new Set<string>();
    for (const uid of this.options.cache.podUids) {
      for (const c of this.options.cache.observed(uid).containers) {
        out.add(c.imageId);
        out.add(c.imageRef);
        out.add(c.image);
        for (const mount of c.mounts) if (mount.image !== undefined) out.add(mount.image);
      }
    }
    return out;
  }

  /** Graceful node shutdown: ordinary pods first, critical ones in the time kept for them. https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/ */
  async shutdown(limitMs = Number.POSITIVE_INFINITY): Promise<void> {
    const { shutdownGraceSeconds, shutdownGraceCriticalSeconds } = this.options.config;
    const all = Math.min(shutdownGraceSeconds, Math.floor(limitMs / 1000));
    // Where the host gives less time, each gets its share of it.
    const critical = Math.floor((shutdownGraceCriticalSeconds * all) / Math.max(1, shutdownGraceSeconds));
    const pods = this.options.manager.pods();
    await this.endThese(
      pods.filter((p) => !isCritical(p)),
      Math.max(0, all - critical),
    );
    await this.endThese(pods.filter(isCritical), critical);
  }

  private async endThese(pods: readonly Pod[], seconds: number): Promise<void> {
    const { manager, clock } = this.options;
    for (const pod of pods) {
      const own = specOf(pod).terminationGracePeriodSeconds ?? 30;
      manager.end(namesOf(pod).uid, {
        why: 'evicted',
        graceSeconds: Math.min(own, seconds),
        verdict: { reason: 'Terminated', message: 'Pod was terminated in response to imminent node shutdown.' },
      });
    }
    const until = clock.now() + seconds * 1000 + 2_000;
    const left = (): boolean => pods.some((p) => manager.worker(namesOf(p).uid)?.isEnded === false);
    while (left() && clock.now() < until) await clock.sleep(20);
  }
}
