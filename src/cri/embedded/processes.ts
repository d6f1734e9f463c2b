// Looks at processes of the host by number and start time, so that a reused number is never taken for the old process.
import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import type { ProcessRef } from './records.ts';

/** In this thread: the kernel makes the text at once, and to ask another thread for it costs thirty times as much. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return undefined;
  }
}

/** Empty when the process has ended. */
export function commandLine(pid: number): readonly string[] {
  return (readProc(`${pid}/cmdline`) ?? '').split('\0');
}

function statFields(pid: number): string[] | undefined {
  const text = readProc(`${pid}/stat`);
  // The name in parentheses may hold spaces and parentheses of its own.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

export function processRef(pid: number): ProcessRef | undefined {
  const startTime = statFields(pid)?.[19];
  return startTime === undefined ? undefined : { pid, startTime };
}

/** A zombie counts as dead. */
export function isAlive(ref: ProcessRef): boolean {
  const fields = statFields(ref.pid);
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
export function processTree(pid: number): number[] {
  const all = [pid];
  for (let i = 0; i < all.length; i += 1) {
    const current = all[i];
    const text = readProc(`${current}/task/${current}/children`) ?? '';
    for (const child of text.split(' ')) if (child.trim() !== '') all.push(Number(child));
  }
  return all;
}

/** Lets a process come before others on the processor; who may not do so goes on without. */
export function hurry(pid: number, niceness: number): void {
  try {
    setPriority(pid, niceness);
  } catch {} // it has ended, or this process lacks CAP_SYS_NICE
}
