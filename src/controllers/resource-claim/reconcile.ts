// The rules of ResourceClaims: how one is made from a template, whose reservations still hold, when it has served its time.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import type { Pod } from '../../resources/generated/core-v1.ts';
import type {
  ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimTemplate,
} from '../../resources/generated/resource-v1.ts';
import { controllerOf, isFinished } from '../shared/pods.ts';

/** By it a claim is found again whose pod has not been told of it yet. */
export const CLAIM_ANNOTATION = 'resource.kubernetes.io/pod-claim-name';
/** Keeps an allocated claim until it is given back. */
export const CLAIM_FINALIZER = 'resource.kubernetes.io/delete-protection';

/** Leaves room for the random part in a name of 63 characters. */
const MAX_BASE = 57;

/** Names that are too long together are shortened in proportion, so that something of both is left. */
function generateName(pod: string, claim: string): string {
  const whole = `${pod}-${claim}-`;
  if (whole.length <= MAX_BASE) return whole;
  const part = (text: string): string => text.slice(0, Math.floor((text.length * MAX_BASE) / whole.length));
  return `${part(pod)}-${part(claim)}`;
}

export function claimFromTemplate(pod: Pod, name: string, template: ResourceClaimTemplate): ResourceClaim {
  const { metadata, spec } = template.spec;
  const { labels, annotations } = metadata ?? {};
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: {
      generateName: generateName(pod.metadata.name ?? '', name),
      namespace: pod.metadata.namespace ?? '',
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      annotations: { ...annotations, [CLAIM_ANNOTATION]: name },
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name ?? '', uid: pod.metadata.uid ?? '', controller: true },
      ],
    },
    spec,
  };
}

/** It runs no more, or never will. */
export function isDone(pod: Pod): boolean {
  return isFinished(pod) || (pod.metadata.deletionTimestamp !== undefined && (pod.spec?.nodeName ?? '') === '');
}

export function podReference(pod: Pod): ResourceClaimConsumerReference {
  return { resource: 'pods', name: pod.metadata.name ?? '', uid: pod.metadata.uid ?? '' };
}

/** Whether a reservation holds. Of consumers that are no pods nothing is known: they stay. */
export function stillReserved(consumer: ResourceClaimConsumerReference, pod: Pod | undefined): boolean {
  if ((consumer.apiGroup ?? '') !== '' || consumer.resource !== 'pods') return true;
  return pod !== undefined && pod.metadata.uid === consumer.uid && !isDone(pod);
}

export function isProtected(claim: ResourceClaim): boolean {
  return claim.metadata.finalizers?.includes(CLAIM_FINALIZER) === true;
}

/** With fewer consumers. With the last of them what was allocated is given back, if the scheduler allocated it. */
export function withReservations(
  claim: ResourceClaim,
  reservedFor: readonly ResourceClaimConsumerReference[],
): ResourceClaim {
  const { allocation, reservedFor: _before, ...rest } = claim.status ?? {};
  const kept = reservedFor.length > 0 || !isProtected(claim);
  return {
    ...claim,
    status: {
      ...rest,
      ...(allocation !== undefined && kept ? { allocation } : {}),
      ...(reservedFor.length === 0 ? {} : { reservedFor: [...reservedFor] }),
    },
  };
}

export function unprotected(claim: ResourceClaim): ResourceClaim {
  const finalizers = claim.metadata.finalizers?.filter((name) => name !== CLAIM_FINALIZER) ?? [];
  return { ...claim, metadata: { ...claim.metadata, finalizers } };
}

/** Made for a pod that does not need it any more. The garbage collector sees to claims whose pods are gone. */
export function isSuperfluous(claim: ResourceClaim, owner: Pod | undefined): boolean {
  const reference = controllerOf(claim);
  if (reference?.kind !== 'Pod' || owner === undefined) return false;
  return owner.metadata.uid !== reference.uid || isDone(owner);
}
