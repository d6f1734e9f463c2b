// What other servers said lately, for as long as they said it holds and never longer than CoreDNS does (`cache 30`).
import type { Clock } from '../../host/clock.ts';
import { holdingAtMost, holdsFor, isTruncated, rcodeOf } from './message.ts';
import { RCODES } from './query.ts';

const MOST_SECONDS = 30;
const MOST_ENTRIES = 10_000;

interface Entry {
  readonly reply: Buffer;
  readonly until: number;
}

export class ReplyCache {
  /** The one that was used longest ago comes first. */
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;
  readonly #most: number;

  constructor(clock: Clock, most = MOST_ENTRIES) {
    this.#clock = clock;
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Buffer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    const left = Math.ceil((entry.until - this.#clock.now()) / 1000);
    if (left <= 0) return undefined;
    this.#entries.set(key, entry);
    return holdingAtMost(entry.reply, left);
  }

  /** Keeps what may be kept; returns what is to be said of it now. */
  put(key: string, reply: Buffer): Buffer {
    const rcode = rcodeOf(reply);
    if (isTruncated(reply) || (rcode !== RCODES.NOERROR && rcode !== RCODES.NXDOMAIN)) return reply;
    const seconds = Math.min(MOST_SECONDS, holdsFor(reply));
    if (seconds <= 0) return reply;
    this.#entries.delete(key);
    this.#entries.set(key, { reply, until: this.#clock.now() + seconds * 1000 });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#most && oldest !== undefined) this.#entries.delete(oldest);
    return holdingAtMost(reply, seconds);
  }
}
