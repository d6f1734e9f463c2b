// Simulated images: every well-formed name can be pulled unless a rule says otherwise; nothing is transferred.
import { createHash } from 'node:crypto';
import type { Clock } from '../../host/clock.ts';
import { imageReferenceText, invalidReferenceReason, parseImageReference } from '../../machinery/image-reference.ts';
import { type ImageInfo, type ImageService, type PullProgress, type RegistryAuth, RuntimeError } from '../port.ts';

export interface SimulatedImagesOptions {
  readonly clock: Clock;
  readonly pullMs?: number;
  /** Why an image cannot be pulled; undefined when it can. */
  readonly refuse?: (image: string) => RuntimeError | undefined;
}

const SIZE = 10_000_000;

function idOf(name: string): string {
  return `sha256:${createHash('sha256').update(name).digest('hex')}`;
}

export class SimulatedImages implements ImageService {
  readonly #options: SimulatedImagesOptions;
  readonly #images = new Map<string, ImageInfo>();

  constructor(options: SimulatedImagesOptions) {
    this.#options = options;
  }

  #name(image: string): string {
    const reference = parseImageReference(image);
    if (reference === undefined)
      throw new RuntimeError(
        'invalid-image-name',
        `failed to parse reference "${image}": ${invalidReferenceReason(image)}`,
      );
    return imageReferenceText(reference);
  }

  async imageStatus(image: string): Promise<ImageInfo | undefined> {
    for (const info of this.#images.values()) if (info.id === image) return info;
    return parseImageReference(image) === undefined ? undefined : this.#images.get(this.#name(image));
  }

  async listImages(): Promise<readonly ImageInfo[]> {
    return [...this.#images.values()];
  }

  async pullImage(
    image: string,
    _auth: RegistryAuth | undefined,
    onProgress?: (p: PullProgress) => void,
    signal?: AbortSignal,
  ): Promise<string> {
    const name = this.#name(image);
    const refusal = this.#options.refuse?.(image);
    if (refusal !== undefined) throw refusal;
    onProgress?.({ doneBytes: 0, totalBytes: SIZE });
    if (this.#options.pullMs !== undefined) await this.#options.clock.sleep(this.#options.pullMs, signal);
    if (signal?.aborted) throw new RuntimeError('registry-unavailable', `pulling ${image} was called off`);
    onProgress?.({ doneBytes: SIZE, totalBytes: SIZE });
    const id = idOf(name);
    const digest = `${name.split('@')[0]?.replace(/:[^:/]*$/, '') ?? name}@${id}`;
    this.#images.set(name, {
      id,
      repoTags: name.includes('@') ? [] : [name],
      repoDigests: [digest],
      size: SIZE,
      pinned: false,
    });
    return id;
  }

  async removeImage(image: string): Promise<void> {
    for (const [name, info] of this.#images)
      if (info.id === image || (parseImageReference(image) !== undefined && name === this.#name(image)))
        this.#images.delete(name);
  }

  async imageFsInfo(): Promise<{ usedBytes: number; inodesUsed: number; mountpoint: string }> {
    return { usedBytes: this.#images.size * SIZE, inodesUsed: this.#images.size, mountpoint: '/' };
  }
}
