// Managed fields of the scale subresource: the owner of `replicas` in the object is the owner of `.spec.replicas` in the Scale.
import type { ManagedFieldsEntry } from '../../machinery/object.ts';
import { decodeEntries, encodeEntries, type Managed, type ManagedMap } from './entries.ts';
import { difference, type FieldSet, isEmpty, isMember, nodeAt, setOfPaths } from './field-set.ts';

const SCALE_VERSION = 'autoscaling/v1';
const REPLICAS_OF_SCALE = ['spec', 'replicas'];

/** Where the number of replicas stands in an object of a version (`['spec', 'replicas']`); undefined for a version that is not known,
 *  null for one that cannot be scaled. */
export type ReplicasPath = (apiVersion: string) => readonly string[] | null | undefined;

function owns(set: FieldSet, path: readonly string[]): boolean {
  const node = nodeAt(set, path);
  return node !== undefined && isMember(node);
}

/** The entries that the Scale of an object has. */
export function scaleEntries(
  parent: readonly ManagedFieldsEntry[],
  replicasPath: ReplicasPath,
): ManagedFieldsEntry[] | undefined {
  const scale: ManagedMap = new Map();
  for (const [id, entry] of decodeEntries(parent, parent)) {
    const path = replicasPath(entry.apiVersion);
    if (path === null || path === undefined || !owns(entry.set, path)) continue;
    scale.set(id, { ...entry, apiVersion: SCALE_VERSION, set: setOfPaths([REPLICAS_OF_SCALE]) });
  }
  return encodeEntries(scale);
}

export interface ScaleWrite {
  readonly parent: readonly ManagedFieldsEntry[];
  readonly scale: readonly ManagedFieldsEntry[];
  /** The version of the object through which its Scale was written. */
  readonly apiVersion: string;
  readonly replicasPath: ReplicasPath;
}

/** The entries of the object after its Scale was written. New owners have no time, as in Kubernetes. */
export function parentEntries(write: ScaleWrite): ManagedFieldsEntry[] | undefined {
  const { parent, replicasPath } = write;
  const merged: ManagedMap = new Map();
  const writers = new Map([...decodeEntries(write.scale).values()].map((entry) => [writerOf(entry), entry]));
  for (const [id, entry] of decodeEntries(parent, parent)) {
    const path = replicasPath(entry.apiVersion);
    if (path === undefined) continue;
    if (path === null || !owns(entry.set, path) || writers.delete(writerOf(entry))) {
      merged.set(id, entry);
      continue;
    }
    const rest = difference(entry.set, setOfPaths([path]));
    if (!isEmpty(rest)) merged.set(id, { ...entry, set: rest });
  }
  const path = replicasPath(write.apiVersion);
  for (const entry of writers.values()) {
    if (path === null || path === undefined || !owns(entry.set, REPLICAS_OF_SCALE)) continue;
    const owner = { ...entry, apiVersion: write.apiVersion, time: undefined, set: setOfPaths([path]) };
    merged.set(`scale ${writerOf(entry)}`, owner);
  }
  return encodeEntries(merged);
}

/** An entry and its image on the other side have this in common. */
function writerOf(entry: Managed): string {
  return JSON.stringify([entry.manager, entry.operation, entry.subresource]);
}
