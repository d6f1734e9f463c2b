// Removes images that no container uses when the disk fills, those longest unused first.
// https://kubernetes.io/docs/concepts/architecture/garbage-collection/#container-image-garbage-collection
import type { ImageInfo, ImageService } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import type { KubeletConfig } from '../config.ts';
import type { LogSink } from '../options.ts';

export interface CollectorOptions {
  readonly clock: Clock;
  readonly config: Pick<
    KubeletConfig,
    'imageGcHighPercent' | 'imageGcLowPercent' | 'imageMinimumAgeMs' | 'imageMaximumAgeMs'
  >;
  readonly images: ImageService;
  /** Ids and names of the images of all containers that exist, run or not, and of image volumes. */
  readonly inUse: () => ReadonlySet<string>;
  /** When an image was last asked for by a pod that may not have a container yet. */
  readonly askedFor: ReadonlyMap<string, number>;
  readonly disk: (path: string) => Promise<{ readonly totalBytes: number; readonly freeBytes: number }>;
  /** Where images lie when the runtime does not say. */
  readonly fallbackPath: string;
  readonly say: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
  readonly log: LogSink;
}

interface Seen {
  readonly first: number;
  /** 0: never used while this kubelet looked. */
  used: number;
}

export class ImageCollector {
  private readonly seen = new Map<string, Seen>();
  private beganAt: number | undefined;
  private failed = false;

  constructor(private readonly options: CollectorOptions) {}

  /** All images with what is known of their use. */
  private async look(now: number): Promise<readonly ImageInfo[]> {
    const all = await this.options.images.listImages();
    const used = this.options.inUse();
    this.beganAt ??= now;
    const ids = new Set(all.map((image) => image.id));
    for (const id of this.seen.keys()) if (!ids.has(id)) this.seen.delete(id);
    for (const image of all) {
      const known = this.seen.get(image.id) ?? { first: now, used: 0 };
      const names = [image.id, ...image.repoTags, ...image.repoDigests];
      if (names.some((name) => used.has(name))) known.used = now;
      this.seen.set(image.id, known);
    }
    return all;
  }

  /** What may go: old enough, neither used nor wanted just now; the longest unused first. */
  private eligible(all: readonly ImageInfo[], now: number): ImageInfo[] {
    const { imageMinimumAgeMs: age } = this.options.config;
    const of = (image: ImageInfo): Seen => this.seen.get(image.id) ?? { first: now, used: now };
    return all
      .filter((image) => !image.pinned && of(image).used < now && now - of(image).first >= age)
      .filter((image) => now - (this.options.askedFor.get(image.id) ?? Number.NEGATIVE_INFINITY) >= age)
      .sort((a, b) => of(a).used - of(b).used || of(a).first - of(b).first);
  }

  private async remove(images: readonly ImageInfo[], wanted: number): Promise<number> {
    let freed = 0;
    for (const image of images) {
      if (freed >= wanted) break;
      try {
        await this.options.images.removeImage(image.id);
        this.seen.delete(image.id);
        freed += image.size;
      } catch (error) {
        this.options.log('warn', 'image could not be removed', { image: image.id, error: String(error) });
      }
    }
    return freed;
  }

  /** Under disk pressure everything unused goes. Returns the bytes freed. */
  async removeUnused(): Promise<number> {
    const now = this.options.clock.now();
    return this.remove(this.eligible(await this.look(now), now), Number.POSITIVE_INFINITY);
  }

  private async removeOld(all: readonly ImageInfo[], now: number): Promise<void> {
    const { imageMaximumAgeMs: most } = this.options.config;
    // A kubelet that just began does not know when images were used before.
    if (most <= 0 || now - (this.beganAt ?? now) < most) return;
    const old = this.eligible(all, now).filter((image) => now - (this.seen.get(image.id)?.used ?? now) > most);
    await this.remove(old, Number.POSITIVE_INFINITY);
  }

  async collect(): Promise<void> {
    const { clock, images, config, disk, fallbackPath } = this.options;
    const now = clock.now();
    await this.removeOld(await this.look(now), now);
    const { mountpoint } = await images.imageFsInfo();
    const { totalBytes, freeBytes } = await disk(mountpoint === '' ? fallbackPath : mountpoint);
    const usage = 100 - Math.floor((freeBytes * 100) / Math.max(1, totalBytes));
    if (usage < config.imageGcHighPercent) {
      this.failed = false;
      return;
    }
    const wanted = Math.floor((totalBytes * (100 - config.imageGcLowPercent)) / 100) - freeBytes;
    const freed = await this.remove(this.eligible(await this.look(now), now), wanted);
    if (freed < wanted) this.complain(wanted, freed);
    else this.failed = false;
  }

  private complain(wanted: number, freed: number): void {
    const message = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
    this.options.say('Warning', 'FreeDiskSpaceFailed', message);
    // One failure may pass; a second in a row is worth an event of its own.
    if (this.failed) this.options.say('Warning', 'ImageGCFailed', message);
    this.failed = true;
  }
}
