// What was acknowledged is on the disk: after SIGKILL under load, after each flush, and on a disk that is full.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { put, write } from '../conformance/index.ts';
import { StoreWriteError } from '../port.ts';
import { openLmdbStore } from './open.ts';
import { bundleChild } from './testdata/bundle.ts';

const ROUNDS = 100;
let base: string;
let writer: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'minke-crash-'));
  writer = await bundleChild('writer', base);
});
afterAll(() => rm(base, { recursive: true, force: true }));

/** Runs a writer until some time after its first write, kills it, and returns the last word on each key: revision, negative for a deletion. */
async function writeAndKill(directory: string, afterMs: number): Promise<Map<string, number>> {
  const child: ChildProcess = spawn(process.execPath, [writer, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  let armed = false;
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (armed) return;
      armed = true;
      setTimeout(() => child.kill('SIGKILL'), afterMs);
    });
    child.once('close', (_code, signal) => {
      if (signal === 'SIGKILL') resolve();
      else reject(new Error('the writer ended by itself'));
    });
  });
  const last = new Map<string, number>();
  // The last line may be cut off by the kill: only whole lines count.
  for (const line of out.slice(0, out.lastIndexOf('\n')).split('\n')) {
    const [key = '', revision = ''] = line.split(' ');
    if (key.startsWith('/')) last.set(key, Number(revision));
  }
  return last;
}

/** Compares the store with the last word on each key, then notes what is there: a later compaction may forget how it came so. */
async function check(directory: string, acknowledged: Map<string, number>): Promise<void> {
  const store = await openLmdbStore({ directory });
  try {
    const lost: string[] = [];
    for (const [key, told] of acknowledged) {
      const value = await store.get(key);
      // A later write may have reached the disk without its writer hearing of it; an older one must not be what is left.
      const newer = value !== undefined && value.modRevision > Math.abs(told);
      const same = told > 0 ? value?.modRevision === told : value === undefined;
      if (told > 0 && value === undefined) {
        const events = await deletionsAfter(store, key, told);
        if (events === 0) lost.push(`${key}@${told}: gone`);
      } else if (!newer && !same) lost.push(`${key}@${told}: ${value?.modRevision}`);
      if (value === undefined) acknowledged.delete(key);
      else acknowledged.set(key, value.modRevision);
      if (value !== undefined) expect(JSON.parse(Buffer.from(value.value).toString()).revision).toBe(value.modRevision);
    }
    expect(lost).toEqual([]);
    const from = await store.compactedRevision();
    const revisions: number[] = [];
    await store.watch({
      prefix: '',
      afterRevision: from,
      onEvents: (batch) => revisions.push(...batch.map((e) => e.revision)),
    });
    expect(revisions).toEqual(Array.from({ length: (await store.revision()) - from }, (_, i) => from + 1 + i));
  } finally {
    await store.close();
  }
}

async function deletionsAfter(
  store: Awaited<ReturnType<typeof openLmdbStore>>,
  key: string,
  revision: number,
): Promise<number> {
  let count = 0;
  const after = Math.max(revision, await store.compactedRevision());
  await store.watch({
    prefix: key,
    afterRevision: after,
    onEvents: (batch) => {
      count += batch.filter((event) => event.type === 'delete' && event.current.key === key).length;
    },
  });
  return count;
}

describe('a store whose process is killed', () => {
  it(`has every acknowledged write after ${ROUNDS} rounds of SIGKILL under load`, async () => {
    const directory = join(base, 'kill');
    const acknowledged = new Map<string, number>();
    let writes = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const told = await writeAndKill(directory, 10 + Math.random() * 60);
      writes += told.size;
      for (const [key, revision] of told) acknowledged.set(key, revision);
      await check(directory, acknowledged);
    }
    expect(writes).toBeGreaterThan(ROUNDS);
  }, 600_000);
});

