// The OCI runtime (crun, or runc where only that is found): making, starting, changing and deleting containers with few processes.
import { createHash } from 'node:crypto';
import { closeSync, constants, existsSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Cgroups } from '../../host/cgroups.ts';
import { writeFileAtomic } from '../../host/files.ts';
import { bindMount, listMounts, unmount } from '../../host/mounts.ts';
import { findProgram, ProgramError } from '../../host/programs.ts';
import { removeTree } from '../../host/remove-tree.ts';
import type { SpawnHelper } from '../../host/spawn-helper.ts';
import type { OciResources, OciSpec } from './spec/types.ts';

const CREATE_TIMEOUT_MS = 60_000;
const ANNOTATION_FILTER = 'run.oci.seccomp_bpf_data';
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface OciRuntimeOptions {
  /** Where the runtime keeps its own state; on a tmpfs, so that it is gone after a reboot. */
  readonly root: string;
  readonly filterCache: string;
  /** Where the runtime's own program is mounted read-only. */
  readonly binary: string;
  readonly cgroups: Cgroups;
  readonly helper: SpawnHelper;
  readonly log: (message: string) => void;
  /** How long making a container may take; a minute unless given. */
  readonly createTimeoutMs?: number;
}

/** Whether a program is mounted read-only in another place, and is still the same. */
async function isProtected(program: string, at: string): Promise<boolean> {
  const mounted = (await listMounts()).findLast((m) => m.mountPoint === at);
  if (mounted === undefined) return false;
  const [one, other] = await Promise.all([stat(program), stat(at)]);
  if (mounted.options.includes('ro') && one.ino === other.ino && one.dev === other.dev) return true;
  await unmount([at]);
  return isProtected(program, at);
}

/** Wakes who waits at a pipe, in this thread: nothing here can wait. False when nobody does. */
function release(fifo: string): boolean {
  let pipe: number;
  try {
    pipe = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return false;
  }
  try {
    unlinkSync(fifo);
    writeSync(pipe, Buffer.from([0]));
    return true;
  } finally {
    closeSync(pipe);
  }
}

/** How often the end of a container's processes is looked for before its pod's limit is lifted, and afterwards. */
const QUICK_ATTEMPTS = 20;
const PATIENT_ATTEMPTS = 100;

export class OciRuntime {
  readonly #options: OciRuntimeOptions;
  readonly name: 'crun' | 'runc';
  #path: string;
  #env: Readonly<Record<string, string>> = { PATH: process.env.PATH ?? PATH };
  readonly #filters = new Map<string, string>();

  constructor(options: OciRuntimeOptions) {
    this.#options = options;
    const crun = findProgram('crun');
    const path = crun ?? findProgram('runc');
    if (path === undefined)
      throw new ProgramError('crun: program not found on this host', 'crun', undefined, '', 'missing');
    this.name = crun === undefined ? 'runc' : 'crun';
    this.#path = path;
  }

  get path(): string {
    return this.#path;
  }

  /** The environment that the runtime wants; containers have one of their own. */
  get env(): Readonly<Record<string, string>> {
    return this.#env;
  }

  get createTimeoutMs(): number {
    return this.#options.createTimeoutMs ?? CREATE_TIMEOUT_MS;
  }

