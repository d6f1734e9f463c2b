// Pages of files that an ended group holds, and what is done about them.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fileBytes, releaseFilePages } from './cgroup-memory.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cgroup-memory-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function group(procs: string, stat: string): Promise<void> {
  await writeFile(join(root, 'cgroup.procs'), procs);
  await writeFile(join(root, 'memory.stat'), stat);
}
const written = (file: string) => readFile(join(root, file), 'utf8').catch(() => undefined);

it('counts pages of files without those of a tmpfs, in both versions', () => {
  expect(fileBytes('cache 12288\nrss 1\nshmem 4096\ntotal_cache 99999\n', 1)).toBe(8192);
  expect(fileBytes('anon 1\nfile 8192\nfile_mapped 5\nshmem 0\n', 2)).toBe(8192);
});

it('an empty group gives its few pages back', async () => {
  await group('', 'cache 8192\nshmem 0\n');
  await releaseFilePages({ version: 1, root }, '/');
  expect(await written('memory.force_empty')).toBe('0');
  await group('', 'file 8192\nshmem 4096\n');
  await releaseFilePages({ version: 2, root }, '/');
  expect(await written('memory.reclaim')).toBe('4096');
});

it('a group with processes, with nothing, or with much that the next reader wants, is left alone', async () => {
  for (const [procs, stat] of [
    ['17\n', 'cache 8192\nshmem 0\n'],
    ['', 'cache 4096\nshmem 4096\n'],
    ['', `cache ${64 << 20}\nshmem 0\n`],
  ] as const) {
    await group(procs, stat);
    await releaseFilePages({ version: 1, root }, '/');
    expect(await written('memory.force_empty')).toBeUndefined();
  }
});
