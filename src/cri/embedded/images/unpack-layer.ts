// Unpacks one layer into a directory of its own, ready to be a lower directory of overlayfs. Nothing is ever written outside of it.
// Source: https://github.com/opencontainers/image-spec/blob/main/layer.md
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, type FileHandle, lchown, link, lutimes, mkdir, open, rm, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createTarDecoder, type ParsedTarEntry, type TarHeader } from 'modern-tar';
import { RuntimeError } from '../../port.ts';
import { compressionOf, decompressor } from './decompress.ts';
import { LayerTree } from './layer-tree.ts';

/** What the unpacking needs of the host: pipes and extended attributes, which Node cannot make. */
export interface LayerHost {
  makeFifo(path: string): Promise<void>;
  setAttribute(path: string, name: string, value: Uint8Array): Promise<void>;
}

export interface UnpackRequest {
  /** The layer as it was downloaded: gzip, zstd or plain tar. */
  readonly file: string;
  /** An empty directory. */
  readonly into: string;
  /** Digest of the plain tar. */
  readonly diffId: string;
  /** A 0/0 character device on the same file system: hard links to it are whiteouts. */
  readonly whiteout: string;
  readonly host: LayerHost;
  readonly signal?: AbortSignal;
}

export interface UnpackedLayer {
  /** Directories that hide all that lower layers have below them. */
  readonly opaque: readonly string[];
  readonly bytes: number;
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
const XATTR = /^SCHILY\.xattr\.(security\.capability|user\..+)$/;

async function firstBytes(file: string): Promise<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Throws when the tar is broken, is not what its diffId says, or tries what no layer may. The caller removes `into` then. */
export async function unpackLayer(request: UnpackRequest): Promise<UnpackedLayer> {
  const hash = createHash('sha256');
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const inflate = decompressor(compressionOf(await firstBytes(request.file))) ?? new PassThrough();
  const fed = pipeline(createReadStream(request.file, { highWaterMark: 256 * 1024 }), inflate, counted, {
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  fed.catch(() => undefined); // Awaited below; until then an entry may be in hand, and a rejection nobody listens to ends the process.
  const writer = new LayerWriter(request);
  const entries = Readable.toWeb(counted).pipeThrough(
    createTarDecoder({ strict: true }) as unknown as ReadableWritablePair,
  );
  try {
    for await (const entry of entries as AsyncIterable<ParsedTarEntry>) await writer.take(entry);
    await fed;
  } catch (error) {
    await fed.catch(() => undefined);
    throw error instanceof RuntimeError
      ? error
      : new RuntimeError(
          'registry-unavailable',
          `failed to extract layer ${request.diffId}: ${(error as Error).message}`,
          error,
        );
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== request.diffId) {
    throw new RuntimeError(
      'registry-unavailable',
      `failed to extract layer: wrong diff id calculated on extraction ${JSON.stringify(found)}, expected ${JSON.stringify(request.diffId)}`,
    );
  }
  return writer.finish();
}

type ReadableWritablePair = Parameters<ReturnType<typeof Readable.toWeb>['pipeThrough']>[0];

class LayerWriter {
  private readonly tree = new LayerTree();
  private readonly opaque = new Set<string>();
  /** Times of directories, set at the end since entries change them. */
  private readonly directories = new Map<string, Date>();
  private bytes = 0;

  constructor(private readonly request: UnpackRequest) {}

  private full(path: string): string {
    return join(this.request.into, path);
  }

  async take(entry: ParsedTarEntry): Promise<void> {
    const { header } = entry;
    const { path, missing } = this.tree.resolveParent(header.name);
    for (const directory of missing) await mkdir(this.full(directory), { mode: 0o755 });
    const base = path.slice(path.lastIndexOf('/') + 1);
    if (base.startsWith(WHITEOUT)) {
      await entry.body.cancel();
      await this.whiteout(path, base);
      return;
    }
    if (path === '') {
      await entry.body.cancel();
      if (header.type === 'directory') await this.attributes(path, header);
      return;
    }
    await this.clear(path, header);
    await this.write(path, entry);
    this.tree.set(
      path,
      header.type === 'directory' ? 'directory' : header.type === 'symlink' ? { link: header.linkname ?? '' } : 'other',
    );
  }

  async finish(): Promise<UnpackedLayer> {
    for (const [path, mtime] of this.directories) await utimes(this.full(path), mtime, mtime);
    return { opaque: [...this.opaque], bytes: this.bytes };
  }

  private async whiteout(path: string, base: string): Promise<void> {
    const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
    if (base === OPAQUE) {
      this.opaque.add(parent);
      return;
    }
    const hidden = base.slice(WHITEOUT.length);
    if (hidden === '' || hidden === '.' || hidden === '..')
      throw new RuntimeError('internal', `a whiteout in the layer hides ${JSON.stringify(hidden)}`);
    const target = parent === '' ? hidden : `${parent}/${hidden}`;
    if (this.tree.at(target) !== undefined) return; // The layer brings the path itself.
    await link(this.request.whiteout, this.full(target));
    this.tree.set(target, 'other');
  }

  /** A later entry replaces an earlier one; only a directory may come twice. */
  private async clear(path: string, header: TarHeader): Promise<void> {
    const before = this.tree.at(path);
    if (before === undefined || (before === 'directory' && header.type === 'directory')) return;
    await rm(this.full(path), { recursive: true, force: true });
    this.tree.remove(path);
  }

  private async write(path: string, entry: ParsedTarEntry): Promise<void> {
    const { header } = entry;
    const full = this.full(path);
    if (header.type === 'file' || header.type === undefined) {
      await this.file(full, entry);
      return;
    }
    await entry.body.cancel();
    switch (header.type) {
      case 'directory':
        if (this.tree.at(path) !== 'directory') await mkdir(full);
        break;
      case 'symlink':
        await symlink(header.linkname ?? '', full);
        break;
      case 'link':
        await this.hardLink(full, header);
        return;
      case 'fifo':
        await this.request.host.makeFifo(full);
        break;
      // Devices are left out: a container's /dev is made fresh, and a 0/0 device would hide a file of a lower layer.
      default:
        return;
    }
    await this.attributes(path, header);
  }

  private async hardLink(full: string, header: TarHeader): Promise<void> {
    const target = this.tree.resolveTarget(header.linkname ?? '');
    const node = this.tree.at(target);
    if (node === undefined || node === 'directory') {
      throw new RuntimeError(
        'internal',
        `a hard link in the layer points to ${JSON.stringify(header.linkname)}, which is no file of it`,
      );
    }
    await link(this.full(target), full);
  }

  private async file(full: string, entry: ParsedTarEntry): Promise<void> {
    const { header } = entry;
    const handle = await open(full, 'wx', 0o600);
    try {
      for await (const chunk of entry.body as unknown as AsyncIterable<Uint8Array>) {
        await handle.writeFile(chunk);
        this.bytes += chunk.length;
      }
      await this.fileAttributes(handle, header);
    } finally {
      await handle.close();
    }
    await this.extended(full, header);
  }

  private async fileAttributes(handle: FileHandle, header: TarHeader): Promise<void> {
    await handle.chown(header.uid ?? 0, header.gid ?? 0);
    await handle.chmod((header.mode ?? 0o644) & 0o7777);
    const mtime = header.mtime ?? new Date(0);
    await handle.utimes(mtime, mtime);
  }

  private async attributes(path: string, header: TarHeader): Promise<void> {
    const full = this.full(path);
    await lchown(full, header.uid ?? 0, header.gid ?? 0);
    const mtime = header.mtime ?? new Date(0);
    if (header.type === 'symlink') {
      await lutimes(full, mtime, mtime);
      return;
    }
    await chmod(full, (header.mode ?? 0o755) & 0o7777);
    if (header.type === 'directory') this.directories.set(path, mtime);
    await this.extended(full, header);
  }

  private async extended(full: string, header: TarHeader): Promise<void> {
    for (const [key, value] of Object.entries(header.pax ?? {})) {
      const name = XATTR.exec(key)?.[1];
      // A value that was no text did not survive the reading of the header: better none than a wrong one.
      if (name !== undefined && !value.includes('\ufffd'))
        await this.request.host.setAttribute(full, name, Buffer.from(value, 'latin1'));
    }
  }
}
