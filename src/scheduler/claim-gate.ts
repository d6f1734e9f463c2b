// Holds back pods whose ResourceClaims are not there yet: nothing is said of them, as of pods with scheduling gates.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import { claimsOfPod, type Informer } from '../client/index.ts';
import type { Pod } from '../resources/generated/core-v1.ts';
import type { ResourceClaim } from '../resources/generated/resource-v1.ts';

/** The names of a pod's claims; undefined for one that is still to be made from its template. */
function claimNames(pod: Pod): (string | undefined)[] {
  return claimsOfPod(pod).flatMap((known) => {
    if (known.kind === 'none') return [];
    return [known.kind === 'named' ? known.name : undefined];
  });
}

export class ClaimGate {
  private readonly held = new Map<string, Pod>();

  constructor(private readonly claims: Pick<Informer<ResourceClaim>, 'get'>) {}

  private claimOf(pod: Pod, name: string | undefined): ResourceClaim | undefined {
    return name === undefined ? undefined : this.claims.get(`${pod.metadata.namespace ?? ''}/${name}`);
  }

  holds(key: string, pod: Pod): boolean {
    if ((pod.spec?.resourceClaims ?? []).length === 0) return false;
    const missing = claimNames(pod).some((name) => this.claimOf(pod, name) === undefined);
    if (missing) this.held.set(key, pod);
    else this.held.delete(key);
    return missing;
  }

  forget(key: string): void {
    this.held.delete(key);
  }

  /** Pods that may go on now that a claim has come. */
  freed(claim: ResourceClaim): Pod[] {
    const { namespace } = claim.metadata;
    return [...this.held.values()].filter((pod) => pod.metadata.namespace === namespace);
  }
}
