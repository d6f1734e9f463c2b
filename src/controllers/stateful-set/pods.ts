// The pods of a StatefulSet: names, places in the row, claims. Pure.
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#pod-identity
import type { StatefulSet } from '../../resources/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec } from '../../resources/generated/core-v1.ts';
import { ownerReference, podFromTemplate } from '../shared/pods.ts';

export const REVISION_LABEL = 'controller-revision-hash';
/** On the revisions themselves. */
export const REVISION_HASH_LABEL = 'controller.kubernetes.io/hash';
const POD_NAME = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX = 'apps.kubernetes.io/pod-index';

/** The number at the end of the name; undefined for a pod that is none of the row. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const match = /^(.*)-(\d+)$/.exec(pod.metadata.name ?? '');
  return match?.[1] === set.metadata.name ? Number(match?.[2]) : undefined;
}

export function ordinalsOf(set: StatefulSet): { readonly first: number; readonly count: number } {
  return { first: set.spec?.ordinals?.start ?? 0, count: set.spec?.replicas ?? 1 };
}

export function revisionOfPod(pod: Pod): string {
  return pod.metadata.labels?.[REVISION_LABEL] ?? '';
}

export function claimName(template: PersistentVolumeClaim, podName: string): string {
  return `${template.metadata.name ?? ''}-${podName}`;
}

/** The claims of one pod, each made once and kept for all later pods of the place. */
export function claimsFor(set: StatefulSet, podName: string): PersistentVolumeClaim[] {
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    ...template,
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...template.metadata,
      name: claimName(template, podName),
      namespace: set.metadata.namespace ?? '',
      labels: { ...template.metadata.labels, ...set.spec?.selector?.matchLabels },
    },
  }));
}

export function podAt(
  set: StatefulSet,
  options: { readonly ordinal: number; readonly template: PodTemplateSpec; readonly revision: string },
): Pod {
  const { ordinal, template, revision } = options;
  const name = `${set.metadata.name ?? ''}-${ordinal}`;
  const pod = podFromTemplate({ template, owner: set, name, generateName: `${set.metadata.name ?? ''}-` });
  pod.metadata.labels = {
    ...pod.metadata.labels,
    [POD_NAME]: name,
    [POD_INDEX]: String(ordinal),
    [REVISION_LABEL]: revision,
  };
  const { spec } = pod;
  if (spec === undefined) return pod;
  const claims = (set.spec?.volumeClaimTemplates ?? []).map((one) => ({
    name: one.metadata.name ?? '',
    persistentVolumeClaim: { claimName: claimName(one, name) },
  }));
  const own = new Set(claims.map((one) => one.name));
  const volumes = [...claims, ...(spec.volumes ?? []).filter((volume) => !own.has(volume.name))];
  const subdomain = set.spec?.serviceName ?? '';
  pod.spec = {
    ...spec,
    hostname: name,
    ...(subdomain === '' ? {} : { subdomain }),
    ...(volumes.length === 0 ? {} : { volumes }),
  };
  return pod;
}

/** Who a claim goes with, by the set's retention policy. Source: https://kep.k8s.io/1847 */
export function claimOwners(
  set: StatefulSet,
  pod: Pod | undefined,
  options: { readonly claim: PersistentVolumeClaim; readonly condemned: boolean },
): PersistentVolumeClaim['metadata']['ownerReferences'] {
  const { claim, condemned } = options;
  const policy = set.spec?.persistentVolumeClaimRetentionPolicy;
  const podName = pod?.metadata.name;
  const owners = claim.metadata.ownerReferences ?? [];
  // A set of this name that is gone may still have it: the garbage collector sees to that.
  if (
    owners.some((one) => one.kind === 'StatefulSet' && one.name === set.metadata.name && one.uid !== set.metadata.uid)
  )
    return owners;
  const others = owners.filter((one) => one.uid !== set.metadata.uid && !(one.kind === 'Pod' && one.name === podName));
  // It is another controller's.
  if (others.some((one) => one.controller === true)) return others;
  if (policy?.whenScaled === 'Delete' && condemned && pod !== undefined) return [...others, ownerReference(pod)];
  if (policy?.whenDeleted === 'Delete' && !(policy.whenScaled === 'Delete' && condemned))
    return [...others, ownerReference(set)];
  return others;
}
