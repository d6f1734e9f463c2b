// Between the port's words and the CRI's messages.
import type {
  ContainerConfig,
  ContainerStats,
  ContainerStatus,
  LinuxResources,
  LinuxSecurity,
  Mount,
  PodSandboxConfig,
  PodSandboxStats,
  PodSandboxStatus,
} from '../port.ts';
import { list, type Message, message, number, text, textMap, wrapped } from './wire.ts';

const NANO = 1e6;
const MODES = { pod: 'POD', container: 'CONTAINER', node: 'NODE', target: 'TARGET' } as const;
const PROPAGATIONS = {
  private: 'PROPAGATION_PRIVATE',
  hostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  bidirectional: 'PROPAGATION_BIDIRECTIONAL',
} as const;

function compact(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

export function resourcesOut(r: LinuxResources): object {
  return compact({
    cpu_period: r.cpuPeriod,
    cpu_quota: r.cpuQuota,
    cpu_shares: r.cpuShares,
    memory_limit_in_bytes: r.memoryLimitBytes,
    oom_score_adj: r.oomScoreAdj,
    cpuset_cpus: r.cpusetCpus,
    cpuset_mems: r.cpusetMems,
    hugepage_limits: r.hugepageLimits?.map((h) => ({ page_size: h.pageSize, limit: h.limit })),
    unified: r.unified,
    memory_swap_limit_in_bytes: r.memorySwapLimitBytes,
  });
}

function resourcesIn(m: Message): LinuxResources {
  const value = (field: string) => (number(m, field) === 0 ? undefined : number(m, field));
  return compact({
    cpuPeriod: value('cpu_period'),
    cpuQuota: value('cpu_quota'),
    cpuShares: value('cpu_shares'),
    memoryLimitBytes: value('memory_limit_in_bytes'),
    oomScoreAdj: value('oom_score_adj'),
    cpusetCpus: text(m, 'cpuset_cpus') || undefined,
    cpusetMems: text(m, 'cpuset_mems') || undefined,
  });
}

function common(s: LinuxSecurity): Record<string, unknown> {
  const profile = (type: string, path: string | undefined) => ({ profile_type: type, localhost_ref: path ?? '' });
  return compact({
    selinux_options: s.selinux,
    run_as_user: s.runAsUser === undefined ? undefined : { value: s.runAsUser },
    run_as_group: s.runAsGroup === undefined ? undefined : { value: s.runAsGroup },
    readonly_rootfs: s.readonlyRootfs,
    supplemental_groups: s.supplementalGroups,
    supplemental_groups_policy: s.supplementalGroupsPolicy,
    privileged: s.privileged,
    seccomp: s.seccomp === undefined ? undefined : profile(s.seccomp.type, s.seccomp.localhostPath),
    apparmor: s.apparmor === undefined ? undefined : profile(s.apparmor.type, s.apparmor.localhostProfile),
  });
}

function namespacesOut(config: PodSandboxConfig, pid: keyof typeof MODES, target = ''): object {
  const { network, ipc, user } = config.namespaces;
  const ids = (all: NonNullable<typeof user>['uids']) =>
    all.map((m) => ({ host_id: m.hostId, container_id: m.containerId, length: m.length }));
  return compact({
    network: MODES[network],
    ipc: MODES[ipc],
    pid: MODES[pid],
    target_id: target,
    userns_options: user === undefined ? undefined : { mode: 'POD', uids: ids(user.uids), gids: ids(user.gids) },
  });
}

export function sandboxOut(config: PodSandboxConfig, cgroupRoot: string): object {
  return compact({
    metadata: { name: config.name, uid: config.uid, namespace: config.namespace, attempt: config.attempt },
    hostname: config.hostname,
    log_directory: config.logDirectory,
    dns_config: config.dns,
    port_mappings: config.portMappings.map((p) => ({
      protocol: p.protocol,
      container_port: p.containerPort,
      host_port: p.hostPort,
      host_ip: p.hostIp,
    })),
    labels: config.labels,
    annotations: config.annotations,
    linux: compact({
      cgroup_parent: `${cgroupRoot}${config.cgroupParent}`,
      sysctls: config.sysctls,
      overhead: config.overhead === undefined ? undefined : resourcesOut(config.overhead),
      resources: config.resources === undefined ? undefined : resourcesOut(config.resources),
      security_context: { ...common(config.security), namespace_options: namespacesOut(config, config.namespaces.pid) },
    }),
  });
}

function mountOut(m: Mount): object {
  return compact({
    container_path: m.containerPath,
    host_path: m.hostPath,
    readonly: m.readonly,
    recursive_read_only: m.recursiveReadOnly,
    propagation: PROPAGATIONS[m.propagation],
    image: m.image === undefined ? undefined : { image: m.image },
    image_sub_path: m.imageSubPath,
  });
}

function signalOut(signal: string | undefined): string | undefined {
  if (signal === undefined) return undefined;
  const upper = signal.toUpperCase();
  return upper.startsWith('SIG') ? upper : `SIG${upper}`;
}

export function containerOut(config: ContainerConfig, sandbox: PodSandboxConfig): object {
  const s = config.security;
  return compact({
    metadata: { name: config.name, attempt: config.attempt },
    image: { image: config.image, user_specified_image: config.userImage },
    command: config.command,
    args: config.args,
    working_dir: config.workingDir,
    envs: config.env,
    mounts: config.mounts.map(mountOut),
    devices: config.devices.map((d) => ({
      container_path: d.containerPath,
      host_path: d.hostPath,
      permissions: d.permissions,
    })),
    CDI_devices: config.cdiDevices?.map((name) => ({ name })),
    labels: config.labels,
    annotations: config.annotations,
    log_path: config.logPath,
    stdin: config.stdin,
    stdin_once: config.stdinOnce,
    tty: config.tty,
    stop_signal: signalOut(config.stopSignal),
    linux: {
      resources: resourcesOut(config.resources),
      security_context: compact({
        ...common(s),
        capabilities:
          s.capabilities === undefined
            ? undefined
            : { add_capabilities: s.capabilities.add, drop_capabilities: s.capabilities.drop },
        namespace_options: namespacesOut(sandbox, s.pidMode, s.targetContainerId),
        run_as_username: s.runAsUsername,
        no_new_privs: s.noNewPrivs,
        masked_paths: s.privileged ? [] : (s.maskedPaths ?? DEFAULT_MASKED),
        readonly_paths: s.privileged ? [] : (s.readonlyPaths ?? DEFAULT_READONLY),
      }),
    },
  });
}

/** The kubelet of Kubernetes names them, and runtimes take an empty list for "none". */
const DEFAULT_MASKED =
  '/proc/asound /proc/acpi /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap'.split(
    ' ',
  );
const DEFAULT_READONLY = '/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger'.split(' ');

export function sandboxIn(m: Message): PodSandboxStatus {
  const metadata = message(m, 'metadata');
  const network = message(m, 'network');
  const more = list(network, 'additional_ips').map((ip) => text(ip, 'ip'));
  return {
    id: text(m, 'id'),
    name: text(metadata, 'name'),
    namespace: text(metadata, 'namespace'),
    uid: text(metadata, 'uid'),
    attempt: number(metadata, 'attempt'),
    state: text(m, 'state') === 'SANDBOX_READY' ? 'ready' : 'notready',
    createdAt: number(m, 'created_at') / NANO,
    ips: [text(network, 'ip'), ...more].filter((ip) => ip !== ''),
    labels: textMap(m, 'labels'),
    annotations: textMap(m, 'annotations'),
    runtimeHandler: text(m, 'runtime_handler'),
  };
}

const STATES: Readonly<Record<string, ContainerStatus['state']>> = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
};

