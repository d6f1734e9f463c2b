// What is related to which node, for the node authorizer: pods, what they refer to, and what names its node itself.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/node/
import type { KubeObject } from '../../machinery/object.ts';
import type { PersistentVolume, Pod } from '../../resources/generated/core-v1.ts';
import type { Store } from '../../store/index.ts';
import type { Catalog } from '../registry/catalog.ts';
import { FactIndex } from './fact-index.ts';
import { type PodReferences, podReferences, type VolumeReferences, volumeReferences } from './pod-references.ts';

/** Kinds whose objects say themselves which node they are for. */
export type NodeKind = 'pods' | 'volumeattachments' | 'resourceslices' | 'podcertificaterequests';

/** Keys are `namespace/name`, or `name` for kinds without namespaces. */
export interface NodeRelations {
  podsOf(node: string): Iterable<PodReferences>;
  /** The node that an object is for. */
  nodeOf(kind: NodeKind, key: string): string | undefined;
  volume(name: string): VolumeReferences | undefined;
  /** The volumes that a claim has. */
  volumesOf(claim: string): Iterable<VolumeReferences>;
}

export type RelatedKind =
  | NodeKind
  | 'configmaps'
  | 'persistentvolumeclaims'
  | 'persistentvolumes'
  | 'resourceclaims'
  | 'secrets'
  | 'serviceaccounts';

type InPod = (pod: PodReferences, name: string) => boolean;

const IN_POD: Readonly<Partial<Record<RelatedKind, InPod>>> = {
  configmaps: (pod, name) => pod.configMaps.has(name),
  persistentvolumeclaims: (pod, name) => pod.claims.has(name),
  resourceclaims: (pod, name) => pod.resourceClaims.has(name),
  secrets: (pod, name) => pod.secrets.has(name),
  serviceaccounts: (pod, name) => pod.serviceAccount === name,
};

interface Related {
  readonly kind: RelatedKind;
  readonly namespace: string;
  readonly name: string;
}

function isInPods(relations: NodeRelations, node: string, { kind, namespace, name }: Related): boolean {
  const inPod = IN_POD[kind];
  if (inPod === undefined) return false;
  for (const pod of relations.podsOf(node)) if (pod.namespace === namespace && inPod(pod, name)) return true;
  return false;
}

/** Secrets that the node needs for the volumes of its pods' claims. */
function isInVolumes(relations: NodeRelations, node: string, secret: string): boolean {
  for (const { namespace, claims } of relations.podsOf(node)) {
    for (const claim of claims) {
      for (const { secrets } of relations.volumesOf(`${namespace}/${claim}`)) if (secrets.has(secret)) return true;
    }
  }
  return false;
}

/** Whether a node runs a pod that needs the object, or the object is for the node. */
export function isRelated(relations: NodeRelations, node: string, related: Related): boolean {
  const { kind, namespace, name } = related;
  const key = namespace === '' ? name : `${namespace}/${name}`;
  switch (kind) {
    case 'pods':
    case 'volumeattachments':
    case 'resourceslices':
    case 'podcertificaterequests':
      return relations.nodeOf(kind, key) === node;
    case 'persistentvolumes': {
      const [home = '', claim = ''] = relations.volume(name)?.claim.split('/') ?? [];
      return isInPods(relations, node, { kind: 'persistentvolumeclaims', namespace: home, name: claim });
    }
    case 'secrets':
      return isInPods(relations, node, related) || isInVolumes(relations, node, key);
    default:
      return isInPods(relations, node, related);
  }
}

interface NamesNode {
  readonly spec?: { readonly nodeName?: string };
}

/** The relations of a cluster, as its store has them. */
export class NodeGraph implements NodeRelations {
  private readonly pods: FactIndex<PodReferences>;
  private readonly volumes: FactIndex<VolumeReferences>;
  private readonly nodes: Readonly<Record<Exclude<NodeKind, 'pods'>, FactIndex<string>>>;

  constructor(store: Store, catalog: Catalog) {
    const naming = (group: string, version: string, plural: string): FactIndex<string> =>
      new FactIndex(store, catalog.find(group, version, plural), {
        read: (object) => (object as KubeObject & NamesNode).spec?.nodeName || undefined,
        groupOf: (node) => node,
      });
    this.pods = new FactIndex(store, catalog.find('', 'v1', 'pods'), {
      read: (object) => podReferences(object as Pod),
      groupOf: ({ node }) => node,
    });
    this.volumes = new FactIndex(store, catalog.find('', 'v1', 'persistentvolumes'), {
      read: (object) => volumeReferences(object as PersistentVolume),
      groupOf: ({ claim }) => claim,
    });
    this.nodes = {
      volumeattachments: naming('storage.k8s.io', 'v1', 'volumeattachments'),
      resourceslices: naming('resource.k8s.io', 'v1', 'resourceslices'),
      podcertificaterequests: naming('certificates.k8s.io', 'v1beta1', 'podcertificaterequests'),
    };
  }

  private get all(): readonly { start(): Promise<void>; close(): void }[] {
    return [this.pods, this.volumes, ...Object.values(this.nodes)];
  }

  async start(): Promise<void> {
    await Promise.all(this.all.map((index) => index.start()));
  }

  podsOf(node: string): Iterable<PodReferences> {
    return this.pods.inGroup(node);
  }

  nodeOf(kind: NodeKind, key: string): string | undefined {
    return kind === 'pods' ? this.pods.get(key)?.node : this.nodes[kind].get(key);
  }

  volume(name: string): VolumeReferences | undefined {
    return this.volumes.get(name);
  }

  volumesOf(claim: string): Iterable<VolumeReferences> {
    return this.volumes.inGroup(claim);
  }

  close(): void {
    for (const index of this.all) index.close();
  }
}
