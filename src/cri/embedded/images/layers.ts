// Unpacked layers on the disk: one directory per chain of layers, shared by all images that have that chain.
// Source: https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid
import { createHash } from 'node:crypto';
import { link, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../../../host/files.ts';
import { cLibrary, SystemError } from '../../../host/native.ts';
import { runProgram } from '../../../host/programs.ts';
import { hexOf } from './oci.ts';
import { type LayerHost, type UnpackedLayer, unpackLayer } from './unpack-layer.ts';

/** The id of a layer with all below it. */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(
      below === undefined ? diffId : `sha256:${createHash('sha256').update(`${below} ${diffId}`).digest('hex')}`,
    );
  }
  return chain;
}

const layerHost: LayerHost = {
  async makeFifo(path) {
    const { fifo, koffi } = cLibrary();
    if (fifo(path, 0o666) !== 0) throw new SystemError(`mkfifo ${path}`, koffi.errno());
  },
  async setAttribute(path, name, value) {
    const { setAttribute, koffi } = cLibrary();
    const set = setAttribute(path, name, Buffer.from(value), value.length, 0);
    if (set !== 0) throw new SystemError(`set ${name} of ${path}`, koffi.errno());
  },
};

export interface LayerSource {
  readonly file: string;
  readonly diffId: string;
  readonly chainId: string;
  /** Chains below it, lowest first. */
  readonly below: readonly string[];
}

export class LayerStore {
  private readonly unpacking = new Map<string, Promise<void>>();

  private constructor(
    private readonly directory: string,
    private readonly whiteoutNode: string,
  ) {}

  static async open(directory: string): Promise<LayerStore> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const store = new LayerStore(directory, join(directory, '.whiteout'));
    for (const name of await readdir(directory)) {
      if (name.endsWith('.partial')) await rm(join(directory, name), { recursive: true, force: true });
    }
    return store;
  }

  /** The directory of a chain's topmost layer. Short, since many of them go into one mount option. */
  path(chainId: string): string {
    return join(this.directory, hexOf(chainId).slice(0, 24));
  }

  async has(chainId: string): Promise<boolean> {
    return lstat(this.path(chainId)).then(
      () => true,
      (error: unknown) => {
        if (isMissing(error)) return false;
        throw error;
      },
    );
  }

  /** Unpacks a layer beside its place and moves it there when it is whole. */
  async add(source: LayerSource, signal?: AbortSignal): Promise<void> {
    const { chainId } = source;
    // Two images that share layers may come at the same time.
    for (let other = this.unpacking.get(chainId); other !== undefined; other = this.unpacking.get(chainId))
      await other.catch(() => undefined);
    const mine = this.unpack(source, signal).finally(() => this.unpacking.delete(chainId));
    this.unpacking.set(chainId, mine);
    await mine;
  }

  private async unpack(source: LayerSource, signal?: AbortSignal): Promise<void> {
    if (await this.has(source.chainId)) return;
    const partial = `${this.path(source.chainId)}.partial`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { mode: 0o755 });
    try {
      const done = await unpackLayer({
        file: source.file,
        into: partial,
        diffId: source.diffId,
        whiteout: await this.whiteout(),
        host: layerHost,
        ...(signal === undefined ? {} : { signal }),
      });
      await this.hideBelow(partial, done, source.below);
      await rename(partial, this.path(source.chainId));
    } catch (error) {
      await rm(partial, { recursive: true, force: true });
      throw error;
    }
  }

  async remove(chainId: string): Promise<void> {
    await rm(this.path(chainId), { recursive: true, force: true });
  }

  /** Removes what no image has any more. */
  async keepOnly(chains: ReadonlySet<string>): Promise<void> {
    const keep = new Set([...chains].map((c) => this.path(c)));
    for (const name of await readdir(this.directory)) {
      const path = join(this.directory, name);
      if (!keep.has(path) && path !== this.whiteoutNode) await rm(path, { recursive: true, force: true });
    }
  }

  private async whiteout(): Promise<string> {
    const there = await lstat(this.whiteoutNode).catch(() => undefined);
    if (there === undefined) await runProgram('mknod', [this.whiteoutNode, 'c', '0', '0']);
    return this.whiteoutNode;
  }

  /** An opaque directory hides its lower namesakes: a whiteout for each name below that the layer does not bring itself. */
  private async hideBelow(root: string, layer: UnpackedLayer, below: readonly string[]): Promise<void> {
    for (const directory of layer.opaque) await this.hideDirectory(root, directory, below);
  }

  private async hideDirectory(root: string, directory: string, below: readonly string[]): Promise<void> {
    const own = new Map((await readdir(join(root, directory), { withFileTypes: true })).map((e) => [e.name, e]));
    const lower = new Set<string>();
    for (const chain of below) {
      const entries = await readdir(join(this.path(chain), directory), { withFileTypes: true }).catch(() => []);
      for (const entry of entries) lower.add(entry.name);
    }
    for (const name of lower) {
      const mine = own.get(name);
      if (mine === undefined) await link(await this.whiteout(), join(root, directory, name));
      else if (mine.isDirectory()) await this.hideDirectory(root, join(directory, name), below);
    }
  }
}
