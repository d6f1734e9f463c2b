// A pod's user namespace in the terms of the OCI specification. https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/127-user-namespaces
import type { UserNamespace } from '../../port.ts';
import type { OciIdMapping, OciMount } from './types.ts';

export interface IdMappings {
  readonly uidMappings: readonly OciIdMapping[];
  readonly gidMappings: readonly OciIdMapping[];
}

export function idMappings(user: UserNamespace): IdMappings {
  const of = (ranges: UserNamespace['uids']): OciIdMapping[] =>
    ranges.map((r) => ({ containerID: r.containerId, hostID: r.hostId, size: r.length }));
  return { uidMappings: of(user.uids), gidMappings: of(user.gids) };
}

/** What host id an id of the pod is. */
export function hostIdOf(ranges: UserNamespace['uids'], id: number): number {
  for (const r of ranges)
    if (id >= r.containerId && id < r.containerId + r.length) return r.hostId + id - r.containerId;
  throw new Error(`id ${id} has no place in the pod's user namespace`);
}

/** The files of the pod's volumes belong to whom they belong on the disk, seen through the namespace. */
export function withIds(mount: OciMount, mappings: IdMappings | undefined): OciMount {
  return mappings === undefined || mount.type !== 'bind' ? mount : { ...mount, ...mappings };
}
