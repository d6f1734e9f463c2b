// Where a Service is reached from this server: one of its ready endpoints, without its cluster's DNS and without a proxy on this host.
// Source: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/ (--enable-aggregator-routing)
import type { Random } from '../../host/clock.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Service } from '../../resources/generated/core-v1.ts';
import type { EndpointSlice } from '../../resources/generated/discovery-v1.ts';
import type { Caches } from './caches.ts';
import type { ReachCheck } from './no-wire.ts';

export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
}

/** Finds where a Service's port is reached. Throws with Kubernetes' words when there is no way to it. */
export type ServiceRoutes = (namespace: string, name: string, port: number) => ServiceAddress;

/** Whether a slice tells the endpoints of this Service. */
export function isSliceOf(slice: EndpointSlice & KubeObject, service: string): boolean {
  return slice.metadata.labels?.['kubernetes.io/service-name'] === service;
}

/** The addresses of the endpoints that are ready, by the name of the Service's port. */
export function readyEndpoints(slices: readonly EndpointSlice[], portName: string): ServiceAddress[] {
  const found: ServiceAddress[] = [];
  for (const slice of slices) {
    const port = slice.ports?.find((one) => (one.name ?? '') === portName)?.port;
    if (port === undefined || port === null) continue;
    for (const { addresses, conditions } of slice.endpoints ?? []) {
      const [host] = addresses;
      if (host !== undefined && conditions?.ready !== false) found.push({ host, port });
    }
  }
  return found;
}

/** The address for a Service and its slices. A Service without ready endpoints is tried at its own address, as a host with a proxy would. */
export function addressOfService(
  service: Service & KubeObject,
  slices: readonly EndpointSlice[],
  { port, random }: { readonly port: number; readonly random: Random },
): ServiceAddress {
  const { spec } = service;
  if (spec?.type === 'ExternalName') return { host: spec.externalName ?? '', port };
  const host = spec?.clusterIP ?? '';
  if (host === '' || host === 'None') throw new Error('cannot route to service with ClusterIP "None"');
  const wanted = spec?.ports?.find((one) => one.port === port);
  if (wanted === undefined)
    throw new Error(`no service port ${port} found for service ${JSON.stringify(service.metadata.name)}`);
  const ready = readyEndpoints(slices, wanted.name ?? '');
  return ready[Math.floor(random.float() * ready.length)] ?? { host, port };
}

/** Routes by the live copies of Services and EndpointSlices. */
export function serviceRoutes(caches: Caches, random: Random, check: ReachCheck): ServiceRoutes {
  const services = caches.of<Service & KubeObject>('/v1/services');
  const slices = caches.of<EndpointSlice & KubeObject>('discovery.k8s.io/v1/endpointslices');
  return (namespace, name, port) => {
    const service = services.get(`${namespace}/${name}`);
    if (service === undefined) throw new Error(`service ${JSON.stringify(name)} not found`);
    const own = slices.inNamespace(namespace).filter((slice) => isSliceOf(slice, name));
    const address = addressOfService(service, own, { port, random });
    check(address);
    return address;
  };
}
