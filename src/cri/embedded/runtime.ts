// The embedded runtime: pods run by crun and conmon on overlayfs, with a network of Minke's own. This file puts its parts together.
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { delegateControllers, missingControllers, undelegateControllers } from '../../host/cgroup-root.ts';
import { type CgroupLayout, Cgroups, detectCgroups, mendHybrid } from '../../host/cgroups.ts';
import type { Clock, Timer } from '../../host/clock.ts';
import { appArmorEnabled, goArchitecture } from '../../host/machine.ts';
import { listMounts, unmount, unmountBelow } from '../../host/mounts.ts';
import { type RunProgram, SpawnHelper } from '../../host/spawn-helper.ts';
import { watchDirectory } from '../../host/watch.ts';
import type { ExecResult, ExecStreams, PortStream } from '../../machinery/streams.ts';
import { CniNetwork, PodNetwork, type PodNetworking } from '../../network/index.ts';
import type {
  ContainerConfig,
  ContainerStatus,
  ExecSyncResult,
  LinuxResources,
  PodSandboxConfig,
  PodSandboxStats,
  PodSandboxStatus,
  RuntimeEvent,
  RuntimeFeatures,
  RuntimeService,
  RuntimeVersion,
} from '../port.ts';
import { adopt } from './adopt.ts';
import { AppArmor } from './apparmor.ts';
import { Attaches } from './attach.ts';
import { Conmon } from './conmon.ts';
import { Containers } from './containers.ts';
import { KeyedLock, type RuntimeContext } from './context.ts';
import { asRuntimeError } from './errors.ts';
import { Execs } from './exec.ts';
import { hostFacts } from './host-facts.ts';
import type { ImageStore } from './images/index.ts';
import { OciRuntime } from './oci-runtime.ts';
import { pauseProgram } from './pause.ts';
import { forwardPort } from './port-forward.ts';
import { endPredecessor } from './predecessor.ts';
import { isAlive, signalProcess } from './processes.ts';
import { type ContainerRecord, type ProcessRef, RecordStore, type SandboxRecord } from './records.ts';
import { Sandboxes } from './sandboxes.ts';
import { sharedMemoryPool } from './shared-memory.ts';
import { ociResources } from './spec/resources.ts';
import { Stats } from './stats.ts';
import { PodUserNamespaces } from './user-namespaces.ts';

/** How often what has no event of its own is looked at: pause processes, and shims that were killed. */
const SWEEP_MS = 1000;
const THOROUGH_EVERY = 10;
const CONMON_END_MS = 3000;

export interface EmbeddedRuntimeOptions {
  /** The cluster's name: at most 9 characters. */
  readonly name: string;
  /** Tells the nodes of one cluster on one host apart. */
  readonly nodeIndex?: number;
  readonly stateDir: string;
  /** On a tmpfs; `/run/<name>-<index>` unless given. */
  readonly runDir?: string;
  readonly images: ImageStore;
  readonly podCidr: string;
  readonly clusterCidr: string;
  readonly serviceCidr?: string;
  readonly mtu?: number;
  readonly masquerade?: boolean;
  /** The pod network is made by the host's CNI plugins, and the ranges above are not used. */
  readonly cni?: { readonly configDirectory: string; readonly binaries: readonly string[] };
  readonly clock: Clock;
  readonly log: (message: string) => void;
}

export interface EmbeddedRuntime {
  readonly runtime: RuntimeService;
  /** Leaves all pods running. */
  close(): Promise<void>;
  /** Ends all pods and removes everything this runtime ever made on the host, but for images. */
  destroy(): Promise<void>;
}

class EmbeddedRuntimeService implements RuntimeService {
  readonly #context: RuntimeContext;
  readonly #listeners: Set<(event: RuntimeEvent) => void>;
  readonly #locks = new KeyedLock();
  readonly sandboxes: Sandboxes;
  readonly containers: Containers;
  readonly #execs: Execs;
  readonly #attaches: Attaches;
  readonly #stats: Stats;
  #version: Promise<string> | undefined;

