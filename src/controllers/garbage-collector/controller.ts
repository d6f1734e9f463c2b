// Deletes objects whose owners are gone, lets owners go whose dependents are gone, and orphans where that was asked for.
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type EventRecorder,
  followCollection,
  type Informer,
  type ResourceRef,
} from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { KubeObject, OwnerReference } from '../../machinery/object.ts';
import type { CustomResourceDefinition } from '../../resources/generated/apiextensions-v1.ts';
import { type ControllerContext, type ControllerRow, recorderFor } from '../shared/context.ts';
import { type DiscoveredResource, discover } from '../shared/discovery.ts';
import { startKeyed, whenAborted } from '../shared/keyed.ts';
import { type GraphNode, graphNode, OwnershipGraph } from './graph.ts';
import { blocking, FOREGROUND, isWaiting, judge, ORPHAN, type OwnerState } from './reconcile.ts';

/** Events own nothing, are owned by nothing, and are many. */
const IGNORED = new Set(['/events', 'events.k8s.io/events']);
const NAME = 'garbage-collector-controller';
const REDISCOVER_MS = 100;

class GarbageCollector {
  readonly graph = new OwnershipGraph();
  private readonly followed = new Map<string, { ref: ResourceRef<KubeObject>; stop: () => void }>();
  private readonly recorder: EventRecorder;
  /** Owners that were looked for and are not there. */
  private readonly absent = new Set<string>();
  enqueue: (uid: string) => void = () => undefined;

  /** Absent on a server that serves no definitions. */
  private crds: Informer<CustomResourceDefinition> | undefined;
  rediscover: () => void = () => undefined;

  constructor(private readonly context: ControllerContext) {
    this.recorder = recorderFor(context, NAME);
  }

  /** Follows every kind that can be listed, watched and deleted; resolves when all are known. */
  async follow(): Promise<void> {
    const { resources } = await discover(this.context.client);
    await this.hearOfDefinitions(resources);
    const wanted = new Map<string, ResourceRef<KubeObject>>();
    for (const { ref, verbs } of resources) {
      if (IGNORED.has(`${ref.group}/${ref.plural}`)) continue;
      if (verbs.has('list') && verbs.has('watch') && verbs.has('delete'))
        wanted.set(`${ref.group}/${ref.version}/${ref.plural}`, ref);
    }
    for (const [key, { ref, stop }] of this.followed) {
      if (wanted.has(key)) continue;
      stop();
      this.followed.delete(key);
      for (const node of this.graph.of(ref)) this.gone(node);
    }
    const started: Promise<void>[] = [];
    for (const [key, ref] of wanted) {
      if (this.followed.has(key)) continue;
      const { informer, end } = this.inform(ref);
      const seen = (object: KubeObject): void => this.seen(graphNode(ref, object));
      const onDelete = (object: KubeObject): void => this.gone(graphNode(ref, object));
      const unhear = informer.addHandler({ onAdd: seen, onUpdate: seen, onDelete });
      const stop = (): void => {
        unhear();
        end();
      };
      this.followed.set(key, { ref, stop });
      started.push(informer.synced);
    }
    await Promise.all(started);
  }

  private async hearOfDefinitions(resources: readonly DiscoveredResource[]): Promise<void> {
    const { group, plural } = CUSTOM_RESOURCE_DEFINITIONS;
    if (this.crds !== undefined || !resources.some(({ ref }) => ref.group === group && ref.plural === plural)) return;
    this.crds = this.context.informers.informer(CUSTOM_RESOURCE_DEFINITIONS);
    await this.crds.synced;
    const changed = (): void => this.rediscover();
    this.crds.addHandler({ onAdd: changed, onUpdate: changed, onDelete: changed });
  }

  /** Built-in kinds by the shared informers; custom ones may go, so they are followed apart. */
  private inform(ref: ResourceRef<KubeObject>): { informer: Informer<KubeObject>; end: () => void } {
    const { client, informers, clock, signal, onError } = this.context;
    if (this.crds?.get(`${ref.plural}.${ref.group}`) === undefined)
      return { informer: informers.informer(ref), end: () => undefined };
    const own = new AbortController();
    signal.addEventListener('abort', () => own.abort(), { once: true, signal: own.signal });
    // A kind that is served no longer is no news: its definition tells.
    const tell = (error: unknown): void => {
      if (!isApiError(error) || error.code !== 404) onError?.(error, NAME);
    };
    return {
      informer: followCollection(client, ref, { clock, signal: own.signal, onError: tell }),
      end: () => own.abort(),
    };
  }

