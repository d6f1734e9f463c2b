// Work in other namespaces than this process', and programs left behind there. A thread is in namespaces of its own, and what it starts is in them too.
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cLibrary, SystemError } from './native.ts';
import { leaveBehind } from './spawn.ts';

/** https://man7.org/linux/man-pages/man7/namespaces.7.html : the types by their names in /proc. */
const TYPES = { net: 0x4000_0000, uts: 0x0400_0000, ipc: 0x0800_0000 } as const;
type NamespaceType = keyof typeof TYPES;

export interface Namespaces {
  /** A network namespace that there is, by its path. */
  readonly net?: string;
  /** What begins anew. */
  readonly anew?: readonly NamespaceType[];
}

function enter(type: NamespaceType, path: string): void {
  const { enter: call, koffi } = cLibrary();
  const namespace = openSync(path, 'r');
  try {
    if (call(namespace, TYPES[type]) !== 0) throw new SystemError(`setns ${path}`, koffi.errno());
  } finally {
    closeSync(namespace);
  }
}

/** Does something in other namespaces. Between going there and coming back nothing else runs on this thread. */
export function inNamespaces<T>({ net, anew = [] }: Namespaces, work: () => T): T {
  const { enter: back, leave, koffi } = cLibrary();
  const changed: readonly NamespaceType[] = net === undefined ? anew : ['net', ...anew];
  const own = changed.map((type) => ({ type, fd: openSync(`/proc/thread-self/ns/${type}`, 'r') }));
  try {
    if (net !== undefined) enter('net', net);
    if (anew.length > 0 && leave(anew.reduce((all, type) => all | TYPES[type], 0)) !== 0)
      throw new SystemError('unshare', koffi.errno());
    return work();
  } finally {
    for (const { type, fd } of own) {
      // A process that is lost in a pod's namespaces must not go on.
      if (back(fd, TYPES[type]) !== 0) process.abort();
      closeSync(fd);
    }
  }
}

export interface HoldRequest {
  /** Absolute. It begins in the directory that it lies in. */
  readonly file: string;
  readonly args: readonly string[];
  /** The network namespace that it joins; this process' own unless given. */
  readonly netns?: string;
  /** The name in a UTS namespace of its own; this process' own namespace unless given. */
  readonly hostname?: string;
  /** Whether it has an IPC namespace of its own. */
  readonly ipc: boolean;
  /** Parameters of these namespaces, by the names that sysctl(8) gives them. */
  readonly sysctls: Readonly<Record<string, string>>;
}

/** The parameters that each namespace has for itself. https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/ */
const OWN_PARAMETERS: Readonly<Record<NamespaceType, RegExp>> = {
  net: /^net\./,
  ipc: /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/,
  uts: /^kernel\.(host|domain)name$/,
};

/** What is not the namespaces' own would be set for the whole host. */
function setParameter(name: string, value: string, own: readonly NamespaceType[]): void {
  if (!own.some((type) => OWN_PARAMETERS[type].test(name)))
    throw new Error(`sysctl ${name}: the pod has no namespace of its own for it`);
  try {
    writeFileSync(join('/proc/sys', name.replaceAll('.', '/')), value);
  } catch (error) {
    throw new Error(`sysctl ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Leaves a program behind that holds namespaces. Answers its PID. */
export function holdNamespaces({ file, args, netns, hostname, ipc, sysctls }: HoldRequest): number {
  const anew: NamespaceType[] = [...(hostname === undefined ? [] : ['uts' as const]), ...(ipc ? ['ipc' as const] : [])];
  const own: readonly NamespaceType[] = netns === undefined ? anew : ['net', ...anew];
  return inNamespaces({ ...(netns === undefined ? {} : { net: netns }), anew }, () => {
    const { hostname: call, koffi } = cLibrary();
    if (hostname !== undefined && call(hostname, Buffer.byteLength(hostname)) !== 0)
      throw new SystemError('sethostname', koffi.errno());
    for (const [name, value] of Object.entries(sysctls)) setParameter(name, value, own);
    return leaveBehind({ file, args, cwd: dirname(file), env: {} });
  });
}
