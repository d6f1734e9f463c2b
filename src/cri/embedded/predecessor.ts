// What a killed predecessor of this process had begun ends before anyone looks at what there is: nothing is made behind the back of who adopts.
import { existsSync, readFileSync } from 'node:fs';
import type { Cgroups } from '../../host/cgroups.ts';
import type { Clock } from '../../host/clock.ts';
import { commandLine, signalProcess } from './processes.ts';
import { heldSandbox } from './sandbox-holder.ts';

/** A program that has not ended by then hangs, or is a command in a container that nobody waits for any more. */
const PATIENCE_MS = 2000;
const PIDFILE = '--container-pidfile';

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

/** Holders live as long as their sandboxes, shims as long as their containers; one that has not made its container yet is still at work. */
function isAtWork(pid: number): boolean {
  const args = commandLine(pid);
  if (args.length < 2) return false; // it has ended
  if (heldSandbox(pid) !== undefined) return false;
  if (read(`/proc/${pid}/comm`) !== 'conmon\n') return true;
  const pidFile = args[args.indexOf(PIDFILE) + 1];
  return args.includes(PIDFILE) && pidFile !== undefined && !existsSync(pidFile);
}

/** `group` is where all that a runtime starts begins. */
export async function endPredecessor(cgroups: Cgroups, group: string, clock: Clock): Promise<void> {
  const begun = clock.now();
  for (;;) {
    const left = (await cgroups.processes(group)).filter(isAtWork);
    const waited = clock.now() - begun;
    if (left.length === 0 || waited > 2 * PATIENCE_MS) return;
    if (waited > PATIENCE_MS) for (const pid of left) signalProcess(pid, 'SIGKILL');
    await clock.sleep(10);
  }
}
