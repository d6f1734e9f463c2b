// What the names of a cluster are made from, and what an answer is made of.
import type { Service } from '../../resources/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../resources/generated/discovery-v1.ts';
import { dashed } from './names.ts';

/** Read for every question: each of these takes as long for ten thousand Services as for ten. */
export interface ClusterRecords {
  hasNamespace(name: string): boolean;
  /** By `namespace/name`, as are the others. */
  service(key: string): Service | undefined;
  slicesOf(service: string): readonly EndpointSlice[];
  /** Those in which an endpoint of the Service has the name. */
  slicesWith(service: string, hostname: string): readonly EndpointSlice[];
  serviceAt(address: string): Service | undefined;
  slicesAt(address: string): readonly EndpointSlice[];
  /** The second of the last change. */
  serial(): number;
}

interface Owned {
  /** Without the dot of the root. */
  readonly name: string;
  readonly ttl: number;
}

export interface AddressRecord extends Owned {
  readonly type: 'A' | 'AAAA';
  readonly data: string;
}

export interface NameRecord extends Owned {
  readonly type: 'CNAME' | 'PTR' | 'NS';
  readonly data: string;
}

export interface TextRecord extends Owned {
  readonly type: 'TXT';
  readonly data: string;
}

export interface ServerRecord extends Owned {
  readonly type: 'SRV';
  readonly data: { readonly priority: number; readonly weight: number; readonly port: number; readonly target: string };
}

export interface AuthorityRecord extends Owned {
  readonly type: 'SOA';
  readonly data: {
    readonly mname: string;
    readonly rname: string;
    readonly serial: number;
    readonly refresh: number;
    readonly retry: number;
    readonly expire: number;
    readonly minimum: number;
  };
}

export type DnsRecord = AddressRecord | NameRecord | TextRecord | ServerRecord | AuthorityRecord;

export const isReady = ({ conditions }: Endpoint): boolean => conditions?.ready ?? true;

/** The label of an endpoint below its Service: its own name, else its address. */
export function endpointLabel(endpoint: Endpoint): string {
  const { hostname, addresses } = endpoint;
  return hostname !== undefined && hostname !== '' ? hostname.toLowerCase() : dashed(addresses[0] ?? '');
}
