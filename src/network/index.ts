// The face of the network rooms: what of them others may use.
export { AddressBook } from './pod/addresses.ts';
export type { HostPort } from './pod/host-ports.ts';
export { type LinkStats, PodNetwork, type PodNetworkOptions, type PodSlot } from './pod/network.ts';
