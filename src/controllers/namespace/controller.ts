// Ends namespaces: deletes all that is in one, whatever its kind, and then lets go of it.
import { NAMESPACES, objectKey, PODS, type ReconcileResult } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { Namespace } from '../../resources/generated/core-v1.ts';
import type { ControllerContext, ControllerRow } from '../shared/context.ts';
import { type DiscoveredResource, discover, resourceText } from '../shared/discovery.ts';
import { startKeyed } from '../shared/keyed.ts';
import { type Emptying, isEmptied, terminationConditions } from './reconcile.ts';

/** What waits for finalizers of others is looked at again after this; pods tell of their end themselves. */
const LOOK_AGAIN_MS = 500;

interface Found {
  readonly discoveryFailures: string[];
  readonly deletionErrors: string[];
  readonly remaining: Map<string, number>;
  readonly finalizers: Map<string, number>;
}

class Terminator {
  constructor(private readonly context: ControllerContext) {}

  async reconcile(namespace: Namespace): Promise<ReconcileResult | undefined> {
    const { client, clock } = this.context;
    const name = namespace.metadata.name ?? '';
    const found = await this.empty(name);
    const conditions = terminationConditions(namespace.status?.conditions, found, clock.now());
    try {
      if (!isEmptied(found)) {
        const status = { ...namespace.status, phase: 'Terminating', conditions: [...(conditions ?? [])] };
        if (conditions !== namespace.status?.conditions)
          await client.resource(NAMESPACES).updateStatus({ ...namespace, status });
        return { requeueAfterMs: LOOK_AGAIN_MS };
      }
      const finalizers = (namespace.spec?.finalizers ?? []).filter((one) => one !== 'kubernetes');
      const { resourceVersion: _any, ...metadata } = namespace.metadata;
      await client.raw('PUT', `/api/v1/namespaces/${encodeURIComponent(name)}/finalize`, {
        ...namespace,
        metadata,
        spec: { ...namespace.spec, finalizers },
      });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
    return undefined;
  }

  /** Pods go first, with all they hold; then the rest. Source: https://kep.k8s.io/5080 */
  private async empty(namespace: string): Promise<Emptying> {
    const discovery = await discover(this.context.client);
    const found: Found = {
      discoveryFailures: discovery.failures.map((one) => `unable to retrieve ${one.groupVersion}: ${one.message}`),
      deletionErrors: [],
      remaining: new Map(),
      finalizers: new Map(),
    };
    const usable = discovery.resources.filter(
      ({ ref, verbs }) => ref.namespaced && verbs.has('list') && verbs.has('delete'),
    );
    const isPods = (one: DiscoveredResource): boolean => one.ref.group === '' && one.ref.plural === 'pods';
    await Promise.all(usable.filter(isPods).map((one) => this.emptyOne(one, namespace, found)));
    if (found.remaining.size > 0) return found;
    await Promise.all(usable.filter((one) => !isPods(one)).map((one) => this.emptyOne(one, namespace, found)));
    return found;
  }

  private async emptyOne(one: DiscoveredResource, namespace: string, found: Found): Promise<void> {
    const client = this.context.client.resource(one.ref);
    try {
      const before = await client.list(namespace);
      if (before.items.length === 0) return;
      const live = before.items.filter((item) => item.metadata.deletionTimestamp === undefined);
      if (live.length > 0) {
        if (one.verbs.has('deletecollection'))
          await client.deleteCollection(namespace, { propagationPolicy: 'Background' });
        else
          for (const item of live)
            await client.delete(namespace, item.metadata.name ?? '', { propagationPolicy: 'Background' });
      }
      const { items } = live.length > 0 ? await client.list(namespace) : before;
      if (items.length === 0) return;
      found.remaining.set(resourceText(one.ref), items.length);
      for (const item of items)
        for (const finalizer of item.metadata.finalizers ?? [])
          found.finalizers.set(finalizer, (found.finalizers.get(finalizer) ?? 0) + 1);
    } catch (error) {
      // Some kinds are listed in discovery and cannot be deleted by everyone; a kind may also vanish meanwhile.
      if (isApiError(error, 'MethodNotAllowed') || isApiError(error, 'NotFound')) return;
      found.deletionErrors.push(error instanceof Error ? error.message : String(error));
    }
  }
}

export const namespaceController: ControllerRow = {
  name: 'namespace-controller',
  account: 'namespace-controller',
  start(context) {
    const namespaces = context.informers.informer(NAMESPACES);
    const pods = context.informers.informer(PODS);
    const terminator = new Terminator(context);
    const ending = (namespace: Namespace | undefined): namespace is Namespace =>
      namespace?.metadata.deletionTimestamp !== undefined && (namespace.spec?.finalizers ?? []).includes('kubernetes');
    const queue = startKeyed(context, {
      name: 'namespace-controller',
      waitFor: [namespaces],
      async reconcile(key) {
        const namespace = namespaces.get(key);
        return ending(namespace) ? terminator.reconcile(namespace) : undefined;
      },
    });
    const consider = (namespace: Namespace): void => {
      if (ending(namespace)) queue.add(objectKey(namespace));
    };
    namespaces.addHandler({ onAdd: consider, onUpdate: consider });
    pods.addHandler({
      onDelete(pod) {
        const namespace = namespaces.get(pod.metadata.namespace ?? '');
        if (ending(namespace)) queue.add(objectKey(namespace));
      },
    });
  },
};