  constructor(context: RuntimeContext, listeners: Set<(event: RuntimeEvent) => void>) {
    this.#context = context;
    this.#listeners = listeners;
    this.sandboxes = new Sandboxes(context);
    this.containers = new Containers(context, this.sandboxes);
    this.#execs = new Execs(context, this.containers);
    this.#attaches = new Attaches(context, this.containers);
    this.#stats = new Stats(context, this.containers);
  }

  async version(): Promise<RuntimeVersion> {
    this.#version ??= this.#context.oci.version();
    return { name: 'minke', version: `${this.#context.oci.name}-${await this.#version}`, apiVersion: 'v1' };
  }

  async features(): Promise<RuntimeFeatures> {
    const { userNamespaces } = this.#context.host;
    // The kernel does both since mount_setattr(2), Linux 5.12.
    return {
      handlers: [{ name: '', userNamespaces, recursiveReadOnlyMounts: userNamespaces }],
      supplementalGroupsPolicy: true,
    };
  }

  ready(): Promise<{ runtime: true | string; network: true | string }> {
    return Promise.resolve({ runtime: true, network: this.#context.network.ready });
  }

  runPodSandbox(config: PodSandboxConfig): Promise<string> {
    return this.#locks.run(config.uid, () => this.sandboxes.run(config));
  }

  async stopPodSandbox(id: string): Promise<void> {
    const record = this.sandboxes.records.get(id);
    if (record === undefined) return;
    await this.#locks.run(record.config.uid, async () => {
      await Promise.all(this.containers.of(id).map((c) => this.containers.stop(c.id, 0)));
      await this.sandboxes.stop(record);
    });
  }

