// What Node cannot ask of Linux: functions of the C library, called in this process. koffi is loaded when the first is needed.
import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';
import type { KoffiFunc } from 'koffi';

/** Structures whose insides only the C library knows; none is larger than this, neither in glibc nor in musl. */
const OPAQUE_BYTES = 512;

type Koffi = typeof import('koffi');
/** A `char *` array, ended by null. */
type Strings = readonly (string | null)[];

export interface CLibrary {
  readonly koffi: Koffi;
  readonly mount: KoffiFunc<(source: string, target: string, type: string, flags: number, data: string) => number>;
  readonly umount: KoffiFunc<(target: string, flags: number) => number>;
  readonly pipe: (ends: number[], flags: number) => number;
  readonly wait: (pid: number, status: number[], options: number) => number;
  readonly spawn: KoffiFunc<
    (pid: number[], path: string, actions: Buffer, attributes: Buffer, args: Strings, env: Strings) => number
  >;
  readonly actions: {
    readonly init: (actions: Buffer) => number;
    readonly open: (actions: Buffer, fd: number, path: string, flags: number, mode: number) => number;
    readonly dup: (actions: Buffer, from: number, to: number) => number;
    readonly chdir: (actions: Buffer, path: string) => number;
    readonly destroy: (actions: Buffer) => number;
  };
  readonly attributes: {
    readonly init: (attributes: Buffer) => number;
    readonly flags: (attributes: Buffer, flags: number) => number;
    readonly defaults: (attributes: Buffer, signals: Buffer) => number;
    readonly mask: (attributes: Buffer, signals: Buffer) => number;
  };
  readonly fifo: (path: string, mode: number) => number;
  readonly setAttribute: (path: string, name: string, value: Uint8Array, bytes: number, flags: number) => number;
  /** nftw: calls a function of the library for all that is below a path. */
  readonly walk: KoffiFunc<(path: string, each: unknown, descriptors: number, flags: number) => number>;
  /** The function `remove`, as such. */
  readonly remove: unknown;
  readonly enter: (namespace: number, type: number) => number;
  readonly leave: (types: number) => number;
  readonly hostname: (name: string, length: number) => number;
  readonly socket: (family: number, type: number, protocol: number) => number;
  readonly send: KoffiFunc<(socket: number, bytes: Buffer, length: number, flags: number) => number>;
  readonly receive: (socket: number, into: Buffer, length: number, flags: number) => number;
  readonly connect: (socket: number, address: Buffer, length: number) => number;
  readonly poll: (descriptors: Buffer, count: number, timeoutMs: number) => number;
  readonly option: (socket: number, level: number, name: number, value: Buffer, length: number[]) => number;
}

function bind(): CLibrary {
  const koffi: Koffi = createRequire(import.meta.url)('koffi');
  // The process itself: Node is linked to its C library, whichever that is.
  const c = koffi.load(null);
  const prefix = 'int posix_spawn';
  return {
    koffi,
    mount: c.func('int mount(const char *, const char *, const char *, unsigned long, const char *)'),
    umount: c.func('int umount2(const char *, int)'),
    pipe: c.func('int pipe2(_Out_ int *, int)'),
    wait: c.func('int waitpid(int, _Out_ int *, int)'),
    spawn: c.func(`${prefix}(_Out_ int *, const char *, void *, void *, const char **, const char **)`),
    actions: {
      init: c.func(`${prefix}_file_actions_init(void *)`),
      open: c.func(`${prefix}_file_actions_addopen(void *, int, const char *, int, unsigned int)`),
      dup: c.func(`${prefix}_file_actions_adddup2(void *, int, int)`),
      chdir: c.func(`${prefix}_file_actions_addchdir_np(void *, const char *)`),
      destroy: c.func(`${prefix}_file_actions_destroy(void *)`),
    },
    attributes: {
      init: c.func(`${prefix}attr_init(void *)`),
      flags: c.func(`${prefix}attr_setflags(void *, short)`),
      defaults: c.func(`${prefix}attr_setsigdefault(void *, void *)`),
      mask: c.func(`${prefix}attr_setsigmask(void *, void *)`),
    },
    fifo: c.func('int mkfifo(const char *, unsigned int)'),
    setAttribute: c.func('int lsetxattr(const char *, const char *, const void *, size_t, int)'),
    walk: c.func('int nftw(const char *, void *, int, int)'),
    remove: c.symbol('remove', 'void'),
    enter: c.func('int setns(int, int)'),
    leave: c.func('int unshare(int)'),
    hostname: c.func('int sethostname(const char *, size_t)'),
    socket: c.func('int socket(int, int, int)'),
    send: c.func('long send(int, const void *, size_t, int)'),
    receive: c.func('long recv(int, void *, size_t, int)'),
    connect: c.func('int connect(int, const void *, unsigned int)'),
    poll: c.func('int poll(void *, unsigned long, int)'),
    option: c.func('int getsockopt(int, int, int, void *, _Inout_ unsigned int *)'),
  };
}

let library: CLibrary | undefined;

export function cLibrary(): CLibrary {
  library ??= bind();
  return library;
}

export const opaque = (): Buffer => Buffer.alloc(OPAQUE_BYTES);

/** Node has four threads for all of its work; koffi refuses more than 256 calls that wait for one. */
const CALLS_AT_A_TIME = 32;
const queue: (() => void)[] = [];
let calls = 0;

/** Calls a function on another thread, so that the event loop does not wait. Resolves with what it answers. */
export function inThread<A extends unknown[]>(f: KoffiFunc<(...args: A) => number>, ...args: A): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = () => {
      f.async(...args, (error: unknown, result: number) => {
        calls -= 1;
        queue.shift()?.();
        if (error) reject(error);
        else resolve(result);
      });
      calls += 1;
    };
    if (calls < CALLS_AT_A_TIME) call();
    else queue.push(call);
  });
}

/** A refusal of the kernel, as Node words its own. */
export class SystemError extends Error {
  readonly code: string;

  constructor(
    readonly call: string,
    readonly errno: number,
  ) {
    const code = getSystemErrorName(-errno);
    super(`${call}: ${code}`);
    this.name = 'SystemError';
    this.code = code;
  }
}

const SOCK_CLOEXEC = 0o2_000_000;

/** A socket of the network namespace that this thread is in; the caller closes it. Throws a SystemError. */
export function openSocket(family: number, type: number): number {
  const { socket, koffi } = cLibrary();
  const fd = socket(family, type | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemError('socket', koffi.errno());
  return fd;
}
