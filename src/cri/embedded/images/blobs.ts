// Blobs on their way into the store: downloaded to a file, resumed where the transfer broke, verified before anything uses them.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../host/clock.ts';
import { RuntimeError } from '../../port.ts';
import { type Descriptor, hexOf } from './oci.ts';
import type { RegistryClient } from './registry-client.ts';

const MAX_RESUMES = 5;

export class BlobStore {
  /** Fetches and removals under way, by digest: images that are pulled at the same time may share blobs. */
  private readonly busy = new Map<string, Promise<string | undefined>>();
  /** How many use each blob. */
  private readonly users = new Map<string, number>();

  private constructor(
    private readonly directory: string,
    private readonly clock: Clock,
  ) {}

  static async open(directory: string, clock: Clock): Promise<BlobStore> {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new BlobStore(directory, clock);
  }

  path(digest: string): string {
    return join(this.directory, hexOf(digest));
  }

  /** To be called once after each `fetch`. */
  async remove(digest: string): Promise<void> {
    const left = (this.users.get(digest) ?? 1) - 1;
    if (left > 0) {
      this.users.set(digest, left);
      return;
    }
    this.users.delete(digest);
    const gone = rm(this.path(digest), { force: true }).then(() => undefined);
    await this.during(digest, gone);
  }

  private during<T extends string | undefined>(digest: string, work: Promise<T>): Promise<T> {
    const all = work.finally(() => this.busy.delete(digest));
    this.busy.set(digest, all);
    return all;
  }

  /** Fetches a blob; `onBytes` hears of every piece. Throws when it never comes whole or is not what its digest says. */
  async fetch(client: RegistryClient, descriptor: Descriptor, onBytes: (count: number) => void): Promise<string> {
    const { digest } = descriptor;
    let found: string | undefined;
    // Another's fetch may be given up, or not be allowed: then this one asks for itself.
    for (let other = this.busy.get(digest); other !== undefined && found === undefined; other = this.busy.get(digest))
      found = await other.catch(() => undefined);
    if (found === undefined) found = await this.during(digest, this.fetchAlone(client, descriptor, onBytes));
    this.users.set(digest, (this.users.get(digest) ?? 0) + 1);
    return found;
  }

  private async fetchAlone(
    client: RegistryClient,
    descriptor: Descriptor,
    onBytes: (count: number) => void,
  ): Promise<string> {
    const path = this.path(descriptor.digest);
    if (
      await stat(path).then(
        () => true,
        () => false,
      )
    )
      return path;
    const partial = `${path}.partial`;
    const file = await open(partial, 'w+', 0o600);
    try {
      await this.download(client, descriptor, { file, partial, onBytes });
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    await rename(partial, path);
    return path;
  }

  private async download(
    client: RegistryClient,
    descriptor: Descriptor,
    to: { file: FileHandle; partial: string; onBytes: (n: number) => void },
  ): Promise<void> {
    let hash = createHash('sha256');
    let done = 0;
    for (let attempt = 0; ; attempt++) {
      try {
        const { body, partial } = await client.blob(descriptor.digest, done);
        if (done > 0 && !partial) {
          hash = createHash('sha256');
          done = 0;
        }
        for await (const chunk of body) {
          const bytes = chunk as Buffer;
          if (done + bytes.length > descriptor.size)
            throw new RuntimeError(
              'registry-unavailable',
              `the registry sent more than the ${descriptor.size} bytes of ${descriptor.digest}`,
            );
          await to.file.write(bytes, 0, bytes.length, done);
          hash.update(bytes);
          done += bytes.length;
          to.onBytes(bytes.length);
        }
        if (done === descriptor.size) break;
        throw new Error(`the transfer of ${descriptor.digest} ended after ${done} of ${descriptor.size} bytes`);
      } catch (error) {
        if (error instanceof RuntimeError || isDiskError(error) || attempt >= MAX_RESUMES) {
          throw error instanceof RuntimeError
            ? error
            : new RuntimeError('registry-unavailable', `failed to copy: ${(error as Error).message}`, error);
        }
        await this.clock.sleep(100 * 2 ** attempt);
      }
    }
    const found = `sha256:${hash.digest('hex')}`;
    if (found !== descriptor.digest) {
      throw new RuntimeError(
        'registry-unavailable',
        `failed commit on ref "layer-${descriptor.digest}": unexpected commit digest ${found}, expected ${descriptor.digest}: failed precondition`,
      );
    }
  }
}

function isDiskError(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EIO' || code === 'EROFS';
}

/** Digest of a file. */
export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}
