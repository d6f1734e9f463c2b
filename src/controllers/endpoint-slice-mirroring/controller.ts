// Mirrors Endpoints that people write by hand (for Services without a selector) into EndpointSlices.
// Source: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#endpointslice-mirroring
import { ENDPOINT_SLICES, ENDPOINTS, objectKey, SERVICES } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { generateName } from '../../machinery/hash.ts';
import { deepEqual } from '../../machinery/json.ts';
import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '../../resources/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../resources/generated/discovery-v1.ts';
import type { ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';

const NAME = 'endpointslice-mirroring-controller';
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
const MANAGER = 'endpointslicemirroring-controller.k8s.io';
const SERVICE_LABEL = 'kubernetes.io/service-name';
const SKIP_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER = 'control-plane.alpha.kubernetes.io/leader';
const MOST_PER_SUBSET = 1000;

function wanted(service: Service | undefined, endpoints: Endpoints | undefined): endpoints is Endpoints {
  if (service === undefined || endpoints === undefined || endpoints.metadata.deletionTimestamp !== undefined)
    return false;
  if (Object.keys(service.spec?.selector ?? {}).length > 0) return false;
  return endpoints.metadata.labels?.[SKIP_LABEL] !== 'true' && endpoints.metadata.annotations?.[LEADER] === undefined;
}

function endpointOf(address: EndpointAddress, ready: boolean): Endpoint {
  const { ip, hostname, nodeName, targetRef } = address;
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}

/** A slice for each subset and family, without a name. */
export function mirrored(endpoints: Endpoints): EndpointSlice[] {
  const { [SKIP_LABEL]: _skip, 'endpoints.kubernetes.io/managed-by': _by, ...own } = endpoints.metadata.labels ?? {};
  const { 'kubectl.kubernetes.io/last-applied-configuration': _applied, ...annotations } =
    endpoints.metadata.annotations ?? {};
  const { name = '', namespace = '', uid = '' } = endpoints.metadata;
  const owner = { apiVersion: 'v1', kind: 'Endpoints', name, uid, controller: true, blockOwnerDeletion: true };
  const slices: EndpointSlice[] = [];
  for (const subset of endpoints.subsets ?? [])
    for (const addressType of ['IPv4', 'IPv6']) {
      const all = endpointsOf(subset).filter((one) => one.addresses[0]?.includes(':') === (addressType === 'IPv6'));
      if (all.length === 0) continue;
      slices.push({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          generateName: `${name}-`,
          namespace,
          labels: { ...own, [SERVICE_LABEL]: name, [MANAGED_BY]: MANAGER },
          ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
          ownerReferences: [owner],
        },
        addressType,
        endpoints: all,
        ports: (subset.ports ?? []).map((port) => ({
          ...port,
          name: port.name ?? '',
          protocol: port.protocol ?? 'TCP',
        })),
      });
    }
  return slices;
}

function endpointsOf(subset: EndpointSubset): Endpoint[] {
  return [
    ...(subset.addresses ?? []).map((address) => endpointOf(address, true)),
    ...(subset.notReadyAddresses ?? []).map((address) => endpointOf(address, false)),
  ].slice(0, MOST_PER_SUBSET);
}

const placeOf = (slice: EndpointSlice): string => JSON.stringify([slice.addressType, slice.ports ?? []]);

export const endpointSliceMirroring: ControllerRow = {
  name: NAME,
  account: 'endpointslicemirroring-controller',
  start(context) {
    const { informers } = context;
    const endpoints = informers.informer(ENDPOINTS);
    const services = informers.informer(SERVICES);
    const slices = informers.informer(ENDPOINT_SLICES);
    const ownerOf = (slice: EndpointSlice): string[] => {
      const { labels, namespace } = slice.metadata;
      return labels?.[MANAGED_BY] === MANAGER ? [`${namespace}/${labels[SERVICE_LABEL] ?? ''}`] : [];
    };
    slices.addIndex('mirror', ownerOf);
    const client = context.client.resource(ENDPOINT_SLICES);
    const unseen = new Map<string, Set<string>>();
    const queue = startKeyed(context, {
      name: NAME,
      workers: 2,
      waitFor: [endpoints, services, slices],
      async reconcile(key) {
        if ((unseen.get(key)?.size ?? 0) > 0) return undefined;
        const source = endpoints.get(key);
        const target = wanted(services.get(key), source) ? mirrored(source) : [];
        const spare = [...slices.byIndex('mirror', key)];
        const waits = new Set<string>();
        unseen.set(key, waits);
        const [namespace = ''] = key.split('/');
        for (const slice of target) {
          const at = spare.findIndex((one) => placeOf(one) === placeOf(slice));
          const [known] = at < 0 ? [] : spare.splice(at, 1);
          if (known === undefined) {
            const name = generateName(slice.metadata.generateName ?? '', context.random.float);
            const made = await client.create(namespace, { ...slice, metadata: { ...slice.metadata, name } });
            if (slices.get(objectKey(made)) === undefined) waits.add(objectKey(made));
          } else if (
            !deepEqual(known.endpoints, slice.endpoints) ||
            !deepEqual(known.metadata.labels, slice.metadata.labels)
          )
            await client.update({
              ...known,
              metadata: { ...known.metadata, labels: slice.metadata.labels ?? {} },
              endpoints: slice.endpoints,
            });
        }
        for (const slice of spare) await remove(namespace, slice.metadata.name ?? '');
        return undefined;
      },
    });
    const remove = async (namespace: string, name: string): Promise<void> => {
      try {
        await client.delete(namespace, name);
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
      }
    };
    const own = (object: Endpoints | Service): void => queue.add(objectKey(object));
    endpoints.addHandler({ onAdd: own, onUpdate: own, onDelete: own });
    services.addHandler({ onAdd: own, onUpdate: own, onDelete: own });
    const seen = (slice: EndpointSlice): void => {
      for (const key of ownerOf(slice)) {
        unseen.get(key)?.delete(objectKey(slice));
        queue.add(key);
      }
    };
    slices.addHandler({ onAdd: seen, onUpdate: seen, onDelete: seen });
  },
};
