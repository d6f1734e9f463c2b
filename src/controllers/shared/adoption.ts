// Carries out claims: writes and takes away owner references.
import type { ResourceClient } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Claims } from './claim.ts';
import { ownerReference } from './pods.ts';

/** Gives all that the owner has afterwards. `fresh` reads the owner anew: one that was deleted meanwhile must not adopt. */
export async function carryOut<T extends KubeObject>(
  client: ResourceClient<T>,
  owner: KubeObject,
  claims: Claims<T>,
  fresh: () => Promise<KubeObject>,
): Promise<readonly T[]> {
  for (const object of claims.release) await release(client, owner, object);
  if (claims.adopt.length === 0) return claims.owned;
  const live = await fresh();
  if (live.metadata.uid !== owner.metadata.uid || live.metadata.deletionTimestamp !== undefined) return claims.owned;
  const adopted: T[] = [];
  for (const object of claims.adopt) {
    const { namespace = '', name = '', uid } = object.metadata;
    const ownerReferences = [...(object.metadata.ownerReferences ?? []), ownerReference(owner)];
    try {
      adopted.push(await client.patch(namespace, name, 'merge', { metadata: { uid, ownerReferences } }));
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
  return [...claims.owned, ...adopted];
}

async function release<T extends KubeObject>(client: ResourceClient<T>, owner: KubeObject, object: T): Promise<void> {
  const { namespace = '', name = '', uid } = object.metadata;
  const rest = (object.metadata.ownerReferences ?? []).filter((one) => one.uid !== owner.metadata.uid);
  try {
    const ownerReferences = rest.length === 0 ? null : rest;
    await client.patch(namespace, name, 'merge', { metadata: { uid, ownerReferences } });
  } catch (error) {
    // Gone, or another object of the name: nothing to let go of.
    if (!isApiError(error, 'NotFound') && !isApiError(error, 'Invalid') && !isApiError(error, 'Conflict')) throw error;
  }
}
