// Who owns whom: the graph of all objects by owner references, in memory. Pure.
// Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/
import type { ResourceRef } from '../../client/index.ts';
import type { KubeObject, OwnerReference } from '../../machinery/object.ts';

export interface GraphNode {
  readonly uid: string;
  readonly ref: ResourceRef<KubeObject>;
  readonly namespace: string;
  readonly name: string;
  readonly owners: readonly OwnerReference[];
  readonly finalizers: readonly string[];
  readonly deleting: boolean;
}

const NONE: readonly OwnerReference[] = [];
const NO_FINALIZERS: readonly string[] = [];

export function graphNode(ref: ResourceRef<KubeObject>, object: KubeObject): GraphNode {
  const { uid = '', namespace = '', name = '', ownerReferences, finalizers, deletionTimestamp } = object.metadata;
  return {
    uid,
    ref,
    namespace,
    name,
    owners: ownerReferences ?? NONE,
    finalizers: finalizers ?? NO_FINALIZERS,
    deleting: deletionTimestamp !== undefined,
  };
}

export class OwnershipGraph {
  private readonly nodes = new Map<string, GraphNode>();
  private readonly dependents = new Map<string, Set<string>>();

  get(uid: string): GraphNode | undefined {
    return this.nodes.get(uid);
  }

  /** Returns the node as it was before. */
  set(node: GraphNode): GraphNode | undefined {
    const before = this.nodes.get(node.uid);
    if (before !== undefined) this.unlink(before);
    this.nodes.set(node.uid, node);
    for (const owner of node.owners) {
      const group = this.dependents.get(owner.uid);
      if (group === undefined) this.dependents.set(owner.uid, new Set([node.uid]));
      else group.add(node.uid);
    }
    return before;
  }

  remove(uid: string): void {
    const node = this.nodes.get(uid);
    if (node === undefined) return;
    this.unlink(node);
    this.nodes.delete(uid);
  }

  dependentsOf(uid: string): GraphNode[] {
    const out: GraphNode[] = [];
    for (const one of this.dependents.get(uid) ?? []) {
      const node = this.nodes.get(one);
      if (node !== undefined) out.push(node);
    }
    return out;
  }

  /** All nodes of a resource; for when it is served no longer. */
  of(ref: ResourceRef<KubeObject>): GraphNode[] {
    return [...this.nodes.values()].filter((node) => node.ref === ref);
  }

  private unlink(node: GraphNode): void {
    for (const owner of node.owners) {
      const group = this.dependents.get(owner.uid);
      if (group?.delete(node.uid) && group.size === 0) this.dependents.delete(owner.uid);
    }
  }
}
