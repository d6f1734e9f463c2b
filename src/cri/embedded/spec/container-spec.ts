// A container's OCI specification, as a pure function of what the kubelet asked for and what is known of image, sandbox and host.
import type { ContainerConfig, Mount, PodSandboxConfig } from '../../port.ts';
import type { OciImageConfig } from '../images/index.ts';
import { containerCapabilities } from './capabilities.ts';
import { baseMounts, DEFAULT_PATH, MASKED_PATHS, READONLY_PATHS } from './defaults.ts';
import { ociResources } from './resources.ts';
import { defaultSeccomp, type SeccompProfile } from './seccomp.ts';
import type { OciDevice, OciDeviceRule, OciMount, OciNamespace, OciSpec } from './types.ts';
import { idMappings, withIds } from './user-namespace.ts';
import type { ContainerUser } from './users.ts';

export interface HostFacts {
  readonly architecture: string;
  readonly capabilities: readonly string[];
  readonly unifiedCgroups: boolean;
  readonly swap: boolean;
  /** Whether pods can have user ids of their own, with their files shown so. */
  readonly userNamespaces: boolean;
  /** Lower than this cannot be set; undefined: anything can. */
  readonly lowestOomScoreAdj?: number;
}

/** What a sandbox lends to its containers. */
export interface SandboxFacts {
  readonly pid: number;
  readonly netnsPath?: string;
  readonly hostname: string;
  readonly resolvConf: string;
  readonly hostnameFile: string;
  readonly shm: string;
}

export interface ContainerSpecInput {
  readonly config: ContainerConfig;
  readonly sandbox: PodSandboxConfig;
  readonly facts: SandboxFacts;
  readonly host: HostFacts;
  readonly image: OciImageConfig;
  readonly rootfs: string;
  readonly cgroupsPath: string;
  readonly user: ContainerUser;
  readonly devices: readonly OciDevice[];
  /** The profile of a Localhost seccomp setting, read from its file. */
  readonly localSeccomp?: SeccompProfile;
  readonly apparmorProfile?: string;
  /** Container path → directory or overlay of an image volume. */
  readonly imageMounts: ReadonlyMap<string, OciMount>;
  /** The process whose PID namespace is joined, for pidMode `target`. */
  readonly targetPid?: number;
}

/** https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/#notes */
export function commandLine(config: Pick<ContainerConfig, 'command' | 'args'>, image: OciImageConfig): string[] {
  if (config.command.length > 0) return [...config.command, ...config.args];
  const entrypoint = image.Entrypoint ?? [];
  const args = config.args.length > 0 ? config.args : (image.Cmd ?? []);
  return [...entrypoint, ...args];
}

export function environment(config: ContainerConfig, image: OciImageConfig, hostname: string): string[] {
  const env = new Map<string, string>();
  const put = (line: string) => {
    const at = line.indexOf('=');
    env.set(at < 0 ? line : line.slice(0, at), at < 0 ? '' : line.slice(at + 1));
  };
  put(DEFAULT_PATH);
  if (hostname !== '') env.set('HOSTNAME', hostname);
  if (config.tty) env.set('TERM', 'xterm');
  for (const line of image.Env ?? []) put(line);
  for (const { key, value } of config.env) env.set(key, value);
  return [...env].map(([key, value]) => `${key}=${value}`);
}

const PROPAGATION = { private: 'rprivate', hostToContainer: 'rslave', bidirectional: 'rshared' } as const;

function bind(mount: Mount): OciMount {
  const access = mount.readonly ? (mount.recursiveReadOnly === true ? ['ro', 'rro'] : ['ro']) : ['rw'];
  return {
    destination: mount.containerPath,
    type: 'bind',
    source: mount.hostPath,
    options: ['rbind', PROPAGATION[mount.propagation], ...access],
  };
}

function mountsOf(input: ContainerSpecInput): OciMount[] {
  const { config, facts, sandbox } = input;
  const privileged = config.security.privileged;
  const given = new Set(config.mounts.map((m) => m.containerPath));
  const access = config.security.readonlyRootfs ? 'ro' : 'rw';
  const hostShm = sandbox.namespaces.ipc === 'node';
  const files: readonly (readonly [string, string, string])[] = [
    ['/etc/hostname', facts.hostnameFile, access],
    ['/etc/resolv.conf', facts.resolvConf, access],
    ['/dev/shm', hostShm ? '/dev/shm' : facts.shm, 'rw'],
  ];
  const own: OciMount[] = [];
  for (const [destination, source, mode] of files)
    if (!given.has(destination) && source !== '')
      own.push({ destination, type: 'bind', source, options: ['rbind', 'rprivate', mode] });
  const base = baseMounts(privileged).filter((m) => !given.has(m.destination));
  const { user } = sandbox.namespaces;
  const ids = user === undefined ? undefined : idMappings(user);
  // The files are the node's own, each made for the pod; an image is mounted with the ids already.
  const asked = config.mounts.map((m) => input.imageMounts.get(m.containerPath) ?? withIds(bind(m), ids));
  // A mount below another one's place must come after it.
  asked.sort((a, b) => a.destination.split('/').length - b.destination.split('/').length);
  return [...base, ...own, ...asked];
}

