// Programs with their limits, paths that stay in their root, mount tables, and the process that starts programs.
import { constants } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from './clock.ts';
import { joinBelow, openInRoot, resolveInRoot, writeFileAtomic } from './files.ts';
import { mountOf, parseMountInfo } from './mounts.ts';
import { Pool } from './pool.ts';
import { ProgramError, runProgram } from './programs.ts';
import { SpawnHelper } from './spawn-helper.ts';
import { watchDirectory } from './watch.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'minke-host-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const helper = new SpawnHelper(async () => undefined);
beforeAll(() => helper.start());
afterAll(() => helper.close());

for (const [name, run] of [
  ['directly', runProgram],
  ['through the helper', helper.run],
] as const) {
  test(`a program ${name}: input, output, exit code`, async () => {
    expect((await run('cat', [], { stdin: 'héllo' })).stdout.toString()).toBe('héllo');
    expect(await run('false', [], { allowFailure: true })).toMatchObject({ exitCode: 1 });
    await expect(run('ls', ['/no/such/place'])).rejects.toThrow(/ls \/no\/such\/place: exit code 2: .*No such file/);
  });

  test(`a program ${name} that is missing, hangs or says too much`, async () => {
    expect((await run('sh', ['-c', 'sleep 0.1; echo late'], { timeoutMs: 2 ** 32 })).stdout.toString()).toBe('late\n');
    await expect(run('no-such-program', [])).rejects.toMatchObject({ reason: 'missing' });
    const begun = Date.now();
    await expect(run('sleep', ['100'], { timeoutMs: 100 })).rejects.toMatchObject({ reason: 'timeout' });
    expect(Date.now() - begun).toBeLessThan(25_000);
    const capped = await run('head', ['-c', '100000', '/dev/zero'], { outputCap: 10 });
    expect(capped.stdout).toHaveLength(10);
  });

  test(`a program ${name} whose child keeps its output open is not waited for when told so`, async () => {
    const begun = Date.now();
    const { stdout } = await run('sh', ['-c', 'sleep 20 & echo said'], { drainMs: 50 });
    expect(stdout.toString()).toBe('said\n');
    expect(Date.now() - begun).toBeLessThan(15_000);
  });

  test(`a program ${name} that is silent for long and speaks right before its end is heard`, async () => {
    const spoken = Array.from({ length: 8 }, () => run('sh', ['-c', 'sleep 0.3; echo late'], { drainMs: 100 }));
    for (const { stdout } of await Promise.all(spoken)) expect(stdout.toString()).toBe('late\n');
  });

  test(`a program ${name} that is called off`, async () => {
    const abort = new AbortController();
    const running = run('sleep', ['100'], { signal: abort.signal });
    setTimeout(() => abort.abort(), 50);
    await expect(running).rejects.toBeInstanceOf(ProgramError);
  });
}

test('the helper carries as much output as it may, on both streams', async () => {
  const line = 'head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2';
  const { stdout, stderr } = await helper.run('sh', ['-c', line]);
  expect([stdout.length, stderr.length]).toEqual([16 * 1024 * 1024, 16 * 1024 * 1024]);
});

test('a helper that was killed is replaced, and what it had begun fails', async () => {
  const mortal: number[] = [];
  const other = new SpawnHelper(async (pid) => {
    mortal.push(pid);
  });
  await other.start();
  const begun = other.run('sleep', ['100']);
  process.kill(mortal[0] ?? 0, 'SIGKILL');
  await expect(begun).rejects.toThrow('the process that starts programs ended');
  await expect.poll(() => mortal.length, { timeout: 5000 }).toBe(2);
  expect((await other.run('echo', ['x'])).stdout.toString()).toBe('x\n');
  other.close();
});

