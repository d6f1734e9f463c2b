// The image service of the embedded runtime: names, pulls, imports, removal.
import { mkdir, mkdtemp, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../host/clock.ts';
import {
  type ImageReference,
  imageNameOf,
  imageReferenceText,
  invalidReferenceReason,
  parseImageReference,
} from '../../../machinery/image-reference.ts';
import { type ImageInfo, type ImageService, type PullProgress, type RegistryAuth, RuntimeError } from '../../port.ts';
import { type ArchivedImage, readArchive } from './archive.ts';
import { BlobStore } from './blobs.ts';
import { ImageCatalog, type StoredImage } from './catalog.ts';
import { chainIds, LayerStore } from './layers.ts';
import type { OciImageConfig } from './oci.ts';
import { pull } from './pull.ts';

export interface OpenedImage {
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly config: OciImageConfig;
  /** Unpacked directories, lowest first, ready to be lower directories of overlayfs. */
  readonly layers: readonly string[];
}

export interface ImageStore extends ImageService {
  /** Returns the names that the archive brought; `name` is used when it names nothing. */
  importArchive(path: string, name?: string): Promise<string[]>;
  /** undefined when there is no such image. */
  open(image: string): Promise<OpenedImage | undefined>;
}

export interface ImageStoreOptions {
  readonly directory: string;
  /** registries.yaml; read at each pull. */
  readonly registriesFile?: string;
  /** A registry that has mirrors is never asked itself. */
  readonly onlyMirrors?: boolean;
  /** A registry that says nothing for so long is given up; 30 s unless given. */
  readonly idleMs?: number;
  readonly clock: Clock;
}

const IDLE_MS = 30_000;

/** What an image runs as, by the `User` of its configuration: a number, else a name. */
function userOf(config: OciImageConfig): Pick<ImageInfo, 'uid' | 'username'> {
  const user = (config.User ?? '').split(':')[0] ?? '';
  if (user === '') return {};
  return /^\d+$/.test(user) ? { uid: Number(user) } : { username: user };
}

function infoOf(image: StoredImage): ImageInfo {
  return {
    id: image.id,
    repoTags: image.tags,
    repoDigests: image.digests,
    size: image.size,
    pinned: image.pinned,
    ...userOf(image.config),
  };
}

class EmbeddedImageStore implements ImageStore {
  private readonly pulling = new Map<string, Promise<string>>();

  constructor(
    private readonly options: ImageStoreOptions,
    private readonly catalog: ImageCatalog,
    private readonly layers: LayerStore,
    private readonly blobs: BlobStore,
  ) {}

  private find(image: string): StoredImage | undefined {
    if (image.startsWith('sha256:') || /^[0-9a-f]{12,64}$/.test(image)) {
      const found = this.catalog.byIdPrefix(image);
      if (found !== undefined) return found;
    }
    const reference = parseImageReference(image);
    if (reference === undefined) return undefined;
    const text = imageReferenceText(reference);
    return reference.digest === undefined ? this.catalog.byTag(text) : this.catalog.byDigest(text);
  }

  async imageStatus(image: string): Promise<ImageInfo | undefined> {
    const found = this.find(image);
    return found === undefined ? undefined : infoOf(found);
  }

  async listImages(): Promise<readonly ImageInfo[]> {
    return this.catalog.all().map(infoOf);
  }

  async open(image: string): Promise<OpenedImage | undefined> {
    const found = this.find(image);
    if (found === undefined) return undefined;
    return {
      id: found.id,
      repoTags: found.tags,
      repoDigests: found.digests,
      config: found.config,
      layers: found.chain.map((c) => this.layers.path(c)),
    };
  }

  /** Pulls of the same image by the same credentials at the same time are one pull. */
  pullImage(
    image: string,
    auth: RegistryAuth | undefined,
    onProgress?: (p: PullProgress) => void,
    signal?: AbortSignal,
  ): Promise<string> {
    const reference = parseImageReference(image);
    if (reference === undefined) {
      return Promise.reject(
        new RuntimeError(
          'invalid-image-name',
          `failed to parse image name "${image}": ${invalidReferenceReason(image)}`,
        ),
      );
    }
    const key = `${imageReferenceText(reference)} ${JSON.stringify(auth ?? null)}`;
    const running = this.pulling.get(key);
    if (running !== undefined) return running;
    const begun = this.pullOnce(reference, {
      auth,
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(signal === undefined ? {} : { signal }),
    }).finally(() => this.pulling.delete(key));
    this.pulling.set(key, begun);
    return begun;
  }

  private async pullOnce(reference: ImageReference, options: Parameters<typeof pull>[2]): Promise<string> {
    const tools = {
      blobs: this.blobs,
      layers: this.layers,
      patience: { clock: this.options.clock, idleMs: this.options.idleMs ?? IDLE_MS },
      registriesFile: this.options.registriesFile,
      onlyMirrors: this.options.onlyMirrors === true,
    };
    const image = await pull(reference, tools, options);
    await this.catalog.put(image);
    return image.id;
  }

  async importArchive(path: string, name?: string): Promise<string[]> {
    const work = await mkdtemp(join(this.options.directory, 'import-'));
    try {
      const names: string[] = [];
      for (const image of await readArchive(path, work)) names.push(...(await this.importOne(image, name)));
      return names;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  private async importOne(image: ArchivedImage, fallback: string | undefined): Promise<string[]> {
    const given = image.names.length > 0 || fallback === undefined ? image.names : [fallback];
    const references = given.map((text) => {
      const reference = parseImageReference(text);
      if (reference === undefined)
        throw new RuntimeError('invalid-image-name', `${JSON.stringify(text)}: ${invalidReferenceReason(text)}`);
      return reference;
    });
    const diffIds = image.config.rootfs.diff_ids;
    if (diffIds.length !== image.layers.length)
      throw new RuntimeError('internal', 'the archive has another number of layers than its configuration');
    const chain = chainIds(diffIds);
    let size = 0;
    for (const [i, file] of image.layers.entries()) {
      size += (await stat(file)).size;
      await this.layers.add({ file, diffId: diffIds[i] ?? '', chainId: chain[i] ?? '', below: chain.slice(0, i) });
    }
    const tags = references.filter((r) => r.digest === undefined).map(imageReferenceText);
    const digests =
      image.manifestDigest === undefined ? [] : references.map((r) => `${imageNameOf(r)}@${image.manifestDigest}`);
    await this.catalog.put({
      id: image.id,
      tags,
      digests,
      size,
      config: image.config.config ?? {},
      chain,
      pinned: false,
    });
    return tags.length > 0 ? tags : [image.id];
  }

  /** By id it removes the image, by name the name, and the image with its last name. */
  async removeImage(image: string): Promise<void> {
    const found = this.find(image);
    if (found === undefined) return;
    const reference = parseImageReference(image);
    const tag = reference === undefined ? '' : imageReferenceText(reference);
    if (found.tags.includes(tag) && found.tags.length > 1) {
      await this.catalog.untag(found.id, tag);
      return;
    }
    await this.catalog.remove(found.id);
    const used = new Set(this.catalog.all().flatMap((i) => i.chain));
    for (const chain of found.chain) if (!used.has(chain)) await this.layers.remove(chain);
  }

  async imageFsInfo(): Promise<{ usedBytes: number; inodesUsed: number; mountpoint: string }> {
    const fs = await statfs(this.options.directory);
    return {
      usedBytes: this.catalog.all().reduce((n, i) => n + i.size, 0),
      inodesUsed: fs.files - fs.ffree,
      mountpoint: this.options.directory,
    };
  }
}

export async function openImageStore(options: ImageStoreOptions): Promise<ImageStore> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const catalog = await ImageCatalog.open(options.directory);
  const layers = await LayerStore.open(join(options.directory, 'l'));
  const blobs = await BlobStore.open(join(options.directory, 'blobs'), options.clock);
  await layers.keepOnly(new Set(catalog.all().flatMap((i) => i.chain)));
  return new EmbeddedImageStore(options, catalog, layers, blobs);
}