function namespacesOf(input: ContainerSpecInput): OciNamespace[] {
  const { config, sandbox, facts } = input;
  const join = (kind: string, pid = facts.pid) => `/proc/${pid}/ns/${kind}`;
  const list: OciNamespace[] = [{ type: 'mount' }];
  if (facts.netnsPath !== undefined) {
    list.push({ type: 'network', path: facts.netnsPath });
    list.push({ type: 'uts', path: join('uts') });
  }
  if (sandbox.namespaces.ipc !== 'node') list.push({ type: 'ipc', path: join('ipc') });
  if (sandbox.namespaces.user !== undefined) list.push({ type: 'user', path: join('user') });
  if (config.security.pidMode === 'container') list.push({ type: 'pid' });
  else if (config.security.pidMode === 'pod') list.push({ type: 'pid', path: join('pid') });
  else if (config.security.pidMode === 'target' && input.targetPid !== undefined)
    list.push({ type: 'pid', path: join('pid', input.targetPid) });
  // On v1 hosts the tree of the host is the tree of the container, as containerd has it.
  if (input.host.unifiedCgroups && !config.security.privileged) list.push({ type: 'cgroup' });
  return list;
}

function seccompOf(input: ContainerSpecInput, capabilities: readonly string[]): SeccompProfile | undefined {
  const { security } = input.config;
  if (security.privileged || security.seccomp === undefined || security.seccomp.type === 'Unconfined') return undefined;
  if (security.seccomp.type === 'Localhost') return input.localSeccomp;
  return defaultSeccomp(capabilities, input.host.architecture);
}

/** The one that propagates most among the mounts decides for the root. */
function rootPropagation(mounts: readonly Mount[]): string | undefined {
  if (mounts.some((m) => m.propagation === 'bidirectional')) return 'rshared';
  if (mounts.some((m) => m.propagation === 'hostToContainer')) return 'rslave';
  return undefined;
}

function deviceRules(input: ContainerSpecInput): OciDeviceRule[] {
  if (input.config.security.privileged) return [{ allow: true, access: 'rwm' }];
  const permissions = new Map(input.config.devices.map((d) => [d.containerPath, d.permissions]));
  return [
    { allow: false, access: 'rwm' },
    ...input.devices.map((d) => ({
      allow: true,
      type: d.type,
      major: d.major,
      minor: d.minor,
      access: permissions.get(d.path) ?? 'rwm',
    })),
  ];
}

export function clampOomScore(wanted: number | undefined, host: HostFacts): number | undefined {
  if (wanted === undefined || host.lowestOomScoreAdj === undefined) return wanted;
  return Math.max(wanted, host.lowestOomScoreAdj);
}

export function containerSpec(input: ContainerSpecInput): OciSpec {
  const { config, image, host } = input;
  const { security } = config;
  const args = commandLine(config, image);
  if (args.length === 0) throw new Error('failed to generate spec: no command specified');
  const capabilities = containerCapabilities(security, host.capabilities);
  const seccomp = seccompOf(input, capabilities);
  const oomScoreAdj = clampOomScore(config.resources.oomScoreAdj, host);
  const propagation = rootPropagation(config.mounts);
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: config.tty,
      user: input.user,
      args,
      env: environment(config, image, input.facts.hostname),
      cwd: config.workingDir || image.WorkingDir || '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: security.noNewPrivs,
      ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
      ...(input.apparmorProfile === undefined ? {} : { apparmorProfile: input.apparmorProfile }),
    },
    root: { path: input.rootfs, readonly: security.readonlyRootfs },
    mounts: mountsOf(input),
    annotations: {
      'io.kubernetes.cri.container-type': 'container',
      'io.kubernetes.cri.container-name': config.name,
      'io.kubernetes.cri.sandbox-uid': input.sandbox.uid,
    },
    linux: {
      namespaces: namespacesOf(input),
      ...(input.sandbox.namespaces.user === undefined ? {} : idMappings(input.sandbox.namespaces.user)),
      cgroupsPath: input.cgroupsPath,
      resources: ociResources(config.resources, deviceRules(input), { unified: host.unifiedCgroups, swap: host.swap }),
      devices: input.devices,
      maskedPaths: security.privileged ? [] : (security.maskedPaths ?? MASKED_PATHS),
      readonlyPaths: security.privileged ? [] : (security.readonlyPaths ?? READONLY_PATHS),
      ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
      ...(seccomp === undefined ? {} : { seccomp }),
    },
  };
}
