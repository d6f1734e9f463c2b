// The records of a running cluster, as informers know it: every question is answered from indexes that change only when an object does.
import { ENDPOINT_SLICES, type Informer, type InformerFactory, NAMESPACES, SERVICES } from '../../client/index.ts';
import type { Clock } from '../../host/clock.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Service } from '../../resources/generated/core-v1.ts';
import type { EndpointSlice } from '../../resources/generated/discovery-v1.ts';
import { canonicalAddress } from './names.ts';
import { type ClusterRecords, endpointLabel } from './records.ts';

/** The informers are shared, and their indexes are too. */
const BY_SERVICE = 'named-service';
const BY_HOST = 'named-host';
const BY_ADDRESS = 'named-address';

const serviceOf = (slice: EndpointSlice): string =>
  `${slice.metadata.namespace ?? ''}/${slice.metadata.labels?.['kubernetes.io/service-name'] ?? ''}`;

const canonical = (address: string): string => canonicalAddress(address) ?? address;

function addressesOf({ spec }: Service): readonly string[] {
  if (spec?.type === 'ExternalName' || spec?.clusterIP === 'None') return [];
  return (spec?.clusterIPs ?? []).map(canonical);
}

function hostsOf(slice: EndpointSlice): readonly string[] {
  const service = serviceOf(slice);
  return [...new Set((slice.endpoints ?? []).map((one) => `${service}/${endpointLabel(one)}`))];
}

function endpointsOf(slice: EndpointSlice): readonly string[] {
  if (slice.addressType === 'FQDN' || slice.metadata.labels?.['kubernetes.io/service-name'] === undefined) return [];
  return [...new Set((slice.endpoints ?? []).flatMap(({ addresses }) => addresses.map(canonical)))];
}

/** Resolves when everything that was there has been read; the changes are followed until the signal. */
export async function informedRecords(
  informers: InformerFactory,
  clock: Clock,
  signal: AbortSignal,
): Promise<ClusterRecords> {
  const namespaces = informers.informer(NAMESPACES);
  const services = informers.informer(SERVICES);
  const slices = informers.informer(ENDPOINT_SLICES);
  services.addIndex(BY_ADDRESS, addressesOf);
  slices.addIndex(BY_SERVICE, (slice) => [serviceOf(slice)]);
  slices.addIndex(BY_HOST, hostsOf);
  slices.addIndex(BY_ADDRESS, endpointsOf);
  await Promise.all([namespaces.synced, services.synced, slices.synced]);
  const changed = lastChange([services, slices], clock, signal);
  return {
    hasNamespace: (name) => namespaces.get(name) !== undefined,
    service: (key) => services.get(key),
    slicesOf: (service) => slices.byIndex(BY_SERVICE, service),
    slicesWith: (service, host) => slices.byIndex(BY_HOST, `${service}/${host}`),
    serviceAt: (address) => services.byIndex(BY_ADDRESS, address)[0],
    slicesAt: (address) => slices.byIndex(BY_ADDRESS, address),
    serial: changed,
  };
}

function lastChange(
  followed: readonly Pick<Informer<KubeObject>, 'addHandler'>[],
  clock: Clock,
  signal: AbortSignal,
): () => number {
  const now = () => Math.floor(clock.now() / 1000);
  let last = now();
  const touch = () => {
    last = now();
  };
  const handler = { onAdd: touch, onUpdate: touch, onDelete: touch };
  const removals = followed.map((one) => one.addHandler(handler));
  signal.addEventListener('abort', () => removals.map((remove) => remove()), { once: true });
  return () => last;
}