function mountIn(m: Message): Mount {
  const propagation = text(m, 'propagation');
  return {
    containerPath: text(m, 'container_path'),
    hostPath: text(m, 'host_path'),
    readonly: m.readonly === true,
    propagation:
      propagation === PROPAGATIONS.bidirectional
        ? 'bidirectional'
        : propagation === PROPAGATIONS.hostToContainer
          ? 'hostToContainer'
          : 'private',
  };
}

export function containerIn(m: Message, sandboxId: string): ContainerStatus {
  const metadata = message(m, 'metadata');
  const image = message(m, 'image');
  const user = message(message(m, 'user'), 'linux');
  const limits = message(message(m, 'resources'), 'linux');
  const stopSignal = text(m, 'stop_signal');
  return {
    id: text(m, 'id'),
    sandboxId,
    name: text(metadata, 'name'),
    attempt: number(metadata, 'attempt'),
    state: STATES[text(m, 'state')] ?? 'unknown',
    createdAt: number(m, 'created_at') / NANO,
    startedAt: number(m, 'started_at') / NANO,
    finishedAt: number(m, 'finished_at') / NANO,
    exitCode: number(m, 'exit_code'),
    reason: text(m, 'reason'),
    message: text(m, 'message'),
    image: text(image, 'image'),
    imageRef: text(m, 'image_ref'),
    imageId: text(m, 'image_id') || text(m, 'image_ref'),
    labels: textMap(m, 'labels'),
    annotations: textMap(m, 'annotations'),
    mounts: list(m, 'mounts').map(mountIn),
    logPath: text(m, 'log_path'),
    ...('uid' in user
      ? {
          user: {
            uid: number(user, 'uid'),
            gid: number(user, 'gid'),
            supplementalGroups: Array.isArray(user.supplemental_groups) ? user.supplemental_groups.map(Number) : [],
          },
        }
      : {}),
    ...(Object.keys(limits).length === 0 ? {} : { resources: resourcesIn(limits) }),
    ...(stopSignal === '' || stopSignal === 'RUNTIME_DEFAULT' ? {} : { stopSignal }),
  };
}

