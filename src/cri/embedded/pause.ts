// The pause program: a static ELF of a few hundred bytes that holds a sandbox's namespaces, reaps orphans and ends on SIGTERM.
import { CODE_ADDRESS, elfProgram, le32 } from './elf.ts';

// https://man7.org/linux/man-pages/man2/rt_sigaction.2.html : the kernel's structure is handler, flags, restorer, mask, 8 bytes each.
const SIG_IGN = 1n;
const SA_NOCLDWAIT = 0x2n;
const SA_RESTORER = 0x0400_0000n;
const SIGINT = 2;
const SIGTERM = 15;
const SIGCHLD = 17;

interface Machine {
  readonly sigaction: (signal: number, address: number) => number[];
  readonly exit: readonly number[];
  /** Waits for ever; jumps back to its own begin. */
  readonly wait: readonly number[];
}

const x86: Machine = {
  sigaction: (signal, address) => [
    ...[0xb8, ...le32(13)], // mov eax, rt_sigaction
    ...[0xbf, ...le32(signal)], // mov edi, signal
    ...[0xbe, ...le32(address)], // mov esi, address
    ...[0x31, 0xd2], // xor edx, edx
    ...[0x41, 0xba, ...le32(8)], // mov r10d, 8
    ...[0x0f, 0x05], // syscall
  ],
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
  sigaction: (signal, address) => [
    ...movz(8, 134), // rt_sigaction
    ...movz(0, signal),
    ...movz(1, address & 0xffff),
    ...movkHigh(1, address >>> 16),
    ...movz(2, 0),
    ...movz(3, 8),
    ...svc,
  ],
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

/** The program's bytes for an architecture as Go names it. */
export function pauseProgram(architecture: string): Buffer {
  const machine = MACHINES[architecture];
  if (machine === undefined) throw new Error(`no pause program for the architecture ${architecture}`);
  // Lengths do not depend on the addresses, so a first pass with zeros finds out where everything lies.
  const layout = (ignore: number, end: number): number[] => [
    ...machine.sigaction(SIGCHLD, ignore),
    ...machine.sigaction(SIGTERM, end),
    ...machine.sigaction(SIGINT, end),
    ...machine.wait,
  ];
  const handler = layout(0, 0).length;
  const data = Math.ceil((handler + machine.exit.length) / 8) * 8;
  const body = Buffer.alloc(data + 64);
  Buffer.from([...layout(CODE_ADDRESS + data, CODE_ADDRESS + data + 32), ...machine.exit]).copy(body);
  action(SIG_IGN, SA_NOCLDWAIT, 0n).copy(body, data);
  // The handler ends the process, so nothing ever returns to the restorer; the kernel only wants one.
  action(BigInt(CODE_ADDRESS + handler), SA_RESTORER, BigInt(CODE_ADDRESS + handler)).copy(body, data + 32);
  return elfProgram(architecture, body);
}
