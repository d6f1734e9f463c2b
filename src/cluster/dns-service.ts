// The Service `kube-system/kube-dns` and where it leads, upheld while the cluster runs; one that has a selector is somebody else's DNS and is left alone.
import {
  type Client,
  ENDPOINT_SLICES,
  type InformerFactory,
  runController,
  SERVICES,
  WorkQueue,
} from '../client/index.ts';
import type { Clock } from '../host/clock.ts';
import { deepEqual } from '../machinery/json.ts';
import type { Service } from '../resources/generated/core-v1.ts';
import type { EndpointSlice } from '../resources/generated/discovery-v1.ts';

const NAMESPACE = 'kube-system';
const NAME = 'kube-dns';
const KEY = `${NAMESPACE}/${NAME}`;
const PORT = 53;

/** What kubeadm gives it. */
const LABELS = {
  'k8s-app': 'kube-dns',
  'kubernetes.io/cluster-service': 'true',
  'kubernetes.io/name': 'CoreDNS',
};

export interface DnsPlace {
  readonly clusterIp: string;
  /** Where it really listens. */
  readonly address: string;
  readonly port: number;
  readonly nodeName: string;
}

function wantedService({ clusterIp }: DnsPlace): Service {
  const port = (name: string, protocol: string) => ({ name, protocol, port: PORT, targetPort: PORT });
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: NAME, namespace: NAMESPACE, labels: LABELS },
    spec: { type: 'ClusterIP', clusterIP: clusterIp, ports: [port('dns', 'UDP'), port('dns-tcp', 'TCP')] },
  };
}

function wantedSlice({ address, port, nodeName }: DnsPlace): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: NAME,
      namespace: NAMESPACE,
      labels: {
        'k8s-app': 'kube-dns',
        'kubernetes.io/service-name': NAME,
        'endpointslice.kubernetes.io/managed-by': 'minke',
      },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true }, nodeName }],
    ports: [
      { name: 'dns', protocol: 'UDP', port },
      { name: 'dns-tcp', protocol: 'TCP', port },
    ],
  };
}

export type Upholding =
  | { readonly write: 'create' | 'update'; readonly service: Service }
  | { readonly write: 'create' | 'update' | 'delete'; readonly slice: EndpointSlice };

/** What is to be written, in order, so that what there is becomes what there should be. Pure. */
export function upholdDns(
  place: DnsPlace,
  service: Service | undefined,
  slice: EndpointSlice | undefined,
): readonly Upholding[] {
  const wanted = wantedService(place);
  const foreign = Object.keys(service?.spec?.selector ?? {}).length > 0 || service?.spec?.type === 'ExternalName';
  if (service !== undefined && foreign) return slice === undefined ? [] : [{ write: 'delete', slice }];
  const writes: Upholding[] = [];
  if (service === undefined) writes.push({ write: 'create', service: wanted });
  else if (service.metadata.deletionTimestamp === undefined) {
    const { metadata, spec = {} } = service;
    const labels = { ...metadata.labels, ...LABELS };
    const ports = wanted.spec?.ports ?? [];
    const samePorts = deepEqual(
      (spec.ports ?? []).map(({ name, protocol, port }) => ({ name, protocol, port })),
      ports.map(({ name, protocol, port }) => ({ name, protocol, port })),
    );
    if (!samePorts || !deepEqual(labels, metadata.labels ?? {}))
      writes.push({
        write: 'update',
        service: { ...service, metadata: { ...metadata, labels }, spec: samePorts ? spec : { ...spec, ports } },
      });
  }
  const next = wantedSlice(place);
  if (slice === undefined) return [...writes, { write: 'create', slice: next }];
  const same =
    deepEqual(slice.endpoints, next.endpoints) &&
    deepEqual(slice.ports, next.ports) &&
    slice.metadata.labels?.['kubernetes.io/service-name'] === NAME;
  if (same) return writes;
  const labels = { ...slice.metadata.labels, ...next.metadata.labels };
  const { endpoints, ports } = next;
  return [
    ...writes,
    { write: 'update', slice: { ...slice, metadata: { ...slice.metadata, labels }, endpoints, ports } },
  ];
}

export interface UpholdOptions {
  readonly place: DnsPlace;
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

async function write(client: Client, one: Upholding): Promise<void> {
  if ('service' in one) {
    const services = client.resource(SERVICES);
    await (one.write === 'create' ? services.create(NAMESPACE, one.service) : services.update(one.service));
    return;
  }
  const slices = client.resource(ENDPOINT_SLICES);
  if (one.write === 'delete') await slices.delete(NAMESPACE, one.slice.metadata.name ?? NAME);
  else if (one.write === 'create') await slices.create(NAMESPACE, one.slice);
  else await slices.update(one.slice);
}

/** Resolves when the signal has come and the work in hand is done; `begun` when all is there for the first time, or was tried. */
export function keepDnsService(options: UpholdOptions): {
  readonly begun: Promise<void>;
  readonly ended: Promise<void>;
} {
  const { place, client, informers, clock, signal, onError } = options;
  const services = informers.informer(SERVICES);
  const slices = informers.informer(ENDPOINT_SLICES);
  const queue = new WorkQueue({ clock, maxDelayMs: 30_000 });
  const look = (object: { metadata: { namespace?: string; name?: string } }) => {
    if (object.metadata.namespace === NAMESPACE && object.metadata.name === NAME) queue.add(KEY);
  };
  const handler = { onAdd: look, onUpdate: look, onDelete: look };
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const run = async (): Promise<void> => {
    await Promise.all([services.synced, slices.synced]);
    const removals = [services.addHandler(handler), slices.addHandler(handler)];
    queue.add(KEY);
    await runController({
      name: 'dns-service',
      queue,
      clock,
      signal,
      onError: (error) => onError(error),
      async reconcile() {
        try {
          for (const one of upholdDns(place, services.get(KEY), slices.get(KEY))) await write(client, one);
        } finally {
          begin();
        }
        return undefined;
      },
    });
    for (const remove of removals) remove();
    begin();
  };
  return { begun, ended: run() };
}