function containerStatsIn(m: Message, sandboxId: string): ContainerStats {
  const attributes = message(m, 'attributes');
  const [cpu, memory, disk] = [message(m, 'cpu'), message(m, 'memory'), message(m, 'writable_layer')];
  const nano = wrapped(cpu, 'usage_nano_cores');
  return {
    id: text(attributes, 'id'),
    sandboxId,
    name: text(message(attributes, 'metadata'), 'name'),
    timestamp: number(cpu, 'timestamp') / NANO,
    ...(nano === undefined ? {} : { cpuUsageNanoCores: nano }),
    cpuUsageCoreNanoSeconds: wrapped(cpu, 'usage_core_nano_seconds') ?? 0,
    memoryUsageBytes: wrapped(memory, 'usage_bytes') ?? 0,
    memoryWorkingSetBytes: wrapped(memory, 'working_set_bytes') ?? 0,
    memoryRssBytes: wrapped(memory, 'rss_bytes') ?? 0,
    memoryPageFaults: wrapped(memory, 'page_faults') ?? 0,
    memoryMajorPageFaults: wrapped(memory, 'major_page_faults') ?? 0,
    pids: 0,
    rootfsUsedBytes: wrapped(disk, 'used_bytes') ?? 0,
    rootfsInodes: wrapped(disk, 'inodes_used') ?? 0,
  };
}

export function statsIn(m: Message): PodSandboxStats {
  const attributes = message(m, 'attributes');
  const linux = message(m, 'linux');
  const [cpu, memory, network] = [message(linux, 'cpu'), message(linux, 'memory'), message(linux, 'network')];
  const link = message(network, 'default_interface');
  const id = text(attributes, 'id');
  return {
    id,
    uid: text(message(attributes, 'metadata'), 'uid'),
    timestamp: number(cpu, 'timestamp') / NANO,
    cpuUsageCoreNanoSeconds: wrapped(cpu, 'usage_core_nano_seconds') ?? 0,
    memoryUsageBytes: wrapped(memory, 'usage_bytes') ?? 0,
    memoryWorkingSetBytes: wrapped(memory, 'working_set_bytes') ?? 0,
    pids: wrapped(message(linux, 'process'), 'process_count') ?? 0,
    ...(text(link, 'name') === ''
      ? {}
      : {
          network: {
            name: text(link, 'name'),
            rxBytes: wrapped(link, 'rx_bytes') ?? 0,
            rxErrors: wrapped(link, 'rx_errors') ?? 0,
            txBytes: wrapped(link, 'tx_bytes') ?? 0,
            txErrors: wrapped(link, 'tx_errors') ?? 0,
          },
        }),
    containers: list(linux, 'containers').map((c) => containerStatsIn(c, id)),
  };
}
