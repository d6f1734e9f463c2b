// Asks other servers for names of elsewhere, as `forward . /etc/resolv.conf` and `cache 30` of kubeadm's CoreDNS do.
import type { Clock } from '../../host/clock.ts';
import { ReplyCache } from './cache.ts';
import type { Exchange } from './exchange.ts';
import type { Transport } from './listen.ts';
import { cutShort, isTruncated, rcodeOf } from './message.ts';
import { type Query, type Rcode, writeQuery } from './query.ts';
import { datagramLimit, MOST_BYTES, writeReply } from './reply.ts';
import { type Upstream, upstreamText } from './upstreams.ts';

export interface ForwarderOptions {
  readonly upstreams: () => Promise<readonly Upstream[]>;
  readonly exchange: Exchange;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** A number that nobody can foresee, of 16 bits. */
  readonly identity: () => number;
  readonly observe?: (event: ForwardEvent) => void;
}

export type ForwardEvent =
  | { readonly kind: 'sent'; readonly to: string }
  | { readonly kind: 'answered'; readonly to: string; readonly rcode: number }
  | { readonly kind: 'cache'; readonly hit: boolean };

const TRY_MS = 2000;
const ALL_MS = 5000;
/** A server that did not answer is asked after the others for so long. */
const SHUN_MS = 10_000;
const MOST_AT_ONCE = 1000;

const keyOf = ({ name, type, edns, checkingDisabled, recursionDesired }: Query): string =>
  [name.toLowerCase(), type, edns === undefined ? '-' : edns.dnssec, checkingDisabled, recursionDesired].join(' ');

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #cache: ReplyCache;
  readonly #asked = new Map<string, Promise<Buffer | undefined>>();
  readonly #shunned = new Map<string, number>();

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#cache = new ReplyCache(options.clock);
  }

  /** The reply to the client, which fits where it goes. */
  async reply(query: Query, via: Transport): Promise<Buffer> {
    const limit = via === 'tcp' ? MOST_BYTES : datagramLimit(query);
    const failed = (rcode: Rcode) => writeReply(query, { rcode, recursionAvailable: true }, limit);
    const key = keyOf(query);
    const known = this.#cache.get(key);
    this.#options.observe?.({ kind: 'cache', hit: known !== undefined });
    if (known !== undefined) return fitted(addressed(known, query), limit);
    // Who asks what is being asked waits for that answer: were it ourselves, it would never end otherwise.
    const way = `${via} ${key}`;
    const before = this.#asked.get(way);
    if (before === undefined && this.#asked.size >= MOST_AT_ONCE) return failed('REFUSED');
    const asked = before ?? this.#begin(way, query, via);
    const reply = await asked;
    if (reply === undefined || reply.readUInt16BE(4) === 0) return failed('SERVFAIL');
    return fitted(addressed(isTruncated(reply) ? reply : this.#cache.put(key, reply), query), limit);
  }

  /** What there is to know of it, over TCP where a datagram is too short. */
  async lookup(query: Query): Promise<Buffer | undefined> {
    const key = keyOf(query);
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const short = await this.#ask(query, 'udp');
    const reply = short !== undefined && isTruncated(short) ? ((await this.#ask(query, 'tcp')) ?? short) : short;
    return reply === undefined || reply.readUInt16BE(4) === 0 ? undefined : this.#cache.put(key, reply);
  }

  #begin(way: string, query: Query, via: Transport): Promise<Buffer | undefined> {
    const asked = this.#ask(query, via).finally(() => this.#asked.delete(way));
    this.#asked.set(way, asked);
    return asked;
  }

  async #ask(query: Query, via: Transport): Promise<Buffer | undefined> {
    const { clock, observe, exchange, identity } = this.#options;
    const end = clock.now() + ALL_MS;
    for (const upstream of await this.#inOrder()) {
      const left = Math.min(TRY_MS, end - clock.now());
      if (left <= 0) break;
      const to = upstreamText(upstream);
      observe?.({ kind: 'sent', to });
      try {
        const reply = await exchange(writeQuery(query, identity()), upstream, via, left);
        this.#shunned.delete(to);
        observe?.({ kind: 'answered', to, rcode: rcodeOf(reply) });
        return reply;
      } catch {
        this.#shunned.set(to, clock.now() + SHUN_MS);
      }
    }
    return undefined;
  }

  /** By chance, and last those that did not answer lately. */
  async #inOrder(): Promise<Upstream[]> {
    const { upstreams, random, clock } = this.#options;
    const now = clock.now();
    const all = [...(await upstreams())].map((upstream) => {
      const shunned = (this.#shunned.get(upstreamText(upstream)) ?? 0) > now;
      return { upstream, rank: (shunned ? 1 : 0) + random() };
    });
    return all.sort((a, b) => a.rank - b.rank).map(({ upstream }) => upstream);
  }
}

/** As this client has asked: with its number, and its own letters. */
function addressed(reply: Buffer, query: Query): Buffer {
  const copy = Buffer.from(reply);
  copy.writeUInt16BE(query.id, 0);
  query.question.copy(copy, 12);
  return copy;
}

const fitted = (reply: Buffer, limit: number): Buffer => (reply.length <= limit ? reply : cutShort(reply));