  get globalArgs(): string[] {
    return this.name === 'crun'
      ? ['--root', this.#options.root, '--cgroup-manager', 'cgroupfs']
      : ['--root', this.#options.root];
  }

  async prepare(): Promise<void> {
    await mkdir(this.#options.root, { recursive: true, mode: 0o700 });
    await mkdir(this.#options.filterCache, { recursive: true, mode: 0o700 });
    if (this.name === 'crun')
      await this.#protect().catch((error: unknown) => this.#options.log(`crun is not mounted: ${String(error)}`));
  }

  /**
   * Lest a container overwrites crun through /proc/PID/exe (CVE-2019-5736), crun copies itself and starts again from the copy. It is spared
   * that, a third of its time, where it is told that it lies on a read-only mount, and finds it true.
   */
  async #protect(): Promise<void> {
    const { binary } = this.#options;
    if (!(await isProtected(this.#path, binary))) {
      await mkdir(dirname(binary), { recursive: true, mode: 0o711 });
      await writeFile(binary, '', { flag: 'a' });
      await bindMount(this.#path, binary, ['ro']);
    }
    this.#path = binary;
    this.#env = { ...this.#env, _LIBCONTAINER_CLONED_BINARY: '1' };
  }

  async version(): Promise<string> {
    const { stdout } = await this.#options.helper.run(this.path, ['--version'], { env: this.env });
    return /version (\S+)/.exec(stdout.toString())?.[1] ?? 'unknown';
  }

  /**
   * Writes a bundle's config.json. Compiling the seccomp profile is the dearest part of a container's start, so crun is given the
   * filter that it compiled itself the first time. Answers the profile's key when there is none yet: `keepFilter` after the start.
   */
  async writeBundle(directory: string, spec: OciSpec): Promise<string | undefined> {
    const { seccomp } = spec.linux;
    if (seccomp === undefined || this.name !== 'crun') {
      await writeFile(join(directory, 'config.json'), JSON.stringify(spec), { mode: 0o600 });
      return undefined;
    }
    const profile = JSON.stringify(seccomp);
    const key = createHash('sha256').update(`${profile}`).digest('hex').slice(0, 24);
    const filter = await this.#filter(key);
    const { seccomp: _compiled, ...linux } = spec.linux;
    const whole: OciSpec =
      filter === undefined
        ? spec
        : { ...spec, annotations: { ...spec.annotations, [ANNOTATION_FILTER]: filter }, linux };
    await writeFile(join(directory, 'config.json'), JSON.stringify(whole), { mode: 0o600 });
    return filter === undefined ? key : undefined;
  }

  async #filter(key: string): Promise<string | undefined> {
    const known = this.#filters.get(key);
    if (known !== undefined) return known;
    const bytes = await readFile(join(this.#options.filterCache, key)).catch(() => undefined);
    // A BPF program is a sequence of 8-byte instructions; anything else was cut off.
    if (bytes === undefined || bytes.length === 0 || bytes.length % 8 !== 0) return undefined;
    const text = bytes.toString('base64');
    this.#filters.set(key, text);
    return text;
  }

  /** Keeps the filter that crun compiled for a container just made. */
  async keepFilter(key: string, id: string): Promise<void> {
    const bytes = await readFile(join(this.#options.root, id, 'seccomp.bpf')).catch(() => undefined);
    if (bytes !== undefined && bytes.length > 0)
      await writeFileAtomic(join(this.#options.filterCache, key), bytes, { mode: 0o600 });
  }

  /** Creates and starts a container without a shim: for programs that say nothing. Answers its PID. */
  async runDetached(id: string, bundle: string): Promise<number> {
    const pidFile = join(bundle, 'pidfile');
    const log = join(bundle, 'runtime.log');
    const args = [
      '--log',
      log,
      '--log-format',
      'json',
      'run',
      '--detach',
      '--pid-file',
      pidFile,
      '--bundle',
      bundle,
      id,
    ];
    await this.#quiet(args, log);
    return Number(readFileSync(pidFile, 'utf8'));
  }

  /** The container inherits the output of who makes it, so that must not be a pipe of ours. */
  async #quiet(args: readonly string[], log: string): Promise<void> {
    const { helper } = this.#options;
    const all = [...this.globalArgs, ...args];
    const code = await helper.runQuiet(this.path, all, { timeoutMs: this.createTimeoutMs, env: this.env });
    if (code !== 0) {
      const message = await this.logMessage(log);
      throw new ProgramError(message ?? `${this.name}: exit code ${code}`, this.name, code, message ?? '', 'failed');
    }
  }

  /** The last error in a log that the runtime wrote as JSON lines. */
  async logMessage(log: string): Promise<string | undefined> {
    const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((l) => l !== '');
    for (const line of lines.reverse()) {
      const message = /"msg"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
      if (message === undefined) continue;
      try {
        return String(JSON.parse(message));
      } catch {
        return line;
      }
    }
    return lines[0];
  }

  /** Lets a created container run. What `crun start` does is to write into a pipe; that spares a process. */
  async start(id: string): Promise<void> {
    if (this.name === 'crun' && release(join(this.#options.root, id, 'exec.fifo'))) return;
    await this.#options.helper.run(this.path, [...this.globalArgs, 'start', id], { env: this.env });
  }

  /** Whether a container was made and never let run. */
  isWaiting(id: string): boolean {
    return existsSync(join(this.#options.root, id, 'exec.fifo'));
  }

  /** Kills what is left of a container and removes its cgroup and the runtime's state. */
  async delete(id: string, cgroup: string): Promise<void> {
    const { cgroups } = this.#options;
    if (!(await this.#clear(cgroup, QUICK_ATTEMPTS))) {
      // So many processes that the limit of the pod holds up their end.
      const done = await cgroups.unthrottled(dirname(cgroup), () => this.#clear(cgroup, PATIENT_ATTEMPTS));
      if (!done) await this.#force(id, cgroup);
    }
    await removeTree(join(this.#options.root, id));
  }

  /** True when the cgroup is gone with all that was in it. */
  async #clear(cgroup: string, attempts: number): Promise<boolean> {
    const { cgroups } = this.#options;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      if (await cgroups.remove(cgroup)) return true;
      await cgroups.kill(cgroup);
      // A killed process needs a moment to be gone from its cgroup, and nothing tells.
      await new Promise((resolve) => setTimeout(resolve, Math.min(2 + attempt, 50)));
    }
    return cgroups.remove(cgroup);
  }

  async #force(id: string, cgroup: string): Promise<void> {
    const force = [...this.globalArgs, 'delete', '--force', id];
    await this.#options.helper.run(this.path, force, { env: this.env, allowFailure: true });
    if (!(await this.#options.cgroups.remove(cgroup)))
      throw new Error(`container ${id}: processes in ${cgroup} do not end`);
  }

  async update(id: string, resources: OciResources): Promise<void> {
    const { devices: _devices, ...rest } = resources;
    // Not through stdin: Node's is a socket, which crun cannot open by name.
    const file = join(this.#options.root, id, 'minke-resources.json');
    await writeFile(file, JSON.stringify(rest), { mode: 0o600 });
    try {
      const args = [...this.globalArgs, 'update', '--resources', file, id];
      await this.#options.helper.run(this.path, args, { env: this.env });
    } finally {
      await rm(file, { force: true });
    }
  }

  /** The arguments that run a process, described in a file, inside a container. */
  execArgs(id: string, files: { log: string; pidFile: string; processFile: string }): string[] {
    const options = ['--log', files.log, '--log-format', 'json'];
    const process = ['--pid-file', files.pidFile, '--process', files.processFile];
    return [...this.globalArgs, ...options, 'exec', ...process, id];
  }
}
