// One process per data directory: a name in the kernel's socket space, which the kernel itself frees when the process dies.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';

export class StoreLockedError extends Error {
  constructor(
    readonly directory: string,
    readonly owner: number | undefined,
  ) {
    super(`the data in ${directory} is in use by ${owner === undefined ? 'another process' : `process ${owner}`}`);
    this.name = 'StoreLockedError';
  }
}

/** Resolves with the function that gives the lock back. The name is made of device and inode: no path leads around it. */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const { dev, ino } = statSync(directory, { bigint: true });
  const server = createServer((socket) => socket.destroy());
  try {
    await listen(server, `\0minke-store-${dev}-${ino}`);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')
      throw new StoreLockedError(directory, ownerOf(directory));
    throw error;
  }
  server.unref();
  try {
    // Only for the message that the other process shows; a full disk must not keep the store from opening.
    writeFileSync(join(directory, 'owner.pid'), `${process.pid}\n`);
  } catch {}
  return () => new Promise((resolve) => server.close(() => resolve()));
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function ownerOf(directory: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(directory, 'owner.pid'), 'utf8'), 10);
    return Number.isNaN(pid) ? undefined : pid;
  } catch {
    return undefined;
  }
}
