// conmon, the shim that holds a container's streams, writes its log and records its end; it outlives Minke.
import { constants, existsSync, readFileSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Cgroups } from '../../host/cgroups.ts';
import type { SpawnHelper } from '../../host/spawn-helper.ts';
import type { OciRuntime } from './oci-runtime.ts';
import { commandLine, hurry, signalProcess } from './processes.ts';

export interface ConmonOptions {
  readonly runtime: OciRuntime;
  readonly cgroups: Cgroups;
  readonly helper: SpawnHelper;
  /** conmon lives here, so that neither a pod's limits nor the end of Minke's own group reach it. */
  readonly cgroup: string;
  readonly exitDirectory: string;
  readonly socketDirectory: string;
}

export interface ConmonRequest {
  readonly id: string;
  readonly bundle: string;
  readonly logPath: string;
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
}

/**
 * conmon reads stdout before stderr when it finds both readable: it must wake between a container's writes to one and to the other, or
 * their order in the log is lost.
 */
const NICENESS = -10;
/** Of its group beside that of the pods, whose default is 1024. */
export const CONMON_CPU_SHARES = 10_240;

/** The runtime refused to make the container; the message is its own. */
export class CreateError extends Error {}

interface SyncMessage {
  readonly pid: number;
  readonly message?: string;
}

function parseSync(line: string): SyncMessage | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return undefined;
    const data = 'data' in value ? value.data : 'pid' in value ? value.pid : undefined;
    if (typeof data !== 'number') return undefined;
    return {
      pid: data,
      ...('message' in value && typeof value.message === 'string' ? { message: value.message } : {}),
    };
  } catch {
    return undefined;
  }
}

export class Conmon {
  readonly #options: ConmonOptions;

  constructor(options: ConmonOptions) {
    this.#options = options;
  }

  #args(request: ConmonRequest): string[] {
    const { runtime, exitDirectory, socketDirectory } = this.#options;
    const { id, bundle } = request;
    return [
      ...['--api-version', '1', '--cid', id, '--cuuid', id, '--name', id.slice(0, 13)],
      ...['--runtime', runtime.path, '--bundle', bundle, '--persist-dir', bundle],
      ...['--container-pidfile', join(bundle, 'pidfile'), '--conmon-pidfile', join(bundle, 'conmon-pidfile')],
      ...['--log-path', `k8s-file:${request.logPath}`, '--log-level', 'error', '--no-sync-log'],
      ...['--exit-dir', exitDirectory, '--socket-dir-path', socketDirectory, '--full-attach'],
      ...runtime.globalArgs.flatMap((arg) => ['--runtime-arg', arg]),
      ...(request.terminal ? ['--terminal'] : []),
      ...(request.stdin ? ['--stdin'] : []),
      ...(request.stdin && !request.stdinOnce ? ['--leave-stdin-open'] : []),
    ];
  }

  /** Makes the container, which then waits to be started. Answers its PID. */
  async create(request: ConmonRequest): Promise<number> {
    const logs = dirname(request.logPath);
    if (!existsSync(logs)) await mkdir(logs, { recursive: true, mode: 0o755 });
    const { helper, runtime } = this.#options;
    const env = { ...runtime.env, _OCI_SYNCPIPE: '3' };
    const limits = { cwd: request.bundle, env, timeoutMs: runtime.createTimeoutMs };
    // The helper process is in conmon's cgroup already, and so is all that it starts.
    const line = helper.runForLine('conmon', this.#args(request), limits);
    let why = 'conmon ended without an answer';
    const answer = parseSync(
      await line.catch((error: unknown) => {
        why = error instanceof Error ? error.message : String(error);
        return '';
      }),
    );
    if (answer === undefined) {
      await this.#end(request.id);
      throw new CreateError(why);
    }
    if (answer.pid <= 0) throw new CreateError((answer.message ?? 'unknown error').trim());
    // The container's process is there already, so it does not inherit this.
    hurry(Number(readFileSync(join(request.bundle, 'conmon-pidfile'), 'utf8')), NICENESS);
    return answer.pid;
  }

  /** Kills what was started for a container: a runtime that hangs outlives its shim. */
  async #end(id: string): Promise<void> {
    for (const pid of await this.#options.cgroups.processes(this.#options.cgroup))
      if (commandLine(pid).includes(id)) signalProcess(pid, 'SIGKILL');
  }

  /** Tells a container's terminal its new size. */
  resize(bundle: string, width: number, height: number): Promise<void> {
    return this.#control(bundle, `1 ${height} ${width}\n`);
  }

  /** Lets conmon open its log anew, after the file was moved away. */
  reopenLog(bundle: string): Promise<void> {
    return this.#control(bundle, '2 0 0\n');
  }

  async #control(bundle: string, message: string): Promise<void> {
    const handle = await open(join(bundle, 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      await handle.write(message);
    } finally {
      await handle.close();
    }
  }
}
