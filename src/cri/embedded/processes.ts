// Looks at processes of the host by number and start time, so that a reused number is never taken for the old process.
import { readFile } from 'node:fs/promises';
import type { ProcessRef } from './records.ts';

async function statFields(pid: number): Promise<string[] | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name in parentheses may hold spaces and parentheses of its own.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

export async function processRef(pid: number): Promise<ProcessRef | undefined> {
  const startTime = (await statFields(pid))?.[19];
  return startTime === undefined ? undefined : { pid, startTime };
}

/** A zombie counts as dead. */
export async function isAlive(ref: ProcessRef): Promise<boolean> {
  const fields = await statFields(ref.pid);
  return fields !== undefined && fields[19] === ref.startTime && fields[0] !== 'Z' && fields[0] !== 'X';
}

export function signalProcess(pid: number, signal: NodeJS.Signals | number): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** A process and all its descendants, the parents first. */
export async function processTree(pid: number): Promise<number[]> {
  const all = [pid];
  for (let i = 0; i < all.length; i += 1) {
    const current = all[i];
    const text = await readFile(`/proc/${current}/task/${current}/children`, 'utf8').catch(() => '');
    for (const child of text.split(' ')) if (child.trim() !== '') all.push(Number(child));
  }
  return all;
}