describe('durability', () => {
  const strace = spawnSync('strace', ['-V']).status === 0;
  it.skipIf(!strace)(
    'acknowledges only after fdatasync of the data and a synchronous write of the new root (skipped without strace)',
    () => {
      const trace = join(base, 'trace');
      const directory = join(base, 'traced');
      const program = join(base, 'three.mjs');
      const source = readFileSync(writer, 'utf8').replace(/tell\("ready", 0\);[\s\S]*$/, '');
      const body = `for (let i = 0; i < 3; i++) { await store.txn([{ kind: 'put', key: '/t/' + i, expected: 0, encode }]); tell('/t/' + i, i); }\nprocess.exit(0);\n`;
      writeFileSync(program, source + body);
      const calls = 'trace=openat,fdatasync,fsync,msync,pwrite64,pwritev,write';
      execFileSync('strace', ['-f', '-e', calls, '-o', trace, process.execPath, program, directory], { stdio: 'pipe' });
      const lines = readFileSync(trace, 'utf8').split('\n');
      const synchronous = new Set(
        lines.flatMap((line) => /openat\(.*data\.mdb".*O_DSYNC.*= (\d+)/.exec(line)?.[1] ?? []),
      );
      let flushed = false;
      let rooted = false;
      let acknowledged = 0;
      for (const line of lines) {
        if (/f(data)?sync\(\d+\)\s+= 0|f(data)?sync resumed.*= 0/.test(line)) flushed = true;
        const target = /pwrite64\((\d+),/.exec(line)?.[1];
        if (flushed && target !== undefined && synchronous.has(target)) rooted = true;
        if (!/write\(1, "\/t\//.test(line)) continue;
        expect({ line, flushed, rooted }).toEqual({ line, flushed: true, rooted: true });
        acknowledged++;
        flushed = false;
        rooted = false;
      }
      expect(acknowledged).toBe(3);
    },
  );
});

describe('a full disk', () => {
  const root = process.getuid?.() === 0 && spawnSync('mount', ['-V']).status === 0;
  const size = '4m';
  function mount(at: string): boolean {
    return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', at]).status === 0;
  }

  it.skipIf(!root)(
    'refuses writes, keeps all that was acknowledged, reads on, and writes again when there is room (skipped where nothing can be mounted)',
    async () => {
      const disk = await mkdtemp(join(tmpdir(), 'minke-full-'));
      if (!mount(disk)) {
        await rm(disk, { recursive: true });
        return;
      }
      try {
        const ballast = join(disk, 'ballast');
        writeFileSync(ballast, Buffer.alloc(1_000_000));
        const directory = join(disk, 'db');
        let store = await openLmdbStore({ directory });
        const acknowledged: string[] = [];
        let failure: unknown;
        for (let i = 0; failure === undefined && i < 1000; i++) {
          try {
            await write(store, put(`/k/${i}`, 0, 'x'.repeat(10_000)));
            acknowledged.push(`/k/${i}`);
          } catch (error) {
            failure = error;
          }
        }
        expect(failure).toBeInstanceOf(StoreWriteError);
        expect(acknowledged.length).toBeGreaterThan(50);
        await expect(write(store, put('/again', 0, 'x'.repeat(10_000)))).rejects.toThrow(StoreWriteError);
        const revision = await store.revision();
        expect((await store.list({ prefix: '/k/' })).items.map((i) => i.key).sort()).toEqual([...acknowledged].sort());
        expect(existsSync(ballast)).toBe(true);
        unlinkSync(ballast);
        expect(await write(store, put('/room', 0, 'x'.repeat(10_000)))).toBe(revision + 1);
        await store.close();
        store = await openLmdbStore({ directory });
        expect((await store.list({ prefix: '/' })).items.map((i) => i.key).sort()).toEqual(
          [...acknowledged, '/room'].sort(),
        );
        expect(await store.revision()).toBe(revision + 1);
        await store.close();
      } finally {
        spawnSync('umount', [disk]);
        await rm(disk, { recursive: true, force: true });
      }
    },
  );
});
