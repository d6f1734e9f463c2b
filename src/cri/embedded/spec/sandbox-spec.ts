// The OCI specification of a sandbox: the pause program, holding the namespaces that a pod's containers share.
import type { PodSandboxConfig } from '../../port.ts';
import { clampOomScore, type HostFacts } from './container-spec.ts';
import { baseMounts, MASKED_PATHS, READONLY_PATHS } from './defaults.ts';
import { ociResources } from './resources.ts';
import { defaultSeccomp } from './seccomp.ts';
import type { OciNamespace, OciSpec } from './types.ts';
import { idMappings } from './user-namespace.ts';

export interface SandboxSpecInput {
  readonly config: PodSandboxConfig;
  readonly rootfs: string;
  readonly cgroupsPath: string;
  /** Absent with a user namespace: the network namespace is made with it, so that it belongs to it. */
  readonly netnsPath?: string;
  readonly host: HostFacts;
}

/** As the kubelet sets it: the sandbox is the last of a pod that the kernel may kill. */
export const PAUSE_OOM_SCORE = -998;

/** A user namespace knows no group beyond its range. */
function lastGroup(config: PodSandboxConfig): number {
  const lengths = config.namespaces.user?.gids.map((r) => r.containerId + r.length - 1);
  return lengths === undefined ? 2_147_483_647 : Math.max(...lengths);
}

/** The parameters of a sandbox's namespaces. */
export function sandboxSysctls(config: PodSandboxConfig): Record<string, string> {
  // As containerd's enable_unprivileged_ports and enable_unprivileged_icmp, which are on since 2.0.
  const defaults: Record<string, string> =
    config.namespaces.network === 'node'
      ? {}
      : { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': `0 ${lastGroup(config)}` };
  return { ...defaults, ...config.sysctls };
}

export function sandboxSpec(input: SandboxSpecInput): OciSpec {
  const { config, host } = input;
  const namespaces: OciNamespace[] = [{ type: 'mount' }];
  const { user } = config.namespaces;
  const ownNetwork = config.namespaces.network === 'pod';
  if (ownNetwork)
    namespaces.push(input.netnsPath === undefined ? { type: 'network' } : { type: 'network', path: input.netnsPath }, {
      type: 'uts',
    });
  if (user !== undefined) namespaces.push({ type: 'user' });
  if (config.namespaces.ipc !== 'node') namespaces.push({ type: 'ipc' });
  // Of its own also when the containers have theirs: pause must not see the host's processes.
  if (config.namespaces.pid !== 'node') namespaces.push({ type: 'pid' });
  const none: string[] = [];
  const oomScoreAdj = clampOomScore(PAUSE_OOM_SCORE, host);
  const hostname = ownNetwork ? config.hostname : '';
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 65_535, gid: 65_535, additionalGids: [65_535] },
      args: ['/pause'],
      env: ['PATH=/'],
      cwd: '/',
      capabilities: { bounding: none, effective: none, permitted: none },
      noNewPrivileges: true,
      ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
    },
    root: { path: input.rootfs, readonly: true },
    ...(hostname === '' ? {} : { hostname }),
    mounts: baseMounts(false).filter((m) => m.destination !== '/sys/fs/cgroup' && m.destination !== '/dev/mqueue'),
    annotations: { 'io.kubernetes.cri.container-type': 'sandbox', 'io.kubernetes.cri.sandbox-uid': config.uid },
    linux: {
      namespaces,
      ...(user === undefined ? {} : idMappings(user)),
      sysctl: sandboxSysctls(config),
      cgroupsPath: input.cgroupsPath,
      resources: ociResources({ cpuShares: 2 }, [{ allow: false, access: 'rwm' }], {
        unified: host.unifiedCgroups,
        swap: host.swap,
      }),
      devices: [],
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
      seccomp: defaultSeccomp([], host.architecture),
    },
  };
}
