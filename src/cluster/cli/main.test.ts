// The command line as a process: what becomes of it when nobody reads what it says.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

const MAIN = new URL('./main.ts', import.meta.url).pathname;

interface Ended {
  readonly code: number | null;
  readonly said: string;
  readonly complaints: string;
}

async function doctor(isRead: boolean): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'doctor'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  if (!isRead) child.stdout.destroy();
  const [said, complaints] = await Promise.all([isRead ? text(child.stdout) : '', text(child.stderr)]);
  return { code: await ended, said, complaints };
}

test('a command whose output nobody reads goes on to its end, and ends as it would have', async () => {
  const [read, unread] = await Promise.all([doctor(true), doctor(false)]);
  expect(read.said).toContain('cgroups');
  expect(unread).toEqual({ ...read, said: '' });
});
