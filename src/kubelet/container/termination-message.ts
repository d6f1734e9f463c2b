// What a container left as its last words. https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { ContainerStatus } from '../../cri/port.ts';
import { ANNOTATION } from '../pod/identity.ts';
import { readTail } from '../server/log-format.ts';

const MAX_FILE = 4096;
const MAX_LOG = 2048;
const MAX_LINES = 80;

/** The container may have put a link or a pipe in place of the file: neither is followed nor waited for. */
async function readMessageFile(file: string): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (handle === undefined) return '';
  try {
    if (!(await handle.stat()).isFile()) return '';
    const buffer = Buffer.alloc(MAX_FILE);
    const { bytesRead } = await handle.read(buffer, 0, MAX_FILE, 0);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } finally {
    await handle.close();
  }
}

async function logTail(file: string): Promise<string> {
  const lines = await readTail(file, { lines: MAX_LINES, maxBytes: 256 * 1024 });
  const text = Buffer.concat(lines.map((l) => l.data));
  return text.subarray(Math.max(0, text.length - MAX_LOG)).toString('utf8');
}

export async function terminationMessage(status: ContainerStatus): Promise<string> {
  const at = status.annotations[ANNOTATION.messagePath] ?? '';
  const mount = status.mounts.find((m) => m.containerPath === at);
  const text = at === '' || mount === undefined ? '' : await readMessageFile(mount.hostPath);
  if (text !== '') return text;
  const fallback = status.annotations[ANNOTATION.messagePolicy] === 'FallbackToLogsOnError' && status.exitCode !== 0;
  if (!fallback) return '';
  return logTail(status.logPath).catch(() => '');
}
