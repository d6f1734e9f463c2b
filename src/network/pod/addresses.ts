// The addresses of one node's pod range: which are taken, which comes next. An address given back is the last to be given again.

export interface Range4 {
  readonly base: number;
  readonly prefix: number;
  readonly size: number;
}

export function parseAddress4(text: string): number {
  const parts = text.split('.').map(Number);
  if (parts.length !== 4 || parts.some((p) => !Number.isInteger(p) || p < 0 || p > 255))
    throw new Error(`${text}: not an IPv4 address`);
  return parts.reduce((sum, p) => sum * 256 + p, 0);
}

export function formatAddress4(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

export function parseRange4(cidr: string): Range4 {
  const [address = '', length = ''] = cidr.split('/');
  const prefix = Number(length);
  if (!/^\d+$/.test(length) || prefix < 8 || prefix > 30)
    throw new Error(`${cidr}: not an IPv4 range of a node's pods`);
  const size = 2 ** (32 - prefix);
  const value = parseAddress4(address);
  return { base: value - (value % size), prefix, size };
}

export class AddressBook {
  readonly #range: Range4;
  readonly #taken = new Set<number>();
  #next = 2;

  constructor(cidr: string) {
    this.#range = parseRange4(cidr);
  }

  /** The first address: the bridge's own. */
  get gateway(): string {
    return formatAddress4(this.#range.base + 1);
  }

  get prefix(): number {
    return this.#range.prefix;
  }

  get cidr(): string {
    return `${formatAddress4(this.#range.base)}/${this.#range.prefix}`;
  }

  take(): string {
    const { base, size } = this.#range;
    // Network, gateway and broadcast are not for pods.
    for (let tried = 0; tried < size - 3; tried += 1) {
      const offset = this.#next;
      this.#next = offset + 1 >= size - 1 ? 2 : offset + 1;
      if (this.#taken.has(offset)) continue;
      this.#taken.add(offset);
      return formatAddress4(base + offset);
    }
    throw new Error(`no IP addresses available in range ${this.cidr}`);
  }

  /** Marks an address that is in use already, e.g. by a pod that outlived this process. */
  claim(address: string): void {
    const offset = parseAddress4(address) - this.#range.base;
    if (offset <= 0 || offset >= this.#range.size) return;
    this.#taken.add(offset);
    if (offset >= this.#next) this.#next = offset + 1 >= this.#range.size - 1 ? 2 : offset + 1;
  }

  release(address: string): void {
    this.#taken.delete(parseAddress4(address) - this.#range.base);
  }
}