  private seen(node: GraphNode): void {
    const before = this.graph.set(node);
    this.absent.delete(node.uid);
    if (node.owners.length > 0 && !sameOwners(before, node)) this.enqueue(node.uid);
    if (node.deleting && (node.finalizers.includes(FOREGROUND) || node.finalizers.includes(ORPHAN)))
      this.enqueue(node.uid);
    // An owner that waits may wait for this one no longer.
    if (before !== undefined) this.enqueueWaitingOwners(before);
  }

  private gone(node: GraphNode): void {
    this.graph.remove(node.uid);
    for (const dependent of this.graph.dependentsOf(node.uid)) this.enqueue(dependent.uid);
    this.enqueueWaitingOwners(node);
  }

  private enqueueWaitingOwners(node: GraphNode): void {
    for (const { uid } of node.owners) {
      const owner = this.graph.get(uid);
      if (owner !== undefined && isWaiting(owner)) this.enqueue(uid);
    }
  }

  async reconcile(uid: string): Promise<undefined> {
    const node = this.graph.get(uid);
    if (node === undefined) return undefined;
    if (node.deleting) {
      if (node.finalizers.includes(ORPHAN)) await this.orphanDependents(node);
      else if (node.finalizers.includes(FOREGROUND)) await this.awaitDependents(node);
      return undefined;
    }
    const owners = await Promise.all(
      node.owners.map(async (owner) => ({ owner, state: await this.stateOf(owner, node) })),
    );
    const verdict = judge(node, owners, this.graph.dependentsOf(uid));
    if (verdict.kind === 'release') await this.release(node, new Set(verdict.uids));
    if (verdict.kind !== 'delete') return undefined;
    if (verdict.unblock === true) await this.unblock(node);
    await this.deleteLive(node, verdict.propagationPolicy);
    return undefined;
  }

