// Directories go with all that is in them, links are not followed, and what is mounted below one is never emptied.
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mount, unmount } from './mounts.ts';
import { removeTree } from './remove-tree.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'minke-remove-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('a tree goes, and what its links point to stays', async () => {
  const kept = join(dir, 'kept');
  const tree = join(dir, 'tree');
  await mkdir(join(tree, 'a', 'b', 'c'), { recursive: true });
  await mkdir(kept);
  await writeFile(join(kept, 'file'), 'still here');
  for (let i = 0; i < 50; i++) await writeFile(join(tree, 'a', 'b', `f${i}`), 'x');
  await symlink(kept, join(tree, 'a', 'link'));
  await symlink(join(kept, 'file'), join(tree, 'file'));
  await symlink('/no/such/place', join(tree, 'dangling'));
  await chmod(join(tree, 'a'), 0o000);
  await removeTree(tree);
  expect(await readdir(dir)).toEqual(['kept']);
  expect(await readFile(join(kept, 'file'), 'utf8')).toBe('still here');
});

test('a link itself goes, a file too, and what is not there is no error', async () => {
  await mkdir(join(dir, 'kept'));
  await symlink(join(dir, 'kept'), join(dir, 'link'));
  await writeFile(join(dir, 'file'), '');
  for (const name of ['link', 'file', 'never']) await removeTree(join(dir, name));
  expect(await readdir(dir)).toEqual(['kept']);
});

test('many at a time', async () => {
  const trees = Array.from({ length: 100 }, (_, i) => join(dir, String(i)));
  await Promise.all(trees.map((t) => mkdir(join(t, 'a'), { recursive: true })));
  await Promise.all(trees.map(removeTree));
  expect(await readdir(dir)).toEqual([]);
});

test.skipIf(process.getuid?.() !== 0)('what is mounted below is not touched, and named', async () => {
  const point = join(dir, 'tree', 'volume');
  await mkdir(point, { recursive: true });
  await mount({ type: 'tmpfs', source: 'tmpfs', target: point, options: ['size=64k'] });
  try {
    await writeFile(join(point, 'data'), 'precious');
    await expect(removeTree(join(dir, 'tree'))).rejects.toThrow(`something is mounted on ${point}`);
    expect(await readFile(join(point, 'data'), 'utf8')).toBe('precious');
  } finally {
    await unmount([point]);
  }
  await removeTree(join(dir, 'tree'));
  expect(existsSync(join(dir, 'tree'))).toBe(false);
});
