// What controllers of pods know about pods: whose they are, how they do, how one is made from a template.
import type { KubeObject, OwnerReference } from '../../machinery/object.ts';
import { parseTime } from '../../machinery/time.ts';
import type { Pod, PodTemplateSpec } from '../../resources/generated/core-v1.ts';
import { findCondition } from './conditions.ts';

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((one) => one.controller === true);
}

export function ownerReference(owner: KubeObject): OwnerReference {
  const { name = '', uid = '' } = owner.metadata;
  return { apiVersion: owner.apiVersion, kind: owner.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && pod.metadata.deletionTimestamp === undefined;
}

export function isReady(pod: Pod): boolean {
  return findCondition(pod.status?.conditions, 'Ready')?.status === 'True';
}

export function readySince(pod: Pod): number {
  return parseTime(findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime ?? '') ?? 0;
}

/** Ready for at least so long. */
export function isAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  return isReady(pod) && (minReadySeconds === 0 || readySince(pod) + minReadySeconds * 1000 <= now);
}

export function createdAt(object: KubeObject): number {
  return parseTime(object.metadata.creationTimestamp ?? '') ?? 0;
}

export interface PodMaking {
  readonly template: PodTemplateSpec;
  readonly owner: KubeObject;
  readonly name: string;
  /** Shown in metadata.generateName when the name was made of it. */
  readonly generateName?: string;
}

export function podFromTemplate({ template, owner, name, generateName }: PodMaking): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      ...(generateName === undefined ? {} : { generateName }),
      ...(owner.metadata.namespace === undefined ? {} : { namespace: owner.metadata.namespace }),
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ownerReferences: [ownerReference(owner)],
    },
    ...(template.spec === undefined ? {} : { spec: template.spec }),
  };
}

/** Which of too many pods go first: those of least use, and among equals the youngest.
 *  Source: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset */
export function worstFirst(pods: readonly Pod[]): Pod[] {
  const perNode = new Map<string, number>();
  for (const pod of pods) {
    const node = pod.spec?.nodeName ?? '';
    perNode.set(node, (perNode.get(node) ?? 0) + 1);
  }
  const phases: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
  const placed = (pod: Pod): number => ((pod.spec?.nodeName ?? '') === '' ? 0 : 1);
  const phase = (pod: Pod): number => phases[pod.status?.phase ?? 'Pending'] ?? 0;
  const ready = (pod: Pod): number => (isReady(pod) ? 1 : 0);
  const cost = (pod: Pod): number => {
    const value = Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? '0');
    return Number.isInteger(value) ? value : 0;
  };
  const together = (pod: Pod): number => perNode.get(pod.spec?.nodeName ?? '') ?? 0;
  const age = (time: number): number => (time === 0 ? 0 : Math.floor(Math.log2(Math.max(1, time / 1000))));
  const restarts = (pod: Pod): number =>
    Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount ?? 0));
  const now = Math.max(0, ...pods.map(createdAt), ...pods.map(readySince));
  return [...pods].sort(
    (a, b) =>
      placed(a) - placed(b) ||
      phase(a) - phase(b) ||
      ready(a) - ready(b) ||
      cost(a) - cost(b) ||
      together(b) - together(a) ||
      (ready(a) === 1 ? age(now - readySince(a)) - age(now - readySince(b)) : 0) ||
      restarts(b) - restarts(a) ||
      age(now - createdAt(a)) - age(now - createdAt(b)) ||
      ((a.metadata.uid ?? '') < (b.metadata.uid ?? '') ? -1 : 1),
  );
}
