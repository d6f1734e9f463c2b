// What is to become of an object, given what is known of its owners and dependents. Pure.
import type { OwnerReference } from '../../machinery/object.ts';
import type { GraphNode } from './graph.ts';

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

export type OwnerState =
  | 'solid'
  /** The owner is gone. */
  | 'dangling'
  /** The owner is being deleted and waits for its dependents. */
  | 'waiting';

export type Verdict =
  | { readonly kind: 'keep' }
  /** Some owners remain: the references to the others go. */
  | { readonly kind: 'release'; readonly uids: readonly string[] }
  | {
      readonly kind: 'delete';
      readonly propagationPolicy: 'Foreground' | 'Background' | 'Orphan';
      /** Its owners must not wait for it: they may be what it waits for itself. */
      readonly unblock?: true;
    };

/** Being deleted, after its dependents. */
export const isWaiting = (node: GraphNode): boolean => node.deleting && node.finalizers.includes(FOREGROUND);

export function judge(
  node: GraphNode,
  owners: readonly { readonly owner: OwnerReference; readonly state: OwnerState }[],
  dependents: readonly GraphNode[],
): Verdict {
  if (node.deleting || owners.length === 0) return { kind: 'keep' };
  const dead = owners.filter((one) => one.state !== 'solid');
  if (dead.length === 0) return { kind: 'keep' };
  if (dead.length < owners.length) return { kind: 'release', uids: dead.map((one) => one.owner.uid) };
  // The owner waits for the whole tree below it, so this one's dependents must go before it.
  if (dead.some((one) => one.state === 'waiting') && dependents.length > 0) {
    const verdict = { kind: 'delete', propagationPolicy: 'Foreground' } as const;
    return dependents.some(isWaiting) ? { ...verdict, unblock: true } : verdict;
  }
  if (node.finalizers.includes(ORPHAN)) return { kind: 'delete', propagationPolicy: 'Orphan' };
  if (node.finalizers.includes(FOREGROUND)) return { kind: 'delete', propagationPolicy: 'Foreground' };
  return { kind: 'delete', propagationPolicy: 'Background' };
}

/** Dependents for whose end a foreground deletion waits. */
export function blocking(owner: GraphNode, dependents: readonly GraphNode[]): GraphNode[] {
  return dependents.filter((one) => one.owners.some((ref) => ref.uid === owner.uid && ref.blockOwnerDeletion === true));
}