  async removePodSandbox(id: string): Promise<void> {
    const record = this.sandboxes.records.get(id);
    if (record === undefined) return;
    await this.stopPodSandbox(id);
    await this.#locks.run(record.config.uid, async () => {
      await Promise.all(this.containers.of(id).map((c) => this.containers.remove(c.id)));
      await this.sandboxes.remove(id);
    });
  }

  async podSandboxStatus(id: string): Promise<PodSandboxStatus> {
    return this.sandboxes.status(this.sandboxes.need(id));
  }

  async listPodSandboxes(): Promise<readonly PodSandboxStatus[]> {
    const whole = [...this.sandboxes.records.values()].filter((r) => r.state !== 'creating');
    return whole.map((r) => this.sandboxes.status(r));
  }

  createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    return this.#locks.run(`${sandboxId}/${config.name}`, () => this.containers.create(sandboxId, config));
  }

  startContainer(id: string): Promise<void> {
    return this.containers.start(id);
  }

  stopContainer(id: string, timeoutMs: number): Promise<void> {
    return this.containers.stop(id, timeoutMs);
  }

  removeContainer(id: string): Promise<void> {
    return this.containers.remove(id);
  }

  async containerStatus(id: string): Promise<ContainerStatus> {
    return this.containers.status(this.containers.need(id));
  }

  async listContainers(): Promise<readonly ContainerStatus[]> {
    return [...this.containers.records.values()].map((r) => this.containers.status(r));
  }

  async updateContainerResources(id: string, resources: LinuxResources): Promise<void> {
    const record = this.containers.need(id);
    const facts = { unified: this.#context.host.unifiedCgroups, swap: this.#context.host.swap };
    try {
      if (record.state === 'running') await this.#context.oci.update(id, ociResources(resources, [], facts));
    } catch (error) {
      throw asRuntimeError(error, 'internal', 'failed to update resources');
    }
    record.resources = { ...record.resources, ...resources };
    await this.#context.containers.save(record);
  }

  async updatePodSandboxResources(id: string, resources: LinuxResources): Promise<void> {
    await this.sandboxes.updateResources(this.sandboxes.need(id), resources);
  }

  async reopenContainerLog(id: string): Promise<void> {
    const record = this.containers.needRunning(id);
    await this.#context.conmon.reopenLog(this.containers.bundle(record));
  }

  execSync(id: string, command: readonly string[], timeoutMs: number): Promise<ExecSyncResult> {
    return this.#execs.sync(id, command, timeoutMs);
  }

  exec(id: string, command: readonly string[], streams: ExecStreams): Promise<ExecResult> {
    return this.#execs.stream(id, command, streams);
  }

  attach(id: string, streams: ExecStreams): Promise<ExecResult> {
    return this.#attaches.attach(id, streams);
  }

  async portForward(sandboxId: string, port: number, stream: PortStream): Promise<void> {
    const record = this.sandboxes.need(sandboxId);
    this.sandboxes.facts(record);
    await forwardPort(record.slot?.netnsPath, port, stream);
  }

  async podSandboxStats(id: string): Promise<PodSandboxStats> {
    return this.#stats.pod(this.sandboxes.need(id));
  }

  async listPodSandboxStats(): Promise<readonly PodSandboxStats[]> {
    const ready = [...this.sandboxes.records.values()].filter((r) => r.state === 'ready');
    const all: PodSandboxStats[] = [];
    for (const record of ready) {
      all.push(await this.#stats.pod(record));
      // The numbers are read in this thread, and others want it too.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return all;
  }

  onEvent(callback: (event: RuntimeEvent) => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  #sweeps = 0;

  /** Looking whether a number is a process costs next to nothing; whether it is still the same one, and no zombie, a file. */
  #alive(ref: ProcessRef): boolean {
    if (!signalProcess(ref.pid, 0)) return false;
    return this.#sweeps % THOROUGH_EVERY !== 0 || isAlive(ref);
  }

  /** Finds what died without a word. */
  async sweep(): Promise<void> {
    this.#sweeps += 1;
    for (const record of this.sandboxes.records.values())
      if (record.state === 'ready' && record.pause !== undefined && !this.#alive(record.pause))
        await this.#locks.run(record.config.uid, () => this.sandboxes.markDead(record));
    for (const record of this.containers.records.values()) {
      if (record.state !== 'running' || record.process === undefined || this.#alive(record.process)) continue;
      const { process: ref } = record;
      // Its shim may be about to write down how it ended.
      this.#context.clock.setTimer(SWEEP_MS, () => {
        const lost = record.state === 'running' && record.process === ref;
        if (lost) this.containers.markLost(record).catch((e: unknown) => this.#context.log(String(e)));
      });
    }
  }
}

/** Writes the pause program and the directories that its containers mount over. */
async function makePauseRoot(root: string): Promise<void> {
  await Promise.all(['proc', 'dev', 'sys'].map((d) => mkdir(join(root, d), { recursive: true, mode: 0o755 })));
  await chmod(root, 0o755);
  const path = join(root, 'pause');
  // A running pause keeps its file busy: the file is replaced, not written into.
  await rm(path, { force: true });
  await writeFile(path, pauseProgram(goArchitecture()), { mode: 0o755 });
  await chmod(path, 0o755);
}

/** Finds the cgroup layout, mends it where it must be, and makes the first group of this runtime in it. */
async function readyCgroups(
  first: string,
  log: (message: string) => void,
): Promise<{ cgroups: Cgroups; mounted: string[] }> {
  const all: string[] = [];
  for (;;) {
    const found = await detectCgroups();
    if (found.mode === 'none')
      throw new Error('no cgroup file system is mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup');
    const missing = await missingControllers(found);
    if (missing.length > 0)
      throw new Error(`cgroups: controllers are missing: ${missing.join(', ')} (see minke doctor)`);
    const { layout, mounted } = await mendHybrid(found);
    if (mounted.length > 0) log(`cgroups: mounted ${mounted.join(', ')} beside the other v1 controllers`);
    all.push(...mounted);
    const moved = await delegateControllers(layout);
    if (moved > 0) log(`cgroups: put ${moved} processes aside, so that groups below can have limits`);
    const cgroups = new Cgroups(layout);
    await cgroups.create(first);
    // Another cluster that goes away takes its mounts along unless a group is in them: look whether ours came too late.
    const now = await detectCgroups();
    if ([...layout.legacy.keys()].every((controller) => now.legacy.has(controller))) return { cgroups, mounted: all };
  }
}

function openNetwork(options: EmbeddedRuntimeOptions, run: RunProgram): PodNetworking {
  const { name, clock, log, stateDir } = options;
  const nodeIndex = options.nodeIndex ?? 0;
  if (options.cni !== undefined)
    return new CniNetwork({ ...options.cni, name, nodeIndex, cacheDirectory: join(stateDir, 'cni'), log, run });
  return new PodNetwork({
    name,
    nodeIndex,
    clock,
    run,
    podCidr: options.podCidr,
    clusterCidr: options.clusterCidr,
    log,
    ...(options.serviceCidr === undefined ? {} : { serviceCidr: options.serviceCidr }),
    ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
    ...(options.masquerade === undefined ? {} : { masquerade: options.masquerade }),
  });
}

async function openContext(options: EmbeddedRuntimeOptions, listeners: Set<(e: RuntimeEvent) => void>) {
  const { name, clock, log, stateDir } = options;
  const index = options.nodeIndex ?? 0;
  const own = index === 0 ? name : `${name}-${index}`;
  const runDirectory = options.runDir ?? `/run/${own}`;
  const cgroupRoot = `/${own}`;
  const conmonCgroup = `${cgroupRoot}/conmon`;
  const { cgroups, mounted } = await readyCgroups(conmonCgroup, log);
  await endPredecessor(cgroups, conmonCgroup, clock);
  const { layout } = cgroups;
  const exitDirectory = join(runDirectory, 'exits');
  const directories = ['exits', 'shm', 'sockets', 'exec'].map((d) => join(runDirectory, d));
  for (const d of [...directories, ...['c', 's', 'empty'].map((d) => join(stateDir, d))])
    await mkdir(d, { recursive: true, mode: 0o711 });
  await writeFile(join(runDirectory, 'mended'), mounted.join('\n'), { flag: 'a' });
  const host = await hostFacts(layout, conmonCgroup);
  if (host.lowestOomScoreAdj !== undefined) log('no CAP_SYS_RESOURCE: containers get no negative oom_score_adj');
  // Whoever starts conmon is in its cgroup: neither a pod's limits nor the end of Minke's own group reach what it starts.
  const helper = new SpawnHelper((pid) => cgroups.addProcess(conmonCgroup, pid));
  // Not waited for: until it is there programs are started directly.
  helper.start().catch((error: unknown) => log(`helper: ${String(error)}`));
  const oci = new OciRuntime({
    root: join(runDirectory, 'crun'),
    filterCache: join(runDirectory, 'filters'),
    binary: join(runDirectory, 'bin', 'crun'),
    cgroups,
    helper,
    log,
  });
  await oci.prepare();
  const pauseRoot = join(stateDir, 'pause');
  await makePauseRoot(pauseRoot);
  const network = openNetwork(options, helper.run);
  const sandboxes = new RecordStore<SandboxRecord>(join(stateDir, 's'));
  const context: RuntimeContext = {
    clock,
    log,
    host,
    cgroups,
    cgroupRoot,
    runDirectory,
    exitDirectory,
    pauseRoot,
    emptyDirectory: join(stateDir, 'empty'),
    helper,
    oci,
    conmon: new Conmon({
      runtime: oci,
      cgroups,
      helper,
      cgroup: conmonCgroup,
      exitDirectory,
      socketDirectory: join(runDirectory, 'sockets'),
    }),
    network,
    shm: sharedMemoryPool(join(runDirectory, 'shm'), clock, helper.run, log),
    images: options.images,
    userNamespaces: new PodUserNamespaces({ directory: pauseRoot, sandboxes, run: helper.run }),
    apparmor: new AppArmor({ profile: `${own}-default`, enabled: await appArmorEnabled(), run: helper.run, log }),
    sandboxes,
    containers: new RecordStore<ContainerRecord>(join(stateDir, 'c')),
    expectProcess: () => {
      if (helper.pid !== undefined) cgroups.expectProcess(conmonCgroup, helper.pid);
    },
    emit: (event) => {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          log(`event listener: ${String(error)}`);
        }
      }
    },
  };
  return { context, conmonCgroup, mounted };
}

/** Kills all that runs below a cgroup and removes it; waits for processes that are on their way out. */
async function clearCgroup(cgroups: Cgroups, path: string, clock: Clock): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (await cgroups.remove(path)) return;
    await cgroups.kill(path);
    await clock.sleep(Math.min(2 + attempt, 50));
  }
  throw new Error(`processes in the cgroup ${path} do not end`);
}

