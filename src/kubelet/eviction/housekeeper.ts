// Watches memory, disk and processes: tells the node's pressures, evicts pods, removes unused images, ends all at a shutdown.
// https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
import type { EventRecorder } from '../../client/index.ts';
import type { ImageInfo, ImageService, RuntimeService } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import { diskFacts } from '../../host/machine.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { KubeletConfig } from '../config.ts';
import { bytes } from '../container/resources.ts';
import type { ImageManager } from '../images/manager.ts';
import { liveFacts } from '../node/facts.ts';
import type { LogSink } from '../options.ts';
import { appContainers, namesOf, specOf } from '../pod/identity.ts';
import type { PodManager } from '../worker/pod-manager.ts';
import type { RuntimeCache } from '../worker/runtime-cache.ts';
import { diskUse } from './disk-use.ts';
import { evictionMessage, isCritical, nameOf, type PodUse, ranked, type Starved } from './rank.ts';

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
const STORAGE_LOOK_MS = 60_000;

function mib(value: number): string {
  return value % 1024 ** 2 === 0 ? `${value / 1024 ** 2}Mi` : `${Math.floor(value / 1024)}Ki`;
}

interface Shortage {
  readonly starved: Starved;
  readonly threshold: string;
  readonly available: string;
}

export class Housekeeper {
  private readonly seenAt = new Map<'memory' | 'disk' | 'pid', number>();
  private readonly firstSeen = new Map<string, number>();
  private imagesAt = 0;
  private storageAt = 0;
  constructor(private readonly options: HousekeeperOptions) {}

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
    const now = this.options.clock.now();
    if (now - this.storageAt >= STORAGE_LOOK_MS) {
      this.storageAt = now;
      await this.storageLimits();
    }
    if (now - this.imagesAt >= IMAGE_GC_MS) {
      this.imagesAt = now;
      await this.collectImages();
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
        threshold: mib(hard.memoryAvailable),
        available: mib(live.memoryAvailable),
      });
    }
    const wanted = Math.floor(disk.totalBytes * hard.nodefsAvailable);
    if (disk.freeBytes < wanted) {
      short('disk', { starved: 'ephemeral-storage', threshold: String(wanted), available: mib(disk.freeBytes) });
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
      if ((await this.removeImages(Number.POSITIVE_INFINITY)) > 0 && (await this.shortage()) === undefined) return;
    }
    const [victim] = ranked(await this.uses(), starved);
    if (victim === undefined) return;
    const message = evictionMessage(victim, starved, shortage);
    this.evict(victim, message, starved === 'memory' ? 1 : 0);
  }

  private evict(victim: PodUse, message: string, graceSeconds: number): void {
    this.options.recorder.event(victim.pod, 'Warning', 'Evicted', message);
    this.options.log('warn', 'pod evicted', { pod: nameOf(victim), message });
    this.options.manager.end(namesOf(victim.pod).uid, {
      why: 'evicted',
      graceSeconds,
      verdict: { reason: 'Evicted', message },
    });
  }

  private async uses(): Promise<PodUse[]> {
    const stats = await this.options.runtime.listPodSandboxStats();
    return this.options.manager.pods().map((pod): PodUse => {
      const own = stats.find((s) => s.uid === namesOf(pod).uid);
      return {
        pod,
        memoryBytes: own?.memoryWorkingSetBytes ?? 0,
        diskBytes: (own?.containers ?? []).reduce((sum, c) => sum + c.rootfsUsedBytes, 0),
        processes: own?.pids ?? 0,
        containers: (own?.containers ?? []).map((c) => {
          const spec = specOf(pod).containers.find((x) => x.name === c.name);
          return {
            name: c.name,
            memoryBytes: c.memoryWorkingSetBytes,
            requestBytes: bytes(spec?.resources?.requests, 'memory'),
          };
        }),
      };
    });
  }

  /** emptyDir size limits and ephemeral-storage limits of containers and pods. */
  private async storageLimits(): Promise<void> {
    const uses = await this.uses();
    const stats = await this.options.runtime.listPodSandboxStats();
    for (const use of uses) {
      const message = (await this.overEmptyDir(use)) ?? this.overContainers(use, stats);
      if (message !== undefined) this.evict(use, message, 1);
    }
  }

  private async overEmptyDir(use: PodUse): Promise<string | undefined> {
    const paths = this.options.manager.worker(namesOf(use.pod).uid)?.directory;
    if (paths === undefined) return undefined;
    for (const volume of specOf(use.pod).volumes ?? []) {
      const limit = volume.emptyDir?.sizeLimit;
      if (limit === undefined || limit === '0' || volume.emptyDir?.medium === 'Memory') continue;
      const max = bytes({ limit }, 'limit');
      if ((await diskUse(paths.volume('empty-dir', volume.name), max)) > max) {
        return `Usage of EmptyDir volume "${volume.name}" exceeds the limit "${limit}". `;
      }
    }
    return undefined;
  }

  private overContainers(
    use: PodUse,
    stats: Awaited<ReturnType<RuntimeService['listPodSandboxStats']>>,
  ): string | undefined {
    const own = stats.find((s) => s.uid === namesOf(use.pod).uid);
    for (const { spec } of appContainers(use.pod)) {
      const limit = spec.resources?.limits?.['ephemeral-storage'];
      const c = own?.containers.find((x) => x.name === spec.name);
      if (limit === undefined || c === undefined) continue;
      if (c.rootfsUsedBytes > bytes({ limit }, 'limit')) {
        return `Container ${spec.name} exceeded its local ephemeral storage limit "${limit}". `;
      }
    }
    return undefined;
  }

  private inUse(): Set<string> {
    const out = new Set<string>();
    for (const uid of this.options.cache.podUids) {
      for (const c of this.options.cache.observed(uid).containers) {
        out.add(c.imageId);
        out.add(c.imageRef);
        out.add(c.image);
      }
    }
    return out;
  }

  private unused(all: readonly ImageInfo[]): ImageInfo[] {
    const now = this.options.clock.now();
    const used = this.inUse();
    const last = (i: ImageInfo): number => this.options.images.lastUsed.get(i.id) ?? this.firstSeen.get(i.id) ?? now;
    for (const image of all) if (!this.firstSeen.has(image.id)) this.firstSeen.set(image.id, now);
    return all
      .filter((i) => !i.pinned && ![i.id, ...i.repoTags, ...i.repoDigests].some((n) => used.has(n)))
      .filter((i) => now - (this.firstSeen.get(i.id) ?? now) >= this.options.config.imageMinimumAgeMs)
      .sort((a, b) => last(a) - last(b));
  }

  private async removeImages(wanted: number): Promise<number> {
    let freed = 0;
    for (const image of this.unused(await this.options.imageService.listImages())) {
      if (freed >= wanted) break;
      try {
        await this.options.imageService.removeImage(image.id);
        this.firstSeen.delete(image.id);
        freed += image.size;
      } catch (error) {
        this.options.log('warn', 'image could not be removed', { image: image.id, error: String(error) });
      }
    }
    return freed;
  }

  private async collectImages(): Promise<void> {
    const { imageGcHighPercent: high, imageGcLowPercent: low } = this.options.config;
    const info = await this.options.imageService.imageFsInfo();
    const disk = await diskFacts(info.mountpoint === '' ? this.options.rootDir : info.mountpoint);
    // Images that are never removed are looked at all the same, so that their age is known when it matters.
    this.unused(await this.options.imageService.listImages());
    const usage = 100 - Math.floor((disk.freeBytes * 100) / Math.max(1, disk.totalBytes));
    if (usage < high) return;
    const wanted = Math.ceil((disk.totalBytes * (100 - low)) / 100) - disk.freeBytes;
    const freed = await this.removeImages(wanted);
    if (freed >= wanted) return;
    const message = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
    this.options.say('Warning', 'FreeDiskSpaceFailed', message);
  }

  /** Graceful node shutdown: ordinary pods first, critical ones in the time kept for them. https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/ */
  async shutdown(): Promise<void> {
    const { shutdownGraceSeconds: all, shutdownGraceCriticalSeconds: critical } = this.options.config;
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
