// Which images there are: names, configurations, layers. Kept in one file, written whole and atomically.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfExists, writeFileAtomic } from '../../../host/files.ts';
import type { OciImageConfig } from './oci.ts';

/** An image whose layers are all unpacked. */
export interface StoredImage {
  /** `sha256:…` of the configuration. */
  readonly id: string;
  /** `docker.io/library/nginx:latest` */
  readonly tags: readonly string[];
  /** `docker.io/library/nginx@sha256:…` */
  readonly digests: readonly string[];
  /** Bytes as pulled. */
  readonly size: number;
  readonly config: OciImageConfig;
  /** Chain ids, lowest first. */
  readonly chain: readonly string[];
  readonly pinned: boolean;
}

export class ImageCatalog {
  private readonly images = new Map<string, StoredImage>();
  private writing: Promise<void> = Promise.resolve();

  private constructor(private readonly file: string) {}

  static async open(directory: string): Promise<ImageCatalog> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const catalog = new ImageCatalog(join(directory, 'images.json'));
    const text = await readIfExists(catalog.file);
    if (text !== undefined) for (const image of JSON.parse(text) as StoredImage[]) catalog.images.set(image.id, image);
    return catalog;
  }

  all(): StoredImage[] {
    return [...this.images.values()];
  }

  byId(id: string): StoredImage | undefined {
    return this.images.get(id);
  }

  /** An id is found by any beginning of at least 12 digits that only one image has. */
  byIdPrefix(prefix: string): StoredImage | undefined {
    const wanted = prefix.startsWith('sha256:') ? prefix : `sha256:${prefix}`;
    const fits = this.all().filter((i) => i.id.startsWith(wanted));
    return fits.length === 1 ? fits[0] : undefined;
  }

  byTag(tag: string): StoredImage | undefined {
    return this.all().find((i) => i.tags.includes(tag));
  }

  byDigest(digest: string): StoredImage | undefined {
    return this.all().find((i) => i.digests.includes(digest));
  }

  /** Puts an image in, or adds its names to the one that is there; a tag leaves the image that had it. */
  async put(image: StoredImage): Promise<void> {
    const before = this.images.get(image.id);
    for (const other of this.all()) {
      if (other.id === image.id || !other.tags.some((t) => image.tags.includes(t))) continue;
      this.images.set(other.id, { ...other, tags: other.tags.filter((t) => !image.tags.includes(t)) });
    }
    const union = (a: readonly string[], b: readonly string[]) => [...new Set([...a, ...b])];
    this.images.set(image.id, {
      ...image,
      tags: union(before?.tags ?? [], image.tags),
      digests: union(before?.digests ?? [], image.digests),
      pinned: image.pinned || before?.pinned === true,
    });
    await this.save();
  }

  async remove(id: string): Promise<void> {
    if (this.images.delete(id)) await this.save();
  }

  async untag(id: string, tag: string): Promise<void> {
    const image = this.images.get(id);
    if (image === undefined) return;
    this.images.set(id, { ...image, tags: image.tags.filter((t) => t !== tag) });
    await this.save();
  }

  private save(): Promise<void> {
    this.writing = this.writing
      .catch(() => undefined)
      .then(() => writeFileAtomic(this.file, JSON.stringify(this.all())));
    return this.writing;
  }
}
