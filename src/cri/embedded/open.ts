// Opens what an embedded runtime stands on: cgroups, directories, the helper, the OCI runtime, the pod network.
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { detectCgroups, mendHybrid } from '../../host/cgroup-layout.ts';
import { delegateControllers, missingControllers } from '../../host/cgroup-root.ts';
import { Cgroups } from '../../host/cgroups.ts';
import { appArmorEnabled, goArchitecture } from '../../host/machine.ts';
import { SpawnHelper } from '../../host/spawn-helper.ts';
import { CniNetwork, PodNetwork, type PodNetworking } from '../../network/index.ts';
import type { RuntimeEvent } from '../port.ts';
import { AppArmor } from './apparmor.ts';
import { CDI_DIRECTORIES } from './cdi.ts';
import { CONMON_CPU_SHARES, Conmon } from './conmon.ts';
import type { RuntimeContext } from './context.ts';
import { hostFacts } from './host-facts.ts';
import { OciRuntime } from './oci-runtime.ts';
import type { EmbeddedRuntimeOptions } from './options.ts';
import { pauseProgram } from './pause.ts';
import { endPredecessor } from './predecessor.ts';
import { type ContainerRecord, RecordStore, type SandboxRecord } from './records.ts';
import { sharedMemoryPool } from './shared-memory.ts';
import { PodUserNamespaces } from './user-namespaces.ts';

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

function openNetwork(options: EmbeddedRuntimeOptions, { run, perform }: SpawnHelper): PodNetworking {
  const { name, clock, log, stateDir } = options;
  const nodeIndex = options.nodeIndex ?? 0;
  if (options.cni !== undefined)
    return new CniNetwork({
      ...options.cni,
      name,
      nodeIndex,
      cacheDirectory: join(stateDir, 'cni'),
      log,
      run,
      perform,
    });
  return new PodNetwork({
    name,
    nodeIndex,
    clock,
    perform,
    podCidr: options.podCidr,
    clusterCidr: options.clusterCidr,
    log,
    ...(options.serviceCidr === undefined ? {} : { serviceCidr: options.serviceCidr }),
    ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
    ...(options.masquerade === undefined ? {} : { masquerade: options.masquerade }),
  });
}

export async function openContext(
  options: EmbeddedRuntimeOptions,
  listeners: ReadonlySet<(event: RuntimeEvent) => void>,
): Promise<RuntimeContext> {
  const { name, clock, log, stateDir } = options;
  const index = options.nodeIndex ?? 0;
  const own = index === 0 ? name : `${name}-${index}`;
  const runDirectory = options.runDir ?? `/run/${own}`;
  const cgroupRoot = `/${own}`;
  const conmonCgroup = `${cgroupRoot}/conmon`;
  const { cgroups, mounted } = await readyCgroups(conmonCgroup, log);
  await cgroups.setLimits(conmonCgroup, { cpuShares: CONMON_CPU_SHARES });
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
  // Not waited for: who needs it first waits then.
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
  const network = openNetwork(options, helper);
  const sandboxes = new RecordStore<SandboxRecord>(join(stateDir, 's'));
  return {
    clock,
    log,
    host,
    cgroups,
    cgroupRoot,
    runDirectory,
    exitDirectory,
    pauseRoot,
    emptyDirectory: join(stateDir, 'empty'),
    cdiDirectories: options.cdiDirectories ?? CDI_DIRECTORIES,
    helper,
    helperCgroup: conmonCgroup,
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
    shm: sharedMemoryPool(join(runDirectory, 'shm'), clock, log),
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
}
