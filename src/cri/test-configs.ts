// A pod and a container as tests of runtimes begin with them: nothing is asked for beyond what a runtime must know.
import type { ContainerConfig, LinuxSecurity, PodSandboxConfig } from './port.ts';

export const SECURITY: LinuxSecurity = {
  privileged: false,
  supplementalGroups: [],
  readonlyRootfs: false,
  noNewPrivs: false,
  pidMode: 'container',
  seccomp: { type: 'RuntimeDefault' },
};

export function podConfig(
  uid: string,
  over: Partial<PodSandboxConfig> & Pick<PodSandboxConfig, 'logDirectory'>,
): PodSandboxConfig {
  return {
    name: uid,
    namespace: 'default',
    uid,
    attempt: 0,
    hostname: uid,
    portMappings: [],
    labels: {},
    annotations: {},
    cgroupParent: `/kubepods/besteffort/pod${uid}`,
    sysctls: {},
    namespaces: { network: 'pod', pid: 'container', ipc: 'pod' },
    security: SECURITY,
    runtimeHandler: '',
    ...over,
  };
}

export function containerConfig(
  image: string,
  command: readonly string[],
  over: Partial<ContainerConfig> = {},
): ContainerConfig {
  const name = over.name ?? 'c';
  return {
    name,
    attempt: 0,
    image,
    userImage: 'busybox:latest',
    command,
    args: [],
    workingDir: '',
    env: [],
    mounts: [],
    devices: [],
    labels: {},
    annotations: {},
    logPath: `${name}/0.log`,
    stdin: false,
    stdinOnce: false,
    tty: false,
    resources: {},
    security: SECURITY,
    ...over,
  };
}
