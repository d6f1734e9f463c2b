// Network namespaces with names, as `ip netns` knows them, and the links that lead from a bridge into them.
// https://man7.org/linux/man-pages/man8/ip-netns.8.html : a name is a file in /run/netns over which the namespace is mounted.
import { closeSync, constants, mkdirSync, openSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { addVethPair, deleteLink, getLink, indexOf, setAddress, setHairpin, setRoute, setUp } from './links.ts';
import { inNamespaces } from './namespaces.ts';
import { cLibrary, inThread, SystemError } from './native.ts';
import { ask, openNetlink, withNetlink } from './netlink.ts';

export const NETNS_DIRECTORY = '/run/netns';
const { O_CREAT, O_EXCL, O_RDONLY } = constants;
/** Loopback is every namespace's first link. */
const LOOPBACK = 1;
const NO_MODE = 0;
// https://man7.org/linux/man-pages/man2/mount.2.html
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_SHARED = 0x10_0000;
const MNT_DETACH = 0x2;

export interface SpaceRequest {
  readonly name: string;
  /** The process whose namespace gets the name; a new one unless given. */
  readonly pid?: number;
}

export interface LinkRequest extends SpaceRequest {
  /** The link that all are ports of; the new one's end on the host has the name of the namespace. */
  readonly bridge: string;
  /** The end inside: its name, MAC address, address and prefix, and where all that is elsewhere is reached. */
  readonly inside: {
    readonly name: string;
    readonly mac: string;
    readonly address: string;
    readonly prefix: number;
    readonly gateway: string;
  };
  readonly mtu?: number;
}

function mountHere(source: string, target: string, flags: number): void {
  const { mount, koffi } = cLibrary();
  if (mount(source, target, 'none', flags, '') !== 0) throw new SystemError(`mount ${target}`, koffi.errno());
}

/** What is unmounted here is unmounted wherever else it is seen, or the namespace would live on. As `ip netns add` does it. */
function readyDirectory(): void {
  mkdirSync(NETNS_DIRECTORY, { recursive: true, mode: 0o755 });
  const { mount } = cLibrary();
  const share = () => mount('', NETNS_DIRECTORY, 'none', MS_SHARED | MS_REC, '');
  if (share() === 0) return;
  mountHere(NETNS_DIRECTORY, NETNS_DIRECTORY, MS_BIND | MS_REC);
  mountHere('', NETNS_DIRECTORY, MS_SHARED | MS_REC);
}

/** Gives a namespace its name. Answers a netlink socket that belongs to it; the caller closes it. */
function nameNamespace({ name, pid }: SpaceRequest): number {
  readyDirectory();
  const path = join(NETNS_DIRECTORY, name);
  closeSync(openSync(path, O_RDONLY | O_CREAT | O_EXCL, NO_MODE));
  try {
    if (pid === undefined)
      return inNamespaces({ anew: ['net'] }, () => {
        mountHere('/proc/thread-self/ns/net', path, MS_BIND);
        return openNetlink();
      });
    mountHere(`/proc/${pid}/ns/net`, path, MS_BIND);
    return inNamespaces({ net: path }, openNetlink);
  } catch (error) {
    cLibrary().umount(path, MNT_DETACH);
    unlinkSync(path);
    throw error;
  }
}

/** Makes a namespace, or names one that a process has; its loopback works. */
export async function makeSpace(request: SpaceRequest): Promise<void> {
  const inside = nameNamespace(request);
  try {
    await ask(inside, [setUp(LOOPBACK)]);
  } finally {
    closeSync(inside);
  }
}

/** Of a link of the host. Throws when there is none. */
export const linkIndex = (name: string): number => Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'));

async function connectSpace({ name, bridge, inside, mtu }: LinkRequest, socket: number): Promise<void> {
  const netns = openSync(join(NETNS_DIRECTORY, name), 'r');
  try {
    const peer = { name: inside.name, address: inside.mac, netns };
    const pair = addVethPair({ name, bridge: linkIndex(bridge), mtu, peer });
    await withNetlink((host) => ask(host, [pair, setHairpin(name)]));
    const index = indexOf(await ask(socket, [getLink(inside.name)]));
    await ask(socket, [
      setUp(LOOPBACK),
      setAddress(index, inside.address, inside.prefix),
      setUp(index),
      setRoute({ link: index, gateway: inside.gateway }),
    ]);
  } finally {
    closeSync(netns);
  }
}

/** Makes a namespace, or names one that a process has, and connects it to a bridge. Leaves nothing when it fails. */
export async function makeLink(request: LinkRequest): Promise<void> {
  const socket = nameNamespace(request);
  try {
    await connectSpace(request, socket);
  } catch (error) {
    await removeSpaces([request.name]);
    throw error;
  } finally {
    closeSync(socket);
  }
}

/** Removes namespaces, and the links on the host that bear their names; what is not there is no error. */
export async function removeSpaces(names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  await withNetlink((host) => ask(host, names.map(deleteLink)));
  const there = new Set(spaces());
  for (const name of names) {
    if (!there.has(name)) continue;
    const path = join(NETNS_DIRECTORY, name);
    // In a thread, since the kernel waits for all processors. One that was never mounted is only a file.
    await inThread(cLibrary().umount, path, MNT_DETACH);
    unlinkSync(path);
  }
}

/** The names of all namespaces that have one. */
export function spaces(): string[] {
  try {
    return readdirSync(NETNS_DIRECTORY);
  } catch {
    return []; // nobody has made one yet
  }
}
