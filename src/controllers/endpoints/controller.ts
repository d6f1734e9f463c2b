// Keeps EndpointSlices and Endpoints of Services in step with the pods that their selectors want.
import {
  ENDPOINT_SLICES,
  ENDPOINTS,
  type Informer,
  NODES,
  objectKey,
  PODS,
  SERVICES,
  type WorkQueue,
} from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { Labels } from '../../machinery/label-selector.ts';
import type { Pod, Service } from '../../resources/generated/core-v1.ts';
import type { EndpointSlice } from '../../resources/generated/discovery-v1.ts';
import { endsMeanwhile } from '../service-account/controller.ts';
import type { ControllerContext, ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { plannedEndpoints } from './legacy.ts';
import { MANAGED_BY, MANAGER, planSlices, SERVICE_LABEL } from './slices.ts';
import { targetsOf } from './targets.ts';
import { TriggerTimes, withTriggerTime } from './trigger-times.ts';

const UNSEEN_MS = 50;
const ZONE = 'topology.kubernetes.io/zone';
/** On Endpoints that leaders of old hold by: they never had a Service. */
const LEADER_ELECTION = 'control-plane.alpha.kubernetes.io/leader';

function selects(service: Service, labels: Labels | undefined): boolean {
  const selector = Object.entries(service.spec?.selector ?? {});
  return (
    selector.length > 0 &&
    selector.every(([key, value]) => labels !== undefined && Object.hasOwn(labels, key) && labels[key] === value)
  );
}

interface Sources {
  readonly services: Informer<Service>;
  readonly pods: Informer<Pod>;
}

function sourcesOf({ informers }: ControllerContext): Sources {
  const services = informers.informer(SERVICES);
  const pods = informers.informer(PODS);
  services.addIndex('namespace', (service) => [service.metadata.namespace ?? '']);
  pods.addIndex('namespace', (pod) => [pod.metadata.namespace ?? '']);
  return { services, pods };
}

function podsOf({ pods }: Sources, service: Service): Pod[] {
  return pods
    .byIndex('namespace', service.metadata.namespace ?? '')
    .filter((pod) => selects(service, pod.metadata.labels));
}

/** Wakes the services that want a pod, or wanted it. */
function wakeByPods({ services, pods }: Sources, queue: WorkQueue): void {
  const consider = (pod: Pod): void => {
    for (const service of services.byIndex('namespace', pod.metadata.namespace ?? ''))
      if (selects(service, pod.metadata.labels)) queue.add(objectKey(service));
  };
  pods.addHandler({
    onAdd: consider,
    onUpdate(pod, old) {
      consider(pod);
      if (JSON.stringify(old.metadata.labels) !== JSON.stringify(pod.metadata.labels)) consider(old);
    },
    onDelete: consider,
  });
  services.addHandler({
    onAdd: (service) => queue.add(objectKey(service)),
    onUpdate: (service) => queue.add(objectKey(service)),
    onDelete: (service) => queue.add(objectKey(service)),
  });
}

function lookedAfter(service: Service | undefined): service is Service {
  return (
    service !== undefined &&
    Object.keys(service.spec?.selector ?? {}).length > 0 &&
    service.spec?.type !== 'ExternalName' &&
    service.metadata.deletionTimestamp === undefined
  );
}

export const endpointSlices: ControllerRow = {
  name: 'endpointslice-controller',
  account: 'endpointslice-controller',
  start(context) {
    const sources = sourcesOf(context);
    const nodes = context.informers.informer(NODES);
    const slices = context.informers.informer(ENDPOINT_SLICES);
    const ownerOf = (slice: EndpointSlice): string | undefined => {
      const { labels, namespace } = slice.metadata;
      return labels?.[MANAGED_BY] === MANAGER ? `${namespace}/${labels[SERVICE_LABEL] ?? ''}` : undefined;
    };
    slices.addIndex('service', (slice) => [ownerOf(slice) ?? []].flat());
    const client = context.client.resource(ENDPOINT_SLICES);
    /** Slices written and not yet seen; while there are any, what is seen is old. */
    const unseen = new Map<string, Map<string, string>>();
    const times = new TriggerTimes();
    const queue = startKeyed(context, {
      name: 'endpointslice-controller',
      workers: 5,
      waitFor: [sources.services, sources.pods, nodes, slices],
      async reconcile(key) {
        const service = sources.services.get(key);
        // The slices of a Service that is gone go with it, as its dependents.
        if (!lookedAfter(service)) {
          times.forget(key);
          return undefined;
        }
        if ((unseen.get(key)?.size ?? 0) > 0) return undefined;
        const namespace = service.metadata.namespace ?? '';
        const wanted = podsOf(sources, service);
        const time = times.next(key, service, wanted);
        const dated = (slice: EndpointSlice): EndpointSlice => {
          const annotations = withTriggerTime(slice.metadata.annotations, time);
          return { ...slice, metadata: { ...slice.metadata, annotations } };
        };
        const plan = planSlices({
          service,
          targets: targetsOf(service, wanted),
          existing: slices.byIndex('service', key),
          zoneOf: (node) => nodes.get(node)?.metadata.labels?.[ZONE],
          random: context.random.float,
        });
        const waits = new Map<string, string>();
        unseen.set(key, waits);
        try {
          for (const slice of plan.create) {
            const made = await client.create(namespace, dated(slice));
            if (slices.get(objectKey(made)) === undefined) waits.set(objectKey(made), made.metadata.uid ?? '');
          }
          for (const slice of plan.update) await client.update(dated(slice));
          for (const slice of plan.remove) await client.delete(namespace, slice.metadata.name ?? '');
        } catch (error) {
          if (!endsMeanwhile(error)) throw error;
        }
        return undefined;
      },
    });
    wakeByPods(sources, queue);
    const seen = (slice: EndpointSlice): void => {
      const owner = ownerOf(slice);
      if (owner === undefined) return;
      unseen.get(owner)?.delete(objectKey(slice));
      queue.add(owner);
    };
    slices.addHandler({ onAdd: seen, onUpdate: seen, onDelete: seen });
  },
};

export const endpoints: ControllerRow = {
  name: 'endpoints-controller',
  account: 'endpoint-controller',
  start(context) {
    const sources = sourcesOf(context);
    const known = context.informers.informer(ENDPOINTS);
    const client = context.client.resource(ENDPOINTS);
    const times = new TriggerTimes();
    const queue = startKeyed(context, {
      name: 'endpoints-controller',
      workers: 5,
      waitFor: [sources.services, sources.pods, known],
      async reconcile(key) {
        const service = sources.services.get(key);
        const existing = known.get(key);
        const [namespace = '', name = ''] = key.split('/');
        try {
          if (service === undefined) {
            times.forget(key);
            if (existing !== undefined) await client.delete(namespace, name);
            return undefined;
          }
          if (!lookedAfter(service)) return undefined;
          const pods = podsOf(sources, service);
          const triggerTime = times.next(key, service, pods);
          const wanted = plannedEndpoints({ service, targets: targetsOf(service, pods), existing, triggerTime });
          if (wanted === undefined) return undefined;
          if (existing === undefined) await client.create(namespace, wanted);
          else await client.update(wanted);
        } catch (error) {
          // Made a moment ago, and not seen yet.
          if (isApiError(error, 'AlreadyExists')) return { requeueAfterMs: UNSEEN_MS };
          if (!endsMeanwhile(error)) throw error;
        }
        return undefined;
      },
    });
    wakeByPods(sources, queue);
    // Endpoints that somebody writes without a Service are theirs; those of a Service that went while nobody looked are not.
    known.addHandler({ onDelete: (one) => queue.add(objectKey(one)) });
    const sweep = async (): Promise<void> => {
      await Promise.all([known.synced, sources.services.synced]);
      for (const one of known.list())
        if (one.metadata.annotations?.[LEADER_ELECTION] === undefined) queue.add(objectKey(one));
    };
    sweep().catch((error: unknown) => context.onError?.(error, 'endpoints-controller'));
  },
};
