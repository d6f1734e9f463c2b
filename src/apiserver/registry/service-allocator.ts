// Hands out what Services need of a cluster: addresses of the service range, and node ports.
// Source: https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/

import type { Random } from '../../host/clock.ts';
import { type FieldError, FieldPath, fieldErrors, invalid } from '../../machinery/field-error.ts';
import { parseCIDR } from '../../machinery/names.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Service, ServiceSpec } from '../../resources/generated/core-v1.ts';
import { type IPFamily, serviceNeeds, settleFamilies } from '../../resources/index.ts';
import type { Store, StoredValue } from '../../store/index.ts';
import type { Allocator, Reservation } from './allocator.ts';
import type { Catalog } from './catalog.ts';
import { followCollection } from './follow.ts';
import { readObject } from './objects.ts';

const SPEC = FieldPath.of('spec');
const CLUSTER_IPS = SPEC.child('clusterIPs');
const NODE_PORTS = { first: 30000, last: 32767 };

type StoredService = Service & KubeObject;

function ipToNumber(ip: string): number {
  return ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function numberToIp(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** Addresses of an IPv4 range: all but the first and the last. */
class AddressRange {
  readonly first: number;
  readonly size: number;

  constructor(readonly cidr: string) {
    if (parseCIDR(cidr) === undefined || cidr.includes(':')) throw new Error(`${cidr} is not an IPv4 range`);
    const [address = '', bits = '24'] = cidr.split('/');
    const all = 2 ** (32 - Number(bits));
    const base = Math.floor(ipToNumber(address) / all) * all;
    this.first = base + 1;
    this.size = Math.max(all - 2, 1);
  }

  contains(ip: string): boolean {
    const offset = ipToNumber(ip) - this.first;
    return !ip.includes(':') && offset >= 0 && offset < this.size;
  }

  at(offset: number): string {
    return numberToIp(this.first + offset);
  }
}

function usedBy(spec: ServiceSpec | undefined): { readonly ips: string[]; readonly ports: number[] } {
  const ips = (spec?.clusterIPs ?? []).filter((ip) => ip !== '' && ip !== 'None');
  const ports = (spec?.ports ?? []).map((port) => port.nodePort ?? 0).filter((port) => port !== 0);
  const health = spec?.healthCheckNodePort ?? 0;
  return { ips, ports: health === 0 ? ports : [...ports, health] };
}

/** Who holds what; a promise for a write on its way counts like a written one. */
class Holdings<K> {
  private readonly holders = new Map<K, string>();
  private readonly promised = new Map<K, string>();

  taken(item: K, except: string): boolean {
    const holder = this.holders.get(item) ?? this.promised.get(item);
    return holder !== undefined && holder !== except;
  }

  promise(item: K, holder: string): void {
    this.promised.set(item, holder);
  }

  withdraw(items: readonly K[]): void {
    for (const item of items) this.promised.delete(item);
  }

  replace(holder: string, before: readonly K[], now: readonly K[]): void {
    for (const item of before) if (this.holders.get(item) === holder && !now.includes(item)) this.holders.delete(item);
    for (const item of now) {
      this.holders.set(item, holder);
      this.promised.delete(item);
    }
  }
}

export interface ServiceAllocatorParts {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly random: Random;
  readonly serviceCidr: string;
}

export class ServiceAllocator implements Allocator {
  private readonly range: AddressRange;
  private readonly addresses = new Holdings<string>();
  private readonly ports = new Holdings<number>();
  private stop: (() => void) | undefined;

  constructor(private readonly parts: ServiceAllocatorParts) {
    this.range = new AddressRange(parts.serviceCidr);
  }

  async start(): Promise<void> {
    const { store, catalog } = this.parts;
    const entry = catalog.find('', 'v1', 'services');
    if (entry === undefined) return;
    const read = (value: StoredValue | undefined): StoredService | undefined =>
      value === undefined ? undefined : (readObject(entry, value) as StoredService);
    this.stop = await followCollection(store, entry.prefix, {
      put: (key, value, before) => this.note(`${entry.prefix}${key}`, read(before), read(value)),
      gone: (key, before) => this.note(`${entry.prefix}${key}`, read(before), undefined),
    });
  }

  close(): void {
    this.stop?.();
  }

  private note(key: string, before: StoredService | undefined, now: StoredService | undefined): void {
    const was = usedBy(before?.spec);
    const is = usedBy(now?.spec);
    this.addresses.replace(key, was.ips, is.ips);
    this.ports.replace(key, was.ports, is.ports);
  }

  /** Gives the draft what it lacks; throws when that cannot be had. */
  reserve(draft: KubeObject, { key, dryRun }: Reservation): () => void {
    const service = draft as StoredService;
    const families: readonly IPFamily[] = ['IPv4'];
    const errors = settleFamilies(service, families);
    if (errors.length > 0) throw this.refuse(service, errors);
    const taken = { ips: [] as string[], ports: [] as number[] };
    const undo = (): void => {
      this.addresses.withdraw(taken.ips);
      this.ports.withdraw(taken.ports);
    };
    try {
      this.takeAddresses(service, key, { dryRun, taken: taken.ips });
      this.takePorts(service, key, { dryRun, taken: taken.ports });
    } catch (error) {
      undo();
      throw error;
    }
    return undo;
  }

  private refuse(service: StoredService, errors: readonly FieldError[]): Error {
    return invalid('Service', '', service.metadata.name ?? '', errors);
  }

  private takeAddresses(service: StoredService, key: string, how: { dryRun: boolean; taken: string[] }): void {
    const spec = service.spec ?? {};
    const needs = serviceNeeds(service);
    for (const ip of needs.givenIPs) {
      const why = this.whyNot(ip, key);
      if (why !== undefined && !how.dryRun) {
        throw this.refuse(service, [
          fieldErrors.invalid(CLUSTER_IPS, spec.clusterIPs, `failed to allocate IP ${ip}: ${why}`),
        ]);
      }
      this.addresses.promise(ip, key);
      how.taken.push(ip);
    }
    for (const _family of needs.clusterIPs) {
      const ip = this.freeAddress(key);
      this.addresses.promise(ip, key);
      how.taken.push(ip);
      spec.clusterIPs = [...(spec.clusterIPs ?? []), ip];
    }
    const [first] = spec.clusterIPs ?? [];
    if (first !== undefined && first !== '') spec.clusterIP = first;
    service.spec = spec;
  }

  private whyNot(ip: string, key: string): string | undefined {
    if (!this.range.contains(ip)) {
      return `the provided network does not match the current range. The range of valid IPs is ${this.range.cidr}`;
    }
    return this.addresses.taken(ip, key) ? 'provided IP is already allocated' : undefined;
  }

  /** From the upper part of the range first: the lower one is for addresses that people choose. */
  private freeAddress(key: string): string {
    const { size } = this.range;
    const chosenByHand = Math.min(Math.max(16, Math.floor(size / 16)), 256);
    const reserved = size > chosenByHand * 2 ? chosenByHand : 1;
    const dynamic = size - reserved;
    const begin = Math.floor(this.parts.random.float() * dynamic);
    for (let i = 0; i < size; i++) {
      const offset = i < dynamic ? reserved + ((begin + i) % dynamic) : i - dynamic;
      // The very first is the API server's own Service.
      if (offset === 0 && !key.endsWith('/default/kubernetes')) continue;
      const ip = this.range.at(offset);
      if (!this.addresses.taken(ip, '')) return ip;
    }
    throw new Error('failed to allocate a serviceIP: range is full');
  }

  private takePorts(service: StoredService, key: string, how: { dryRun: boolean; taken: number[] }): void {
    const spec = service.spec ?? {};
    const needs = serviceNeeds(service);
    for (const { index, port } of needs.givenNodePorts) {
      const path = SPEC.child('ports').index(index).child('nodePort');
      const why = this.whyNotPort(port, key);
      if (why !== undefined && !how.dryRun) throw this.refuse(service, [fieldErrors.invalid(path, port, why)]);
      this.takePort(port, key, how.taken);
    }
    for (const index of needs.nodePorts) {
      const port = spec.ports?.[index];
      if (port === undefined) continue;
      port.nodePort = this.sharedPort(spec, index) ?? this.freePort();
      this.takePort(port.nodePort, key, how.taken);
    }
    if (needs.healthCheckNodePort) {
      spec.healthCheckNodePort = this.freePort();
      this.takePort(spec.healthCheckNodePort, key, how.taken);
    }
  }

  /** TCP and UDP on the same port share a node port. */
  private sharedPort(spec: ServiceSpec, index: number): number | undefined {
    const port = spec.ports?.[index];
    const twin = (spec.ports ?? []).find(
      (other) =>
        other !== port && other.port === port?.port && other.protocol !== port?.protocol && (other.nodePort ?? 0) !== 0,
    );
    return twin?.nodePort;
  }

  private takePort(port: number, key: string, taken: number[]): void {
    this.ports.promise(port, key);
    taken.push(port);
  }

  private whyNotPort(port: number, key: string): string | undefined {
    if (port < NODE_PORTS.first || port > NODE_PORTS.last) {
      return `provided port is not in the valid range. The range of valid ports is ${NODE_PORTS.first}-${NODE_PORTS.last}`;
    }
    return this.ports.taken(port, key) ? 'provided port is already allocated' : undefined;
  }

  private freePort(): number {
    const size = NODE_PORTS.last - NODE_PORTS.first + 1;
    const begin = Math.floor(this.parts.random.float() * size);
    for (let i = 0; i < size; i++) {
      const port = NODE_PORTS.first + ((begin + i) % size);
      if (!this.ports.taken(port, '')) return port;
    }
    throw new Error('failed to allocate a nodePort: range is full');
  }
}
