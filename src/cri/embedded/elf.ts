// The smallest static ELF programs: one segment that holds header, code and constants.

const BASE = 0x40_0000;
const ELF_HEADER = 64;
const PROGRAM_HEADER = 56;

/** Where the code of a program begins, as the program sees it. */
export const CODE_ADDRESS = BASE + ELF_HEADER + PROGRAM_HEADER;

export function le32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >>> 24) & 0xff];
}

/** The architectures, as Go names them, and their e_machine. */
const ELF_MACHINES: Readonly<Record<string, number>> = { amd64: 62, arm64: 183 };

/** A program whose bytes, the first instruction first, lie at CODE_ADDRESS; they can be read and run, not written. */
export function elfProgram(architecture: string, body: Uint8Array): Buffer {
  const machine = ELF_MACHINES[architecture];
  if (machine === undefined) throw new Error(`no programs for the architecture ${architecture}`);
  const begin = ELF_HEADER + PROGRAM_HEADER;
  const size = begin + body.length;
  const file = Buffer.alloc(size);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(file); // ELF, 64 bits, little-endian, version 1
  file.writeUInt16LE(2, 16); // an executable
  file.writeUInt16LE(machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(CODE_ADDRESS), 24); // entry
  file.writeBigUInt64LE(BigInt(ELF_HEADER), 32); // where the program headers begin
  file.writeUInt16LE(ELF_HEADER, 52);
  file.writeUInt16LE(PROGRAM_HEADER, 54);
  file.writeUInt16LE(1, 56);
  const header = ELF_HEADER;
  file.writeUInt32LE(1, header); // PT_LOAD
  file.writeUInt32LE(5, header + 4); // read and execute
  file.writeBigUInt64LE(BigInt(BASE), header + 16);
  file.writeBigUInt64LE(BigInt(BASE), header + 24);
  file.writeBigUInt64LE(BigInt(size), header + 32);
  file.writeBigUInt64LE(BigInt(size), header + 40);
  file.writeBigUInt64LE(0x1000n, header + 48);
  Buffer.from(body).copy(file, begin);
  return file;
}
