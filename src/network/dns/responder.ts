// From a message that came to the reply to it: what the cluster knows, else what other servers say.
import type { Forwarder } from './forwarder.ts';
import type { Transport } from './listen.ts';
import { addressesIn, rcodeOf } from './message.ts';
import type { DnsObserver } from './metrics.ts';
import { type Query, queryFor, type Rcode, readQuery } from './query.ts';
import type { ClusterRecords, DnsRecord } from './records.ts';
import { datagramLimit, MOST_BYTES, writeReply } from './reply.ts';
import { answerInCluster, type Zone, type ZoneAnswer } from './zone.ts';

export interface ResponderOptions {
  readonly zone: Zone;
  readonly records: ClusterRecords;
  /** Without it names of elsewhere are refused. */
  readonly forwarder?: Forwarder;
  /** In [0, 1). */
  readonly random: () => number;
  readonly observe?: DnsObserver;
}

/** Several addresses of one name in an order by chance, as the plugin `loadbalance` has them; what leads to them stays before them. */
export function shuffled(records: readonly DnsRecord[], random: () => number): readonly DnsRecord[] {
  const out = [...records];
  const first = out.findIndex(({ type }) => type === 'A' || type === 'AAAA');
  if (first < 0) return out;
  for (let i = out.length - 1; i > first; i--) {
    const j = first + Math.floor(random() * (i - first + 1));
    const [a, b] = [out[i], out[j]];
    if (a !== undefined && b !== undefined) [out[i], out[j]] = [b, a];
  }
  return out;
}

export class Responder {
  readonly #options: ResponderOptions;

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** Never throws and never rejects; no reply where none is due. */
  handle(message: Buffer, via: Transport): Buffer | undefined | Promise<Buffer | undefined> {
    const begun = performance.now();
    const reading = readQuery(message);
    if (reading === undefined) return undefined;
    if ('reply' in reading) {
      this.#options.observe?.({ via, type: 'other', rcode: reading.rcode, own: true, seconds: 0 });
      return reading.reply;
    }
    const { query, refused } = reading;
    const tell = (reply: Buffer, own: boolean, rcode: Rcode | number = rcodeOf(reply)): Buffer => {
      const seconds = (performance.now() - begun) / 1000;
      this.#options.observe?.({ via, type: query.type, rcode, own, seconds });
      return reply;
    };
    const failed = () => tell(this.#write(query, via, { rcode: 'SERVFAIL' }), true);
    if (refused !== undefined) return tell(this.#write(query, via, { rcode: refused }), true, refused);
    try {
      const { zone, records, forwarder } = this.#options;
      const answer = answerInCluster(query, zone, records);
      if (answer === undefined) {
        if (forwarder === undefined) return tell(this.#write(query, via, { rcode: 'REFUSED' }), true);
        return forwarder.reply(query, via).then((reply) => tell(reply, false), failed);
      }
      if (answer.follow === undefined || forwarder === undefined) return tell(this.#own(query, via, answer), true);
      return this.#following(query, via, answer).then((reply) => tell(reply, true), failed);
    } catch {
      return failed();
    }
  }

  #own(query: Query, via: Transport, answer: ZoneAnswer): Buffer {
    const { rcode, authorities, additionals } = answer;
    const answers = shuffled(answer.answers, this.#options.random);
    return this.#write(query, via, { rcode, answers, authorities, additionals, authoritative: rcode !== 'REFUSED' });
  }

  /** The alias, and behind it what other servers say of where it leads. */
  async #following(query: Query, via: Transport, answer: ZoneAnswer): Promise<Buffer> {
    const { follow = '' } = answer;
    const type = query.type === 'AAAA' ? 'AAAA' : 'A';
    const reply = await this.#options.forwarder?.lookup(queryFor(follow, type));
    const more = reply === undefined ? [] : addressesIn(reply, follow);
    return this.#own(query, via, { ...answer, answers: [...answer.answers, ...more] });
  }

  #write(
    query: Query,
    via: Transport,
    reply: { readonly rcode: Rcode } & Partial<Pick<ZoneAnswer, 'answers' | 'authorities' | 'additionals'>> & {
        readonly authoritative?: boolean;
      },
  ): Buffer {
    const recursionAvailable = this.#options.forwarder !== undefined;
    return writeReply(query, { ...reply, recursionAvailable }, via === 'tcp' ? MOST_BYTES : datagramLimit(query));
  }
}
