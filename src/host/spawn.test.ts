// Programs started by posix_spawn: their streams, surroundings and ends, and what is left open here.
import { readdir, readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { type Spawned, type SpawnRequest, spawnProcess } from './spawn.ts';

const sh = (line: string, more: Partial<SpawnRequest> = {}): Promise<Spawned> =>
  spawnProcess({ file: '/bin/sh', args: ['-c', line], stdio: ['ignore', 'write', 'write'], ...more });

const said = (stream: Socket | undefined) => (stream === undefined ? Promise.resolve('') : text(stream));
const openFiles = async () => (await readdir('/proc/self/fd')).length;

test('a program reads what it is given and is heard on both streams', async () => {
  const child = await sh('cat; echo wrong >&2; exit 7', { stdio: ['read', 'write', 'write'] });
  child.stdio[0]?.end('right\n');
  expect(await Promise.all([said(child.stdio[1]), said(child.stdio[2])])).toEqual(['right\n', 'wrong\n']);
  expect(await child.exited).toEqual({ code: 7, signal: undefined });
});

test('its streams are pipes, which it can open by their names', async () => {
  const child = await sh('echo named >/dev/stdout');
  expect(await said(child.stdio[1])).toBe('named\n');
});

test('environment, directory and session are as asked for', async () => {
  const child = await sh('echo "$A $(pwd)"; cut -d" " -f6 /proc/self/stat; echo $$', {
    env: { A: 'x', PATH: '/usr/bin:/bin' },
    cwd: '/usr',
    detached: true,
  });
  const [first, session, pid] = (await said(child.stdio[1])).trim().split('\n');
  expect([first, session]).toEqual(['x /usr', pid]);
  expect(Number(pid)).toBe(child.pid);
});

test('no signal is ignored or blocked, whatever this process does with them', async () => {
  const mine = await readFile('/proc/self/status', 'utf8');
  expect(mine).toMatch(/SigIgn:\t0*[1-9a-f]/); // Node ignores SIGPIPE
  const child = await spawnProcess({ file: '/bin/cat', args: ['/proc/self/status'], stdio: ['ignore', 'write'] });
  expect(await said(child.stdio[1])).toMatch(/SigBlk:\t0+\nSigIgn:\t0+\n/);
});

test('a signal that ends it is told', async () => {
  const child = await spawnProcess({ file: '/bin/sleep', args: ['100'], stdio: ['ignore'] });
  child.kill('SIGTERM');
  expect(await child.exited).toEqual({ code: undefined, signal: 'SIGTERM' });
  child.kill('SIGTERM'); // whoever has its number now is left alone
});

test('descriptors beyond the three, and one of ours', async () => {
  const child = await sh('echo three >&3; read line <&4; echo "four $line" >&5', {
    stdio: ['ignore', 'ignore', 2, 'write', 'read', 'write'],
  });
  child.stdio[4]?.end('in\n');
  expect(await Promise.all([said(child.stdio[3]), said(child.stdio[5])])).toEqual(['three\n', 'four in\n']);
});

test('three hundred at a time end each with its own code, and nothing stays open', async () => {
  const before = await openFiles();
  const codes = await Promise.all(
    Array.from({ length: 300 }, async (_, i) => {
      const child = await sh(`exit ${i % 256}`);
      await Promise.all([said(child.stdio[1]), said(child.stdio[2])]);
      return (await child.exited).code;
    }),
  );
  expect(codes).toEqual(Array.from({ length: 300 }, (_, i) => i % 256));
  await expect.poll(openFiles).toBeLessThanOrEqual(before);
});

test('a program that cannot be started is an error that says why, and nothing stays open', async () => {
  const before = await openFiles();
  for (let i = 0; i < 20; i++) {
    const started = spawnProcess({ file: '/no/such/program', args: [], stdio: ['read', 'write', 'write'] });
    await expect(started).rejects.toMatchObject({ code: 'ENOENT', message: 'start /no/such/program: ENOENT' });
  }
  expect(await openFiles()).toBe(before);
  await expect(sh('true', { cwd: '/no/such/directory' })).rejects.toMatchObject({ code: 'ENOENT' });
});
