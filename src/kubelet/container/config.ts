// From a pod's container to what the runtime is told to make.
import {
  type ContainerConfig,
  type Device,
  type ImageInfo,
  type LinuxSecurity,
  type Mount,
  type PodSandboxConfig,
  type PortMapping,
  RUNS_TO_COMPLETION,
} from '../../cri/port.ts';
import type { ContainerPort, Pod } from '../../resources/generated/core-v1.ts';
import type { ContainerExtras } from '../plugins/node-plugins.ts';
import {
  ANNOTATION,
  appContainers,
  type ContainerRef,
  hashOf,
  initContainers,
  isSidecar,
  LABEL,
  logPathOf,
  namesOf,
  type PodPaths,
  specOf,
} from '../pod/identity.ts';
import { expand } from './expand.ts';
import { type DnsContext, kernelHostname, podResolver } from './hosts.ts';
import { cgroupParent, containerResources, podResources, type ResourceContext } from './resources.ts';
import { sandboxSecurity } from './security.ts';
import { sysctlsOf } from './sysctls.ts';

function portsOf(pod: Pod): PortMapping[] {
  if (specOf(pod).hostNetwork === true) return [];
  const refs = [...initContainers(pod).filter(isSidecar), ...appContainers(pod)];
  const ports = refs.flatMap((ref): ContainerPort[] => ref.spec.ports ?? []);
  return ports
    .filter((p) => p.hostPort !== undefined && p.hostPort > 0)
    .map((p) => ({
      protocol: p.protocol === 'UDP' || p.protocol === 'SCTP' ? p.protocol : 'TCP',
      containerPort: p.containerPort,
      hostPort: p.hostPort ?? 0,
      hostIp: p.hostIP ?? '',
    }));
}

export interface SandboxInput {
  readonly pod: Pod;
  readonly attempt: number;
  readonly paths: PodPaths;
  readonly dns: DnsContext;
  readonly resources: ResourceContext;
  readonly runtimeHandler: string;
  readonly userNamespace?: PodSandboxConfig['namespaces']['user'];
}

export function sandboxConfig(input: SandboxInput): PodSandboxConfig {
  const { pod } = input;
  const spec = specOf(pod);
  const names = namesOf(pod);
  return {
    ...names,
    attempt: input.attempt,
    hostname: spec.hostNetwork === true ? '' : kernelHostname(pod, input.dns.clusterDomain),
    logDirectory: input.paths.logs,
    dns: podResolver(pod, input.dns),
    portMappings: portsOf(pod),
    labels: {
      ...pod.metadata.labels,
      [LABEL.podName]: names.name,
      [LABEL.podNamespace]: names.namespace,
      [LABEL.podUid]: names.uid,
    },
    annotations: { ...pod.metadata.annotations },
    cgroupParent: cgroupParent(pod),
    sysctls: sysctlsOf(pod),
    namespaces: {
      network: spec.hostNetwork === true ? 'node' : 'pod',
      pid: spec.hostPID === true ? 'node' : spec.shareProcessNamespace === true ? 'pod' : 'container',
      ipc: spec.hostIPC === true ? 'node' : 'pod',
      ...(input.userNamespace === undefined ? {} : { user: input.userNamespace }),
    },
    security: sandboxSecurity(pod),
    resources: podResources(pod, input.resources),
    runtimeHandler: input.runtimeHandler,
  };
}

export interface ContainerInput {
  readonly pod: Pod;
  readonly ref: ContainerRef;
  readonly attempt: number;
  readonly image: ImageInfo;
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
  /** What plugins add for the devices that they gave. */
  readonly extras?: ContainerExtras;
  readonly security: LinuxSecurity;
  readonly resources: ResourceContext;
}

/** Whether somebody waits for it to end: the containers after it, or the Job that made the pod. */
function isAwaited({ metadata }: Pod, ref: ContainerRef): boolean {
  if (ref.kind === 'init') return !isSidecar(ref);
  return (
    ref.kind === 'app' && (metadata.ownerReferences ?? []).some((owner) => owner.controller && owner.kind === 'Job')
  );
}

function annotationsOf(pod: Pod, ref: ContainerRef, attempt: number): Record<string, string> {
  const spec = specOf(pod);
  const preStop = ref.spec.lifecycle?.preStop;
  return {
    [ANNOTATION.hash]: hashOf(ref),
    [ANNOTATION.restartCount]: String(attempt),
    [ANNOTATION.messagePath]: ref.spec.terminationMessagePath ?? '/dev/termination-log',
    [ANNOTATION.messagePolicy]: ref.spec.terminationMessagePolicy ?? 'File',
    [ANNOTATION.grace]: String(spec.terminationGracePeriodSeconds ?? 30),
    ...(isAwaited(pod, ref) ? { [RUNS_TO_COMPLETION]: 'true' } : {}),
    ...(preStop === undefined ? {} : { [ANNOTATION.preStop]: JSON.stringify(preStop) }),
    ...((ref.spec.ports ?? []).length === 0 ? {} : { [ANNOTATION.ports]: JSON.stringify(ref.spec.ports) }),
  };
}

export function containerConfig(input: ContainerInput): ContainerConfig {
  const { pod, ref, env, extras } = input;
  const names = namesOf(pod);
  const lookup = (name: string): string | undefined => env.get(name);
  const stopSignal = ref.spec.lifecycle?.stopSignal;
  return {
    name: ref.spec.name,
    attempt: input.attempt,
    image: input.image.id,
    userImage: ref.spec.image ?? '',
    command: (ref.spec.command ?? []).map((text) => expand(text, lookup)),
    args: (ref.spec.args ?? []).map((text) => expand(text, lookup)),
    workingDir: ref.spec.workingDir ?? '',
    // What the pod says of a variable counts more than what a plugin does.
    env: [...new Map([...(extras?.env ?? []), ...env])].map(([key, value]) => ({ key, value })),
    mounts: [...input.mounts, ...(extras?.mounts ?? [])],
    devices: [...input.devices, ...(extras?.devices ?? [])],
    ...(extras === undefined || extras.cdiDevices.length === 0 ? {} : { cdiDevices: extras.cdiDevices }),
    labels: {
      [LABEL.podName]: names.name,
      [LABEL.podNamespace]: names.namespace,
      [LABEL.podUid]: names.uid,
      [LABEL.containerName]: ref.spec.name,
    },
    annotations: { ...extras?.annotations, ...annotationsOf(pod, ref, input.attempt) },
    logPath: logPathOf(ref.spec.name, input.attempt),
    stdin: ref.spec.stdin === true,
    stdinOnce: ref.spec.stdinOnce === true,
    tty: ref.spec.tty === true,
    resources: containerResources(pod, ref, input.resources),
    security: input.security,
    ...(stopSignal === undefined ? {} : { stopSignal }),
  };
}