  private async stateOf(owner: OwnerReference, dependent: GraphNode): Promise<OwnerState> {
    const known = this.graph.get(owner.uid);
    if (known !== undefined && matches(known, owner)) {
      const there = known.namespace === '' || known.namespace === dependent.namespace;
      if (there) return isWaiting(known) ? 'waiting' : 'solid';
      this.warnOfNamespace(owner, dependent);
      return 'dangling';
    }
    if (this.absent.has(owner.uid)) return 'dangling';
    const ref = this.refOf(owner);
    // An owner of a kind that is not served (any more, or yet) cannot be judged.
    if (ref === undefined) return 'solid';
    if (ref.namespaced && dependent.namespace === '') {
      this.warnOfNamespace(owner, dependent);
      return 'solid';
    }
    try {
      const live = await this.context.client.resource(ref).get(ref.namespaced ? dependent.namespace : '', owner.name);
      if (live.metadata.uid === owner.uid) return 'solid';
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
    this.absent.add(owner.uid);
    if (this.absent.size > 1000) this.absent.clear();
    return 'dangling';
  }

  private warnOfNamespace(owner: OwnerReference, dependent: GraphNode): void {
    const { apiVersion, kind, name, uid } = owner;
    const { namespace } = dependent;
    this.recorder.eventAbout(
      {
        apiVersion: apiVersionOf(dependent.ref),
        kind: dependent.ref.kind,
        name: dependent.name,
        ...(namespace === '' ? {} : { namespace }),
        uid: dependent.uid,
      },
      'Warning',
      'OwnerRefInvalidNamespace',
      `ownerRef [${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}] does not exist in namespace "${namespace}"`,
    );
  }

  private refOf(owner: OwnerReference): ResourceRef<KubeObject> | undefined {
    const group = owner.apiVersion.includes('/') ? owner.apiVersion.split('/')[0] : '';
    for (const { ref } of this.followed.values()) if (ref.group === group && ref.kind === owner.kind) return ref;
    return undefined;
  }

  private async deleteLive(node: GraphNode, propagationPolicy: 'Foreground' | 'Background' | 'Orphan'): Promise<void> {
    const client = this.context.client.resource(node.ref);
    try {
      await client.delete(node.namespace, node.name, { propagationPolicy, preconditions: { uid: node.uid } });
    } catch (error) {
      if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
    }
  }

  /** Takes owner references away, unless the object has changed its owners meanwhile. */
  private async release(node: GraphNode, uids: ReadonlySet<string>): Promise<void> {
    const ownerReferences = node.owners.filter((owner) => !uids.has(owner.uid));
    await this.patchMetadata(node, { ownerReferences: ownerReferences.length === 0 ? null : ownerReferences });
  }

  /** Owners no longer wait for this one, which ends a circle of objects that wait for one another. */
  private async unblock(node: GraphNode): Promise<void> {
    const client = this.context.client.resource(node.ref);
    try {
      const { uid, resourceVersion, ownerReferences = [] } = (await client.get(node.namespace, node.name)).metadata;
      if (uid !== node.uid || !ownerReferences.some((one) => one.blockOwnerDeletion === true)) return;
      const free = ownerReferences.map((one) => ({ ...one, blockOwnerDeletion: false }));
      await client.patch(node.namespace, node.name, 'merge', { metadata: { ownerReferences: free, resourceVersion } });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }

  private async orphanDependents(owner: GraphNode): Promise<void> {
    const dependents = this.graph.dependentsOf(owner.uid);
    await Promise.all(dependents.map((dependent) => this.release(dependent, new Set([owner.uid]))));
    await this.dropFinalizer(owner, ORPHAN);
  }

  private async awaitDependents(owner: GraphNode): Promise<void> {
    const dependents = this.graph.dependentsOf(owner.uid);
    if (blocking(owner, dependents).length === 0) {
      await this.dropFinalizer(owner, FOREGROUND);
      return;
    }
    for (const dependent of dependents) if (!dependent.deleting) this.enqueue(dependent.uid);
  }

  private async dropFinalizer(node: GraphNode, finalizer: string): Promise<void> {
    await this.patchMetadata(node, { finalizers: node.finalizers.filter((one) => one !== finalizer) });
  }

  private async patchMetadata(node: GraphNode, change: Record<string, unknown>): Promise<void> {
    const client = this.context.client.resource(node.ref);
    try {
      // The live object is read first: a list must not be written from an old state of it.
      const live = await client.get(node.namespace, node.name);
      if (live.metadata.uid !== node.uid) return;
      const { resourceVersion } = live.metadata;
      const now = graphNode(node.ref, live);
      const fresh =
        'finalizers' in change ? { finalizers: kept(now.finalizers, node, change) } : keptOwners(now, node, change);
      await client.patch(node.namespace, node.name, 'merge', { metadata: { ...fresh, resourceVersion } });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}

/** What was to go from the list as it was known goes from the list as it is. */
function kept(live: readonly string[], node: GraphNode, change: Record<string, unknown>): readonly string[] | null {
  const wanted = change.finalizers as readonly string[];
  const gone = new Set(node.finalizers.filter((one) => !wanted.includes(one)));
  const rest = live.filter((one) => !gone.has(one));
  return rest.length === 0 ? null : rest;
}

function keptOwners(live: GraphNode, node: GraphNode, change: Record<string, unknown>): Record<string, unknown> {
  const wanted = new Set(((change.ownerReferences ?? []) as readonly OwnerReference[]).map((one) => one.uid));
  const gone = new Set(node.owners.map((one) => one.uid).filter((uid) => !wanted.has(uid)));
  const rest = live.owners.filter((one) => !gone.has(one.uid));
  return { ownerReferences: rest.length === 0 ? null : rest };
}

function sameOwners(before: GraphNode | undefined, node: GraphNode): boolean {
  const text = (one: GraphNode): string => one.owners.map((owner) => owner.uid).join();
  return before !== undefined && text(before) === text(node);
}

function apiVersionOf(ref: ResourceRef<KubeObject>): string {
  return ref.group === '' ? ref.version : `${ref.group}/${ref.version}`;
}

function matches(node: GraphNode, owner: OwnerReference): boolean {
  const group = owner.apiVersion.includes('/') ? owner.apiVersion.split('/')[0] : '';
  return node.name === owner.name && node.ref.kind === owner.kind && node.ref.group === group;
}

export const garbageCollector: ControllerRow = {
  name: NAME,
  account: 'generic-garbage-collector',
  start(context) {
    const name = NAME;
    const collector = new GarbageCollector(context);
    const first = collector.follow();
    first.catch((error: unknown) => context.onError?.(error, name));
    // Nothing is judged before all owners are known.
    const ready = Promise.race([first.catch(() => undefined), whenAborted(context.signal)]);
    const queue = startKeyed(context, {
      name,
      workers: 8,
      waitFor: [{ synced: ready }],
      reconcile: (uid) => collector.reconcile(uid),
    });
    collector.enqueue = (uid) => queue.add(uid);
    const discovering = startKeyed(context, {
      name,
      workers: 1,
      waitFor: [{ synced: ready }],
      async reconcile() {
        await collector.follow();
        return undefined;
      },
    });
    // The kinds of a definition are served a moment after it was established.
    collector.rediscover = () => discovering.addAfter('discover', REDISCOVER_MS);
    first.catch(() => collector.rediscover());
  },
};
