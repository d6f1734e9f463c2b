// Messages arrive whole and in order, also when their reader is slow; ends and refusals are told. The reader is Python's, as Node has none.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { openMessageSocket } from './message-socket.ts';
import { findProgram, startProgram } from './programs.ts';

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Says `listening`, then the length and the first byte of each message, at last `end`. */
const READER = `
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
import os
os.chdir(sys.argv[1])
s.bind('attach')
s.listen(1)
print('listening', flush=True)
c, _ = s.accept()
while True:
    m = c.recv(65536)
    if not m: break
    time.sleep(float(sys.argv[2]))
    print(len(m), chr(m[0]), flush=True)
print('end', flush=True)
`;

async function reader(directory: string, delay = 0) {
  const child = await startProgram('python3', ['-c', READER, directory, String(delay)], {
    stdio: ['ignore', 'write', 2],
  });
  undo.push(async () => {
    child.kill('SIGKILL');
    await child.exited;
  });
  const out = child.stdio[1];
  if (out === undefined) throw new Error('no output');
  await new Promise((resolve) => out.once('readable', resolve));
  return out;
}

async function directory(): Promise<string> {
  // Longer than the address of a socket may be.
  const made = await mkdtemp(join(tmpdir(), `minke-message-${'x'.repeat(120)}-`));
  undo.push(() => rm(made, { recursive: true, force: true }));
  return made;
}

test.skipIf(findProgram('python3') === undefined)(
  'messages arrive whole, long ones in parts, and the end is told',
  async () => {
    const dir = await directory();
    const out = await reader(dir);
    const socket = openMessageSocket(join(dir, 'attach'), 8);
    socket.write('abc');
    socket.write('0123456789ABCDEFG');
    socket.end('z');
    expect(await text(out)).toBe('listening\n3 a\n8 0\n8 8\n1 G\n1 z\nend\n');
  },
);

test.skipIf(findProgram('python3') === undefined)('who reads slowly is waited for', async () => {
  const dir = await directory();
  const out = await reader(dir, 0.001);
  const socket = openMessageSocket(join(dir, 'attach'), 8192);
  for (let i = 0; i < 300; i++) socket.write(Buffer.alloc(8192, 65 + (i % 26)));
  socket.end();
  const lines = (await text(out)).trim().split('\n').slice(1, -1);
  expect(lines).toEqual(Array.from({ length: 300 }, (_, i) => `8192 ${String.fromCharCode(65 + (i % 26))}`));
});

test('where nobody listens it is refused', async () => {
  const dir = await directory();
  expect(() => openMessageSocket(join(dir, 'attach'), 8)).toThrow(/connect .*attach: ENOENT/);
});
