// What a pod and its containers are called towards the runtime, on the disk and in events.
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Container, EphemeralContainer, Pod, PodSpec } from '../../resources/generated/core-v1.ts';

/** Labels and annotations that CRI sandboxes and containers carry, so that state can be rebuilt from the runtime alone. */
export const LABEL = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
} as const;

export const ANNOTATION = {
  hash: 'io.kubernetes.container.hash',
  restartCount: 'io.kubernetes.container.restartCount',
  messagePath: 'io.kubernetes.container.terminationMessagePath',
  messagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  grace: 'io.kubernetes.pod.terminationGracePeriod',
  preStop: 'io.kubernetes.container.preStopHandler',
  ports: 'io.kubernetes.container.ports',
  configSource: 'kubernetes.io/config.source',
  configHash: 'kubernetes.io/config.hash',
  configMirror: 'kubernetes.io/config.mirror',
  configSeen: 'kubernetes.io/config.seen',
} as const;

export type ContainerKind = 'init' | 'app' | 'ephemeral';

export interface ContainerRef {
  readonly kind: ContainerKind;
  readonly spec: Container | EphemeralContainer;
}

export interface PodNames {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

export function namesOf(pod: Pod): PodNames {
  const { name, namespace, uid } = pod.metadata;
  return { name: name ?? '', namespace: namespace ?? '', uid: uid ?? '' };
}

/** A static pod's mirror carries the static pod's own uid in an annotation. */
export function specOf(pod: Pod): PodSpec {
  return pod.spec ?? { containers: [] };
}

/** `name_namespace(uid)`, as messages name a pod. */
export function podText(pod: Pod): string {
  const n = namesOf(pod);
  return `${n.name}_${n.namespace}(${n.uid})`;
}

export function initContainers(pod: Pod): readonly ContainerRef[] {
  return (specOf(pod).initContainers ?? []).map((spec) => ({ kind: 'init', spec }));
}

export function appContainers(pod: Pod): readonly ContainerRef[] {
  return specOf(pod).containers.map((spec) => ({ kind: 'app', spec }));
}

export function ephemeralContainers(pod: Pod): readonly ContainerRef[] {
  return (specOf(pod).ephemeralContainers ?? []).map((spec) => ({ kind: 'ephemeral', spec }));
}

export function allContainers(pod: Pod): readonly ContainerRef[] {
  return [...initContainers(pod), ...appContainers(pod), ...ephemeralContainers(pod)];
}

/** A restartable init container. https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/ */
export function isSidecar(ref: ContainerRef): boolean {
  return ref.kind === 'init' && ref.spec.restartPolicy === 'Always';
}

const FIELDS: Record<ContainerKind, string> = {
  init: 'initContainers',
  app: 'containers',
  ephemeral: 'ephemeralContainers',
};

/** The part of the pod that an event about this container points at. */
export function fieldPathOf(ref: ContainerRef): string {
  return `spec.${FIELDS[ref.kind]}{${ref.spec.name}}`;
}

/** Changes when the container must be replaced: only name and image can change in a running pod without a resize. */
export function hashOf(ref: ContainerRef): string {
  const text = JSON.stringify([ref.spec.name, ref.spec.image ?? '']);
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

export function isStatic(pod: Pod): boolean {
  const source = pod.metadata.annotations?.[ANNOTATION.configSource];
  return source !== undefined && source !== 'api';
}

/** A pod that came from the API, whatever its annotations say of where it came from: only files make static pods. */
export function fromApi(pod: Pod): Pod {
  if (!isStatic(pod)) return pod;
  const annotations = { ...pod.metadata.annotations, [ANNOTATION.configSource]: 'api' };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

export function isMirror(pod: Pod): boolean {
  return pod.metadata.annotations?.[ANNOTATION.configMirror] !== undefined;
}

/** One that the system needs: it is neither evicted nor refused for want of room. */
export function isCritical(pod: Pod): boolean {
  return isStatic(pod) || (specOf(pod).priority ?? 0) >= 2_000_000_000;
}

/** Where things of a pod lie below the kubelet's root and log directories. */
export class PodPaths {
  readonly root: string;
  readonly logs: string;

  constructor(rootDir: string, logDir: string, names: PodNames) {
    this.root = path.join(rootDir, 'pods', names.uid);
    this.logs = path.join(logDir, `${names.namespace}_${names.name}_${names.uid}`);
  }

  get hosts(): string {
    return path.join(this.root, 'etc-hosts');
  }

  volume(plugin: string, name: string): string {
    return path.join(this.root, 'volumes', `kubernetes.io~${plugin}`, name);
  }

  get subpaths(): string {
    return path.join(this.root, 'volume-subpaths');
  }

  container(name: string): string {
    return path.join(this.root, 'containers', name);
  }
}

/** `<container>/<attempt>.log` below the pod's log directory. */
export function logPathOf(container: string, attempt: number): string {
  return `${container}/${attempt}.log`;
}
