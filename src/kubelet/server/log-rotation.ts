// Keeps container logs from growing without end. https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation
import { createWriteStream } from 'node:fs';
import { lstat, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { ContainerStatus, RuntimeService } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import type { LogSink } from '../options.ts';
import type { RuntimeCache } from '../worker/runtime-cache.ts';
import { openLog } from './log-file.ts';

export interface RotationOptions {
  readonly runtime: RuntimeService;
  readonly cache: RuntimeCache;
  readonly clock: Clock;
  readonly maxSize: number;
  readonly maxFiles: number;
  readonly log: LogSink;
}

const LOOK_MS = 10_000;

function stamp(now: number): string {
  return new Date(now).toISOString().slice(0, 19).replaceAll('-', '').replace('T', '-').replaceAll(':', '');
}

export class LogRotation {
  constructor(private readonly options: RotationOptions) {}

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.options.clock.sleep(LOOK_MS, signal);
      if (signal.aborted) return;
      await this.look();
    }
  }

  async look(): Promise<void> {
    const { cache, log } = this.options;
    for (const uid of cache.podUids) {
      for (const status of cache.observed(uid).containers) {
        if (status.state !== 'running') continue;
        await this.one(status).catch((error: unknown) => {
          log('warn', 'log could not be rotated', { container: status.name, error: String(error) });
        });
      }
    }
  }

  private async one(status: ContainerStatus): Promise<void> {
    const info = await lstat(status.logPath).catch(() => undefined);
    if (info === undefined || info.size < this.options.maxSize) return;
    await this.tidy(status.logPath);
    const rotated = `${status.logPath}.${stamp(this.options.clock.now())}`;
    await rename(status.logPath, rotated);
    try {
      await this.options.runtime.reopenContainerLog(status.id);
    } catch (error) {
      await rename(rotated, status.logPath).catch(() => undefined);
      throw error;
    }
  }

  /** The newest rotated file stays plain for readers that are still in it; older ones are packed, the oldest removed. */
  private async tidy(file: string): Promise<void> {
    const dir = path.dirname(file);
    const base = `${path.basename(file)}.`;
    const names = (await readdir(dir)).filter((n) => n.startsWith(base)).sort();
    const half = names.filter((n) => n.endsWith('.tmp'));
    for (const name of half) await rm(path.join(dir, name), { force: true });
    const old = names.filter((n) => !n.endsWith('.tmp'));
    // Beside these stand the file just rotated and the one being written.
    while (old.length > this.options.maxFiles - 2) {
      const name = old.shift();
      if (name !== undefined) await rm(path.join(dir, name), { force: true });
    }
    for (const name of old) if (!name.endsWith('.gz')) await this.pack(path.join(dir, name));
  }

  private async pack(file: string): Promise<void> {
    const temporary = `${file}.tmp`;
    const plain = await openLog(file);
    await pipeline(plain.createReadStream(), createGzip(), createWriteStream(temporary, { flags: 'wx' }));
    await rename(temporary, `${file}.gz`);
    await rm(file, { force: true });
  }
}
