// The face of the network rooms: what of them others may use.

export { CniNetwork, type CniNetworkOptions } from './cni/network.ts';
export { whyNoCniNetwork } from './cni/ready.ts';
export { type DnsServer, startDns } from './dns/server.ts';
export { type ForwardTo, parseForwardTo } from './dns/upstreams.ts';
export { AddressBook } from './pod/addresses.ts';
export type { HostPort } from './pod/host-ports.ts';
export { PodNetwork, type PodNetworkOptions } from './pod/network.ts';
export type { LinkStats, NetworkedPod, PodNetworking, PodSlot, SlotInUse } from './port.ts';
export { removeServices, type ServiceProxy, serviceTable, startServiceProxy } from './services/proxy.ts';
export type { OwnPort } from './services/table.ts';
