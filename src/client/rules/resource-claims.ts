// Which ResourceClaims a pod has. https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import type { Pod, PodResourceClaim } from '../../resources/generated/core-v1.ts';
import type { ResourceClaim } from '../../resources/generated/resource-v1.ts';

export type ClaimOfPod =
  /** `generated`: it was made from a template, and has to be the pod's own. */
  | { readonly kind: 'named'; readonly name: string; readonly generated: boolean }
  /** It is still to be made from its template. */
  | { readonly kind: 'missing' }
  /** It was found that none is needed. */
  | { readonly kind: 'none' };

export function claimOfPod(pod: Pod, { name, resourceClaimName }: PodResourceClaim): ClaimOfPod {
  if (resourceClaimName !== undefined && resourceClaimName !== '')
    return { kind: 'named', name: resourceClaimName, generated: false };
  const status = pod.status?.resourceClaimStatuses?.find((s) => s.name === name);
  if (status === undefined) return { kind: 'missing' };
  const made = status.resourceClaimName;
  return made === undefined ? { kind: 'none' } : { kind: 'named', name: made, generated: true };
}

export function claimsOfPod(pod: Pod): readonly ClaimOfPod[] {
  return (pod.spec?.resourceClaims ?? []).map((one) => claimOfPod(pod, one));
}

/** Why a claim that should have been made for the pod is not its; undefined when it is. */
export function notMadeFor(pod: Pod, claim: ResourceClaim): string | undefined {
  const owned = claim.metadata.ownerReferences?.some((o) => o.controller === true && o.uid === pod.metadata.uid);
  if (owned === true) return undefined;
  const at = `${pod.metadata.namespace}/`;
  return `ResourceClaim ${at}${claim.metadata.name} was not created for Pod ${at}${pod.metadata.name} (Pod is not owner)`;
}

export function isReservedFor(claim: ResourceClaim, pod: Pod): boolean {
  return claim.status?.reservedFor?.some((consumer) => consumer.uid === pod.metadata.uid) === true;
}
