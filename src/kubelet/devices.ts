// Whether a pod's claims for devices let it begin: they have to be its own or reserved for it.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import { type Client, claimsOfPod, isReservedFor, notMadeFor, RESOURCE_CLAIMS } from '../client/index.ts';
import type { Pod } from '../resources/generated/core-v1.ts';
import type { ResourceClaim } from '../resources/generated/resource-v1.ts';
import { messageOf } from './container/errors.ts';

/** The claims; throws, in Kubernetes' words, with what is in the way. */
export async function claimsForPod(client: Client, pod: Pod): Promise<ResourceClaim[]> {
  const claims: ResourceClaim[] = [];
  const { namespace = '', name = '', uid = '' } = pod.metadata;
  for (const known of claimsOfPod(pod)) {
    if (known.kind === 'none') continue;
    if (known.kind === 'missing') throw new Error(`pod "${namespace}/${name}": ResourceClaim not created yet`);
    const claim = await client
      .resource(RESOURCE_CLAIMS)
      .get(namespace, known.name)
      .catch((error: unknown) => {
        throw new Error(`fetch ResourceClaim ${known.name}: ${messageOf(error)}`, { cause: error });
      });
    const foreign = known.generated ? notMadeFor(pod, claim) : undefined;
    if (foreign !== undefined) throw new Error(foreign);
    if (!isReservedFor(claim, pod))
      throw new Error(
        `pod ${name} (${uid}) is not allowed to use ResourceClaim ${known.name} (${claim.metadata.uid ?? ''})`,
      );
    claims.push(claim);
  }
  return claims;
}