async function destroyAll(context: RuntimeContext, conmonCgroup: string, stateDir: string): Promise<void> {
  const { cgroups, cgroupRoot, clock } = context;
  await clearCgroup(cgroups, `${cgroupRoot}/kubepods`, clock);
  // The shims end by themselves once their containers have; who does not in time is killed.
  for (const begun = clock.now(); clock.now() - begun < CONMON_END_MS; await clock.sleep(5))
    if ((await cgroups.processes(conmonCgroup)).length === 0) break;
  await clearCgroup(cgroups, cgroupRoot, clock);
  await undelegateControllers(cgroups.layout);
  await context.apparmor.remove();
  await unmountBelow(stateDir);
  await unmountBelow(context.runDirectory);
  await context.network.destroy();
  for (const d of ['c', 's', 'cni', 'pause', 'empty']) await rm(join(stateDir, d), { recursive: true, force: true });
  await rm(context.runDirectory, { recursive: true, force: true });
}

/** Takes away the v1 mounts that this runtime added, unless another one uses them by now. */
async function unmendHybrid(mounted: readonly string[], layout: CgroupLayout): Promise<void> {
  for (const controller of mounted) {
    const target = layout.legacy.get(controller);
    if (target === undefined) continue;
    const used = (await readdir(target, { withFileTypes: true })).some((e) => e.isDirectory());
    if (!used && (await listMounts()).some((m) => m.mountPoint === target)) await unmount([target]);
    if (!used) await rm(target, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Opens the runtime: adopts what runs, rolls back what was half made, sets the pod network up. */
export async function createEmbeddedRuntime(options: EmbeddedRuntimeOptions): Promise<EmbeddedRuntime> {
  const listeners = new Set<(event: RuntimeEvent) => void>();
  const { context, conmonCgroup } = await openContext(options, listeners);
  const { clock, log } = options;
  const service = new EmbeddedRuntimeService(context, listeners);
  await adopt(context, service.sandboxes, service.containers);
  context.shm.fill();
  const look = (id: string) => {
    service.containers.checkExit(id).catch((error: unknown) => log(`container ${id}: ${String(error)}`));
  };
  const stopWatch = watchDirectory(context.exitDirectory, clock, (name) => {
    if (name !== undefined) look(name);
    else for (const id of service.containers.records.keys()) look(id);
  });
  for (const id of service.containers.records.keys()) look(id);
  let timer: Timer | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  const sweep = () => {
    sweeping = service
      .sweep()
      .catch((error: unknown) => log(`runtime: ${String(error)}`))
      .then(() => {
        if (timer !== undefined) timer = clock.setTimer(SWEEP_MS, sweep);
      });
  };
  timer = clock.setTimer(SWEEP_MS, sweep);
  const close = async () => {
    timer?.cancel();
    timer = undefined;
    await sweeping;
    stopWatch();
    await context.shm.close();
    await context.network.close();
    context.helper.close();
  };
  const destroy = async () => {
    await close();
    const mended = await readFile(join(context.runDirectory, 'mended'), 'utf8').catch(() => '');
    await destroyAll(context, conmonCgroup, options.stateDir);
    await unmendHybrid(
      mended.split('\n').filter((c) => c !== ''),
      context.cgroups.layout,
    );
  };
  return { runtime: service, close, destroy };
}
