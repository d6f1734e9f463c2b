// Mounts a directory, read-only, with the user ids of a namespace: what is root's on the disk is the namespace's root's in the mount.
// https://man7.org/linux/man-pages/man2/mount_setattr.2.html : util-linux knows it since 2.39, which many hosts do not have yet, so
// the four system calls are a program of our own, like pause.
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { goArchitecture } from '../../host/machine.ts';
import { ProgramError } from '../../host/programs.ts';
import type { RunProgram } from '../../host/spawn-helper.ts';
import { elfProgram, le32 } from './elf.ts';

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const OPEN_TREE_CLONE = 0x8_0001; // with O_CLOEXEC
const MOVE_MOUNT_F_EMPTY_PATH = 4;
/** Idmapped, and read-only: what is a pod's view of the images must not be a way to change them. */
const MOUNT_ATTRIBUTES = 0x10_0001;
const MOUNT_ATTR_SIZE = 32;
const SYSCALL = { openTree: 428, moveMount: 429, setAttribute: 442 } as const;

/** On both: source, /proc/…/ns/user and target are the arguments; the exit code is the errno. */
function amd64(): number[] {
  const code: number[] = [];
  const failures: number[] = [];
  const put = (...bytes: number[]) => code.push(...bytes);
  const call = (number: number) => {
    put(0xb8, ...le32(number), 0x0f, 0x05); // mov eax, number; syscall
    put(0x48, 0x85, 0xc0, 0x0f, 0x88, 0, 0, 0, 0); // test rax, rax; js to where it fails
    failures.push(code.length);
  };
  const cwd = () => put(0x48, 0xc7, 0xc7, ...le32(AT_FDCWD)); // mov rdi, AT_FDCWD
  const argument = (n: number) => 8 + 8 * n; // its place above rbx
  put(0x48, 0x89, 0xe3); // mov rbx, rsp
  cwd();
  put(0x48, 0x8b, 0x73, argument(2), 0x31, 0xd2, 0x45, 0x31, 0xd2); // mov rsi, [rbx + …]; xor edx, edx; xor r10d, r10d
  call(257); // openat
  // struct mount_attr, from its end: userns_fd, propagation, attr_clr, attr_set
  put(0x50, 0x6a, 0, 0x6a, 0, 0x68, ...le32(MOUNT_ATTRIBUTES)); // push rax; push 0; push 0; push flag
  cwd();
  put(0x48, 0x8b, 0x73, argument(1), 0xba, ...le32(OPEN_TREE_CLONE)); // mov rsi, [rbx + …]; mov edx, flags
  call(SYSCALL.openTree);
  put(0x49, 0x89, 0xc4); // mov r12, rax
  const tree = [0x4c, 0x89, 0xe7, 0x48, 0x8d, 0x74, 0x24, 8]; // mov rdi, r12; lea rsi, [rsp + 8]: a zero, thus the empty path
  put(...tree, 0xba, ...le32(AT_EMPTY_PATH), 0x49, 0x89, 0xe2); // mov edx, flag; mov r10, rsp
  put(0x41, 0xb8, ...le32(MOUNT_ATTR_SIZE)); // mov r8d, size
  call(SYSCALL.setAttribute);
  put(...tree, 0x48, 0xc7, 0xc2, ...le32(AT_FDCWD), 0x4c, 0x8b, 0x53, argument(3)); // mov rdx, AT_FDCWD; mov r10, [rbx + …]
  put(0x41, 0xb8, ...le32(MOVE_MOUNT_F_EMPTY_PATH));
  call(SYSCALL.moveMount);
  put(0x31, 0xff, 0xb8, ...le32(231), 0x0f, 0x05); // xor edi, edi; exit_group
  const fail = code.length;
  put(0xf7, 0xd8, 0x89, 0xc7, 0xb8, ...le32(231), 0x0f, 0x05); // neg eax; mov edi, eax; exit_group
  for (const at of failures) code.splice(at - 4, 4, ...le32(fail - at));
  return code;
}

