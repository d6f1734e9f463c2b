// The pause program: a static ELF of a few hundred bytes that holds a sandbox's namespaces, reaps orphans and ends on SIGTERM.
import { CODE_ADDRESS, elfProgram, le32 } from './elf.ts';

// https://man7.org/linux/man-pages/man2/rt_sigaction.2.html : the kernel's structure is handler, flags, restorer, mask, 8 bytes each.
const SIG_IGN = 1n;
const SA_NOCLDWAIT = 0x2n;
const SA_RESTORER = 0x0400_0000n;
const SIGINT = 2;
const SIGTERM = 15;
const SIGCHLD = 17;

/** As the pause containers of Kubernetes. */
const NOBODY = 65_535;
const PR_SET_NO_NEW_PRIVS = 38;

interface Machine {
  /** A system call with small numbers or addresses as its arguments. */
  readonly call: (number: number, ...values: number[]) => number[];
  /** Jumps over so many bytes when the last call failed. */
  readonly ifFailed: (bytes: number) => number[];
  readonly numbers: Readonly<
    Record<'sigaction' | 'chroot' | 'setgroups' | 'setresgid' | 'setresuid' | 'prctl', number>
  >;
  readonly exit: readonly number[];
  /** Waits for ever; jumps back to its own begin. */
  readonly wait: readonly number[];
}

/** mov edi, esi, edx, r10d, r8d */
const X86_REGISTERS = [[0xbf], [0xbe], [0xba], [0x41, 0xba], [0x41, 0xb8]] as const;

const x86: Machine = {
  call: (number, ...values) => [
    ...[0xb8, ...le32(number)], // mov eax, number
    ...values.flatMap((v, i) => [...(X86_REGISTERS[i] ?? []), ...le32(v)]),
    ...[0x0f, 0x05], // syscall
  ],
  ifFailed: (bytes) => [0x85, 0xc0, 0x0f, 0x85, ...le32(bytes)], // test eax, eax; jnz
  numbers: { sigaction: 13, chroot: 161, setgroups: 116, setresgid: 119, setresuid: 117, prctl: 157 },
  exit: [0x31, 0xff, 0xb8, ...le32(231), 0x0f, 0x05], // xor edi, edi; mov eax, exit_group; syscall
  wait: [0xb8, ...le32(34), 0x0f, 0x05, 0xeb, 0xf7], // mov eax, pause; syscall; jmp back
};

function movz(register: number, value: number): number[] {
  return le32((0xd280_0000 | (value << 5) | register) >>> 0);
}

function movkHigh(register: number, value: number): number[] {
  return le32((0xf2a0_0000 | (value << 5) | register) >>> 0);
}

const svc = le32(0xd400_0001);

const arm: Machine = {
  call: (number, ...values) => [
    ...movz(8, number),
    ...values.flatMap((v, i) => [...movz(i, v & 0xffff), ...movkHigh(i, v >>> 16)]),
    ...svc,
  ],
  ifFailed: (bytes) => le32((0xb500_0000 | ((bytes / 4 + 1) << 5)) >>> 0), // cbnz x0
  numbers: { sigaction: 134, chroot: 51, setgroups: 159, setresgid: 149, setresuid: 147, prctl: 167 },
  exit: [...movz(0, 0), ...movz(8, 94), ...svc], // exit_group
  // ppoll(0, 0, 0, 0, 0); b back by seven instructions
  wait: [...[0, 1, 2, 3, 4].flatMap((r) => movz(r, 0)), ...movz(8, 73), ...svc, ...le32(0x17ff_fff9)],
};

const MACHINES: Readonly<Record<string, Machine>> = { amd64: x86, arm64: arm };

function action(handler: bigint, flags: bigint, restorer: bigint): Buffer {
  const out = Buffer.alloc(32);
  out.writeBigUInt64LE(handler, 0);
  out.writeBigUInt64LE(flags, 8);
  out.writeBigUInt64LE(restorer, 16);
  return out;
}

/** Where the program's constants lie, as it sees them. */
interface Places {
  readonly ignore: number;
  readonly end: number;
  readonly here: number;
}

/**
 * What root's process may do it gives up at once: it sees no file but its own, and has no rights. As it was root's, no other process may look
 * into it (https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html). It ends where that is not possible.
 */
function begin({ call, ifFailed, numbers, wait }: Machine, { ignore, end, here }: Places): number[] {
  const waiting = [
    // The kernel's own set of signals has 8 bytes.
    ...call(numbers.sigaction, SIGCHLD, ignore, 0, 8),
    ...call(numbers.sigaction, SIGTERM, end, 0, 8),
    ...call(numbers.sigaction, SIGINT, end, 0, 8),
    ...wait,
  ];
  const user = [...call(numbers.setresuid, NOBODY, NOBODY, NOBODY), ...ifFailed(waiting.length), ...waiting];
  return [
    ...call(numbers.chroot, here),
    ...call(numbers.setgroups, 0, 0),
    ...call(numbers.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
    ...call(numbers.setresgid, NOBODY, NOBODY, NOBODY),
    ...ifFailed(user.length),
    ...user,
  ];
}

/** The program's bytes for an architecture as Go names it. */
export function pauseProgram(architecture: string): Buffer {
  const machine = MACHINES[architecture];
  if (machine === undefined) throw new Error(`no pause program for the architecture ${architecture}`);
  // Lengths do not depend on the addresses, so a first pass with zeros finds out where everything lies.
  const exit = begin(machine, { ignore: 0, end: 0, here: 0 }).length;
  const data = Math.ceil((exit + machine.exit.length) / 8) * 8;
  const body = Buffer.alloc(data + 72);
  const at = CODE_ADDRESS + data;
  Buffer.from([...begin(machine, { ignore: at, end: at + 32, here: at + 64 }), ...machine.exit]).copy(body);
  action(SIG_IGN, SA_NOCLDWAIT, 0n).copy(body, data);
  // The handler ends the process, so nothing ever returns to the restorer; the kernel only wants one.
  action(BigInt(CODE_ADDRESS + exit), SA_RESTORER, BigInt(CODE_ADDRESS + exit)).copy(body, data + 32);
  body.write('.', data + 64);
  return elfProgram(architecture, body);
}
