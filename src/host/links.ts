// The requests of rtnetlink that a pod network is made of. Addresses are IPv4, links are named.
// Numbers: linux/if_link.h, linux/if_addr.h, linux/rtnetlink.h, linux/veth.h
import { constants } from 'node:os';
import { attribute, type NetlinkRequest } from './netlink.ts';

const { EEXIST, ENODEV, ESRCH } = constants.errno;
const AF_INET = 2;
const TYPE = { newLink: 16, delLink: 17, getLink: 18, newAddress: 20, newRoute: 24, delRoute: 25 } as const;
const FLAG = { replace: 0x100, exclusive: 0x200, create: 0x400 } as const;
const LINK = { address: 1, name: 3, mtu: 4, master: 10, info: 18, netnsFd: 28 } as const;
const INFO = { kind: 1, data: 2, portKind: 4, portData: 5 } as const;
const VETH_PEER = 1;
const BRIDGE_CALLS_IPTABLES = 36;
const BRIDGE_PORT_MODE = 4;
const ADDRESS = { address: 1, local: 2 } as const;
const ROUTE = { destination: 1, link: 4, gateway: 5, metric: 6, source: 7 } as const;
const UNICAST = 1;
const UNREACHABLE = 7;
const TABLE_MAIN = 254;
const BY_ADMINISTRATOR = 3;
const SCOPE_UNIVERSE = 0;
const SCOPE_LINK = 253;
const UP = 1;

const ipv4 = (text: string): Buffer => Buffer.from(text.split('.').map(Number));
const mac = (text: string): Buffer => Buffer.from(text.split(':').map((byte) => Number.parseInt(byte, 16)));

/** struct ifinfomsg: family, type, index, flags, which flags change. */
function linkHeader(index: number, up: boolean): Buffer {
  const out = Buffer.alloc(16);
  out.writeInt32LE(index, 4);
  if (up) {
    out.writeUInt32LE(UP, 8);
    out.writeUInt32LE(UP, 12);
  }
  return out;
}

function linkRequest(request: {
  readonly what: string;
  readonly flags?: number;
  readonly index?: number;
  readonly up?: boolean;
  readonly attributes: readonly Buffer[];
  readonly pardoned?: readonly number[];
}): NetlinkRequest {
  const { what, flags = 0, index = 0, up = false, attributes, pardoned = [] } = request;
  return { what, type: TYPE.newLink, flags, body: Buffer.concat([linkHeader(index, up), ...attributes]), pardoned };
}

export interface VethPair {
  /** The host's end. */
  readonly name: string;
  /** The index of the bridge that it is a port of. */
  readonly bridge: number;
  readonly mtu: number | undefined;
  /** The other end: its name, its address, a descriptor of its namespace. */
  readonly peer: { readonly name: string; readonly address: string; readonly netns: number };
}

export function addVethPair({ name, bridge, mtu, peer }: VethPair): NetlinkRequest {
  const size = mtu === undefined ? [] : [attribute(LINK.mtu, mtu)];
  const other = [
    linkHeader(0, false),
    attribute(LINK.name, peer.name),
    attribute(LINK.address, mac(peer.address)),
    attribute(LINK.netnsFd, peer.netns),
    ...size,
  ];
  const info = [attribute(INFO.kind, 'veth'), attribute(INFO.data, [attribute(VETH_PEER, other)])];
  const attributes = [attribute(LINK.name, name), attribute(LINK.master, bridge), ...size, attribute(LINK.info, info)];
  return linkRequest({ what: `add ${name}`, flags: FLAG.create | FLAG.exclusive, up: true, attributes });
}

/** What comes from a port of a bridge may go back to it: a pod reaches its own Service. */
export function setHairpin(name: string): NetlinkRequest {
  const data = [attribute(BRIDGE_PORT_MODE, Buffer.from([1]))];
  const info = [attribute(INFO.portKind, 'bridge'), attribute(INFO.portData, data)];
  return linkRequest({ what: `hairpin ${name}`, attributes: [attribute(LINK.name, name), attribute(LINK.info, info)] });
}

export function addBridge(name: string): NetlinkRequest {
  const info = [attribute(INFO.kind, 'bridge')];
  const attributes = [attribute(LINK.name, name), attribute(LINK.info, info)];
  const flags = FLAG.create | FLAG.exclusive;
  return linkRequest({ what: `add ${name}`, flags, attributes, pardoned: [EEXIST] });
}