function arm64(): number[] {
  const words: number[] = [];
  const failures: number[] = [];
  const movz = (register: number, value: number) => words.push(0xd280_0000 | (value << 5) | register);
  const set = (register: number, value: number) => {
    movz(register, value & 0xffff);
    if (value > 0xffff) words.push(0xf2a0_0000 | ((value >>> 16) << 5) | register); // movk, lsl 16
  };
  const cwd = (register: number) => words.push(0x9280_0000 | ((-AT_FDCWD - 1) << 5) | register); // movn
  const load = (register: number, base: number, offset: number) =>
    words.push(0xf940_0000 | ((offset / 8) << 10) | (base << 5) | register);
  const store = (register: number, offset: number) =>
    words.push(0xf900_0000 | ((offset / 8) << 10) | (31 << 5) | register);
  const copy = (to: number, from: number) => words.push(0xaa00_03e0 | (from << 16) | to);
  const fromStack = (to: number, offset: number) => words.push(0x9100_0000 | (offset << 10) | (31 << 5) | to); // add to, sp, offset
  const call = (number: number) => {
    movz(8, number);
    words.push(0xd400_0001); // svc
    failures.push(words.length);
    words.push(0xb7f8_0000); // tbnz x0, 63, to where it fails
  };
  const argument = (n: number) => 8 + 8 * n;
  fromStack(19, 0);
  words.push(0xd100_83ff); // sub sp, sp, 32
  const open = (register: number, n: number) => {
    cwd(0);
    load(register, 19, argument(n));
  };
  open(1, 2);
  movz(2, 0);
  movz(3, 0);
  call(56); // openat
  store(0, 24);
  store(31, 16);
  store(31, 8);
  set(4, MOUNT_ATTRIBUTES);
  store(4, 0);
  open(1, 1);
  set(2, OPEN_TREE_CLONE);
  call(SYSCALL.openTree);
  copy(20, 0);
  fromStack(1, 8); // a zero, thus the empty path
  set(2, AT_EMPTY_PATH);
  fromStack(3, 0);
  set(4, MOUNT_ATTR_SIZE);
  call(SYSCALL.setAttribute);
  copy(0, 20);
  fromStack(1, 8);
  cwd(2);
  load(3, 19, argument(3));
  set(4, MOVE_MOUNT_F_EMPTY_PATH);
  call(SYSCALL.moveMount);
  movz(0, 0);
  movz(8, 94); // exit_group
  words.push(0xd400_0001);
  const fail = words.length;
  words.push(0xcb00_03e0); // neg x0, x0
  movz(8, 94);
  words.push(0xd400_0001);
  for (const at of failures) words[at] = ((words[at] ?? 0) | ((fail - at) << 5)) >>> 0;
  return words.flatMap((word) => le32(word >>> 0));
}

const PROGRAMS: Readonly<Record<string, () => number[]>> = { amd64, arm64 };

/** The program's bytes for an architecture as Go names it. */
export function idmapProgram(architecture: string): Buffer {
  const code = PROGRAMS[architecture];
  if (code === undefined) throw new Error(`no id-mapping program for the architecture ${architecture}`);
  return elfProgram(architecture, Buffer.from(code()));
}

function explain(error: unknown, source: string): Error {
  const code = error instanceof ProgramError ? error.exitCode : undefined;
  if (code === undefined || code === 0) return error instanceof Error ? error : new Error(String(error));
  const name = getSystemErrorName(-code);
  const why =
    name === 'EINVAL' || name === 'ENOSYS' || name === 'EOPNOTSUPP'
      ? 'the kernel or the file system there cannot map ids (Linux 5.12; ext4 and xfs 5.12, btrfs 5.15, overlayfs 5.19, tmpfs 6.3)'
      : name;
  return new Error(`cannot mount ${source} with the ids of a user namespace: ${why}`, { cause: error });
}

export class IdMapper {
  #program: Promise<string> | undefined;
  readonly #directory: string;
  readonly #run: RunProgram;

  constructor(directory: string, run: RunProgram) {
    this.#directory = directory;
    this.#run = run;
  }

  async #write(): Promise<string> {
    const path = join(this.#directory, 'idmap');
    await mkdir(this.#directory, { recursive: true });
    await rm(path, { force: true });
    await writeFile(path, idmapProgram(goArchitecture()), { mode: 0o755 });
    await chmod(path, 0o755);
    return path;
  }

  /** `pid`: a process of the namespace, which the mount outlives. */
  async mount(source: string, pid: number, target: string): Promise<void> {
    this.#program ??= this.#write();
    const program = await this.#program;
    await mkdir(target, { recursive: true });
    await this.#run(program, [source, `/proc/${pid}/ns/user`, target]).catch((error: unknown) => {
      throw explain(error, source);
    });
  }
}