test('a line is waited for, and so is the end of the program that left its writer behind', async () => {
  const file = join(root, 'written');
  const script = `(echo said >&3; exec sleep 100 >&- 3>&-) & sleep 0.3; echo $! > ${file}`;
  expect(await helper.runForLine('sh', ['-c', script])).toBe('said\n');
  process.kill(Number(await readFile(file, 'utf8')), 'SIGKILL');
  expect(await helper.runForLine('sh', ['-c', 'exit 3'])).toBe('');
  await expect(helper.runForLine('sleep', ['100'], { timeoutMs: 100 })).rejects.toMatchObject({ reason: 'timeout' });
});
test('an argument is never read by a shell', async () => {
  expect((await runProgram('echo', ['$(id); `id` > /dev/null'])).stdout.toString()).toBe('$(id); `id` > /dev/null\n');
});

test('an atomic write leaves the whole file and nothing beside it', async () => {
  const directory = join(root, 'atomic');
  await mkdir(directory);
  await Promise.all([1, 2, 3, 4].map((n) => writeFileAtomic(join(directory, 'f'), String(n).repeat(1000))));
  expect(await readFile(join(directory, 'f'), 'utf8')).toMatch(/^([1-4])\1{999}$/);
  expect(await readdir(directory)).toEqual(['f']);
});

test('paths stay below their root', async () => {
  const inside = join(root, 'jail');
  await mkdir(join(inside, 'dir'), { recursive: true });
  await writeFile(join(root, 'secret'), 'x');
  await symlink('../secret', join(inside, 'link'));
  await symlink('..', join(inside, 'up'));
  expect(await resolveInRoot(inside, '/up/../../secret')).toBe(join(inside, 'secret'));
  expect(() => joinBelow(inside, '../secret')).toThrow('leaves its root');
  expect(() => joinBelow(inside, '/etc')).toThrow('leaves its root');
  await expect(openInRoot(inside, 'link', constants.O_RDONLY)).rejects.toThrow(/ELOOP/);
  await expect(openInRoot(inside, 'up/secret', constants.O_RDONLY)).rejects.toThrow(/ELOOP|ENOTDIR/);
  await expect(openInRoot(inside, '../secret', constants.O_RDONLY)).rejects.toThrow('not a path below a root');
});

test('mountinfo with optional fields and escapes', () => {
  const [entry] = parseMountInfo(
    '36 35 98:0 /a\\040b /mnt\\011x rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue\n',
  );
  expect(entry).toMatchObject({
    root: '/a b',
    mountPoint: '/mnt\tx',
    propagation: ['shared:1', 'master:2'],
    type: 'ext3',
  });
});

test('a watched directory tells of a new file at once', async () => {
  const directory = join(root, 'watched');
  await mkdir(directory);
  const seen: (string | undefined)[] = [];
  const stop = watchDirectory(directory, systemClock, (name) => seen.push(name));
  await writeFile(join(directory, 'new'), '');
  await expect.poll(() => seen, { timeout: 2000 }).toContain('new');
  stop();
});

test('a pool has things ready, makes more for who asks more, and drops the rest', async () => {
  let made = 0;
  const dropped: number[] = [];
  const pool = new Pool<number>({
    clock: systemClock,
    make: async (n) => Array.from({ length: n }, () => ++made),
    drop: async (items) => {
      dropped.push(...items);
    },
    min: 2,
    max: 4,
    onError: () => undefined,
  });
  pool.fill();
  await expect.poll(() => pool.ready.length).toBe(2);
  expect([await pool.take(), await pool.take(), await pool.take()]).toHaveLength(3);
  await pool.close();
  expect(dropped.length + 3).toBe(made);
});

test('the mount of a path is the longest that holds it, and of two at one place the later', () => {
  const table = parseMountInfo(
    ['1 0 8:1 / / rw - ext4 a rw', '2 1 8:2 / /x/y rw - ext4 b rw', '3 1 8:3 / /x/y rw shared:1 - ext4 c rw'].join(
      '\n',
    ),
  );
  expect(mountOf('/x/yy', table)?.id).toBe(1);
  expect(mountOf('/x/y', table)?.id).toBe(3);
  expect(mountOf('/x/y/z', table)?.id).toBe(3);
});