export function changeBridge(
  name: string,
  to: { readonly address: string; readonly mtu: number | undefined; readonly callsIptables: boolean },
): NetlinkRequest {
  const data = [attribute(BRIDGE_CALLS_IPTABLES, Buffer.from([1]))];
  const attributes = [
    attribute(LINK.name, name),
    attribute(LINK.address, mac(to.address)),
    ...(to.mtu === undefined ? [] : [attribute(LINK.mtu, to.mtu)]),
    ...(to.callsIptables ? [attribute(LINK.info, [attribute(INFO.kind, 'bridge'), attribute(INFO.data, data)])] : []),
  ];
  return linkRequest({ what: `change ${name}`, up: true, attributes });
}

export function setUp(index: number): NetlinkRequest {
  return linkRequest({ what: `set link ${index} up`, index, up: true, attributes: [] });
}

/** One that is not there is no error. */
export function deleteLink(name: string): NetlinkRequest {
  const body = Buffer.concat([linkHeader(0, false), attribute(LINK.name, name)]);
  return { what: `delete ${name}`, type: TYPE.delLink, flags: 0, body, pardoned: [ENODEV] };
}

/** Asks for a link, whose index stands in the answer: see `indexOf`. */
export function getLink(name: string): NetlinkRequest {
  const body = Buffer.concat([linkHeader(0, false), attribute(LINK.name, name)]);
  return { what: `get ${name}`, type: TYPE.getLink, flags: 0, body };
}

export function indexOf(answers: readonly { readonly type: number; readonly body: Buffer }[]): number {
  const link = answers.find((a) => a.type === TYPE.newLink);
  if (link === undefined) throw new Error('the kernel told of no link');
  return link.body.readInt32LE(4);
}

export function setAddress(link: number, address: string, prefix: number): NetlinkRequest {
  // struct ifaddrmsg: family, prefix, flags, scope, index
  const header = Buffer.from([AF_INET, prefix, 0, SCOPE_UNIVERSE, 0, 0, 0, 0]);
  header.writeUInt32LE(link, 4);
  const bytes = ipv4(address);
  const body = Buffer.concat([header, attribute(ADDRESS.local, bytes), attribute(ADDRESS.address, bytes)]);
  return { what: `set address ${address}/${prefix}`, type: TYPE.newAddress, flags: FLAG.create | FLAG.replace, body };
}

export interface Route {
  /** `ADDRESS/PREFIX`; everything unless given. */
  readonly to?: string;
  /** The index of the link; what has none is unreachable. */
  readonly link?: number;
  readonly gateway?: string;
  readonly source?: string;
  readonly metric?: number;
}

function routeBody({ to, link, gateway, source, metric }: Route): Buffer {
  const [destination, prefix] = to?.split('/') ?? [];
  const scope = link === undefined || gateway !== undefined ? SCOPE_UNIVERSE : SCOPE_LINK;
  const type = link === undefined ? UNREACHABLE : UNICAST;
  // struct rtmsg: family, prefix of the destination and of the source, TOS, table, protocol, scope, type, flags
  const header = [AF_INET, Number(prefix ?? 0), 0, 0, TABLE_MAIN, BY_ADMINISTRATOR, scope, type, 0, 0, 0, 0];
  return Buffer.concat([
    Buffer.from(header),
    ...(destination === undefined ? [] : [attribute(ROUTE.destination, ipv4(destination))]),
    ...(link === undefined ? [] : [attribute(ROUTE.link, link)]),
    ...(gateway === undefined ? [] : [attribute(ROUTE.gateway, ipv4(gateway))]),
    ...(metric === undefined ? [] : [attribute(ROUTE.metric, metric)]),
    ...(source === undefined ? [] : [attribute(ROUTE.source, ipv4(source))]),
  ]);
}

const routeName = ({ to = 'default' }: Route): string => `route ${to}`;

/** Instead of another one to the same destination with the same metric. */
export function setRoute(route: Route): NetlinkRequest {
  const flags = FLAG.create | FLAG.replace;
  return { what: `set ${routeName(route)}`, type: TYPE.newRoute, flags, body: routeBody(route) };
}

/** One that is not there is no error. */
export function deleteRoute(route: Route): NetlinkRequest {
  const what = `delete ${routeName(route)}`;
  return { what, type: TYPE.delRoute, flags: 0, body: routeBody(route), pardoned: [ESRCH] };
}
