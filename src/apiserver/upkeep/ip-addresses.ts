// An IPAddress for every address that a Service holds. Source: https://kubernetes.io/docs/reference/networking/virtual-ips/#ip-address-objects
import type { KubeObject } from '../../machinery/object.ts';
import type { Service } from '../../resources/generated/core-v1.ts';
import type { IPAddress } from '../../resources/generated/networking-v1.ts';
import type { LiveCache } from '../registry/live-cache.ts';
import type { Write } from './keeper.ts';

const COLLECTION = '/apis/networking.k8s.io/v1/ipaddresses';
const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by';
const ALLOCATOR = 'ipallocator.k8s.io';

function addressOf(ip: string, service: KubeObject): KubeObject {
  const { name = '', namespace = '' } = service.metadata;
  const family = ip.includes(':') ? 'IPv6' : 'IPv4';
  const object = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { name: ip, labels: { 'ipaddress.kubernetes.io/ip-family': family, [MANAGED_BY]: ALLOCATOR } },
    spec: { parentRef: { group: '', resource: 'services', namespace, name } },
  };
  return object;
}

export function planAddresses(
  services: LiveCache<Service & KubeObject>,
  addresses: LiveCache<IPAddress & KubeObject>,
): Write[] {
  const writes: Write[] = [];
  const held = new Map<string, KubeObject>();
  for (const service of services.list()) {
    for (const ip of service.spec?.clusterIPs ?? []) if (ip !== '' && ip !== 'None') held.set(ip, service);
  }
  for (const one of addresses.list()) {
    const ip = one.metadata.name ?? '';
    if (one.metadata.labels?.[MANAGED_BY] !== ALLOCATOR) continue;
    const owner = held.get(ip)?.metadata;
    const parent = one.spec?.parentRef;
    if (owner !== undefined && parent?.name === owner.name && parent?.namespace === owner.namespace) continue;
    writes.push({ method: 'DELETE', path: `${COLLECTION}/${ip}` });
  }
  const stale = new Set(writes.map(({ path }) => path.slice(COLLECTION.length + 1)));
  for (const [ip, service] of held) {
    if (addresses.get(ip) === undefined || stale.has(ip))
      writes.push({ method: 'POST', path: COLLECTION, body: addressOf(ip, service) });
  }
  return writes;
}
