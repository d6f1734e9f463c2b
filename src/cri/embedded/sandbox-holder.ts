// The process that holds a sandbox's namespaces: the pause program, which the helper leaves behind in them. The OCI runtime starts it only where
// more than the helper can make is wanted; such a sandbox takes some six times as long.
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { PodSandboxConfig } from '../port.ts';
import { RuntimeError } from '../port.ts';
import { type RuntimeContext, sandboxCgroup } from './context.ts';
import { startFailure } from './errors.ts';
import { commandLine, isAlive, signalProcess } from './processes.ts';
import type { SandboxRecord } from './records.ts';
import { clampOomScore, type HostFacts } from './spec/container-spec.ts';
import { PAUSE_OOM_SCORE, sandboxSpec, sandboxSysctls } from './spec/sandbox-spec.ts';

const PROGRAM = 'pause';

/** Whether the helper can make a sandbox's namespaces: a process cannot go into another user or PID namespace and come back. */
export function isPlain({ namespaces }: PodSandboxConfig): boolean {
  return namespaces.user === undefined && namespaces.pid !== 'pod';
}

/** The id of the sandbox that a process holds, when it is a pause program that the helper left behind. */
export function heldSandbox(pid: number): string | undefined {
  const [program = '', id = ''] = commandLine(pid);
  return basename(program) === PROGRAM && id !== '' ? id : undefined;
}

function setOomScore(pid: number, host: HostFacts): void {
  const score = clampOomScore(PAUSE_OOM_SCORE, host);
  try {
    if (score !== undefined) writeFileSync(`/proc/${pid}/oom_score_adj`, String(score));
  } catch {} // it has ended, which is found out right away
}

async function leavePause(context: RuntimeContext, record: SandboxRecord): Promise<number> {
  const { config, slot } = record;
  const ownNetwork = config.namespaces.network === 'pod';
  const pid = await context.helper.perform('hold', {
    file: join(context.pauseRoot, PROGRAM),
    args: [record.id],
    ...(ownNetwork && slot !== undefined ? { netns: slot.netnsPath } : {}),
    ...(ownNetwork ? { hostname: config.hostname } : {}),
    ipc: config.namespaces.ipc !== 'node',
    sysctls: sandboxSysctls(config),
  });
  setOomScore(pid, context.host);
  return pid;
}

async function runPause(context: RuntimeContext, record: SandboxRecord): Promise<number> {
  const { config, id, slot } = record;
  const bundle = context.sandboxes.path(id);
  const spec = sandboxSpec({
    config,
    rootfs: context.pauseRoot,
    cgroupsPath: sandboxCgroup(context, record),
    host: context.host,
    ...(slot === undefined ? {} : { netnsPath: slot.netnsPath }),
  });
  const filterKey = await context.oci.writeBundle(bundle, spec);
  const pid = await context.oci.runDetached(id, bundle);
  if (filterKey !== undefined) await context.oci.keepFilter(filterKey, id);
  return pid;
}

/** Starts the process. Answers its PID. */
export async function startHolder(context: RuntimeContext, record: SandboxRecord): Promise<number> {
  try {
    return await (record.plain === true ? leavePause(context, record) : runPause(context, record));
  } catch (error) {
    throw new RuntimeError('sandbox', startFailure(error instanceof Error ? error.message : String(error)), error);
  }
}

/** Ends the process, and what the OCI runtime keeps of it. */
export async function endHolder(context: RuntimeContext, record: SandboxRecord): Promise<void> {
  const { pause, plain } = record;
  if (pause !== undefined && isAlive(pause)) signalProcess(pause.pid, 'SIGKILL');
  if (plain !== true) await context.oci.delete(record.id, sandboxCgroup(context, record));
  // Begun, and whoever began it died, or its answer was lost.
  else if (pause === undefined) await endHolders(context, (id) => id === record.id);
}

/** Ends the processes that hold sandboxes which are chosen by their ids. */
export async function endHolders(
  context: Pick<RuntimeContext, 'cgroups' | 'helperCgroup'>,
  chosen: (id: string) => boolean,
): Promise<void> {
  for (const pid of await context.cgroups.processes(context.helperCgroup)) {
    const id = heldSandbox(pid);
    if (id !== undefined && chosen(id)) signalProcess(pid, 'SIGKILL');
  }
}
