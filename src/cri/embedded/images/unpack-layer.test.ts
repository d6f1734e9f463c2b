// A layer that is given up while one of its entries is being made.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packTar, type TarEntry } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type UnpackRequest, unpackLayer } from './unpack-layer.ts';

/** Dawdles over a pipe: what feeds the layer fails while that entry is in hand. */
const host: UnpackRequest['host'] = {
  makeFifo: () => new Promise((resolve) => setTimeout(resolve, 200)),
  setAttribute: () => Promise.resolve(),
};

describe('a layer', () => {
  let directory: string;
  let request: UnpackRequest;
  const rejections: unknown[] = [];
  const listen = (reason: unknown) => rejections.push(reason);

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'minke-unpack-'));
    const body = randomBytes(4 << 20);
    const entries: TarEntry[] = [
      { header: { name: 'pipe', size: 0, type: 'fifo' } },
      ...['a', 'b', 'c'].map((name) => ({ header: { name, size: body.length, type: 'file' as const }, body })),
    ];
    const file = join(directory, 'layer.tar.gz');
    writeFileSync(file, gzipSync(await packTar(entries), { level: 1 }));
    const into = join(directory, 'into');
    mkdirSync(into);
    request = { file, into, diffId: 'sha256:0', whiteout: join(directory, 'none'), host };
    rejections.length = 0;
    process.on('unhandledRejection', listen);
  });
  afterEach(() => {
    process.off('unhandledRejection', listen);
    rmSync(directory, { recursive: true, force: true });
  });

  it('that is given up half way rejects once, and leaves no rejection behind', async () => {
    const abort = new AbortController();
    const done = unpackLayer({ ...request, signal: abort.signal });
    setTimeout(() => abort.abort(), 30);
    await expect(done).rejects.toThrow('failed to extract layer');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(rejections).toEqual([]);
  });
});
