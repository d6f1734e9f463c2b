// The metrics of the cluster's DNS, by CoreDNS' names: https://coredns.io/plugins/metrics/, https://coredns.io/plugins/forward/, https://coredns.io/plugins/cache/. Counted by hand: a general library takes as long for it as the answer itself does.
import type { ForwardEvent } from './forwarder.ts';
import type { Transport } from './listen.ts';
import { RCODES, type Rcode } from './query.ts';

export type DnsObserver = (event: {
  readonly via: Transport;
  readonly type: string;
  readonly rcode: number | Rcode;
  /** Answered here, not by another server. */
  readonly own: boolean;
  readonly seconds: number;
}) => void;

/** The types that are told apart; users must not be able to make series without end. */
const TYPES = new Set(['A', 'AAAA', 'CNAME', 'HTTPS', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT', 'ANY']);
const BUCKETS = Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i);
const NAMES = new Map<number, string>(Object.entries(RCODES).map(([name, code]) => [code, name]));

const rcodeName = (rcode: number | Rcode): string =>
  typeof rcode === 'string' ? rcode : (NAMES.get(rcode) ?? String(rcode));

const head = (name: string, help: string, type: string): string =>
  `# HELP coredns_${name} ${help}\n# TYPE coredns_${name} ${type}\n`;

class Count {
  readonly #values = new Map<string, number>();

  constructor(
    private readonly name: string,
    private readonly help: string,
  ) {}

  /** By the text of the labels; none of it comes from a user. */
  add(labels: string): void {
    this.#values.set(labels, (this.#values.get(labels) ?? 0) + 1);
  }

  text(): string {
    const lines = [...this.#values].map(([labels, value]) => `coredns_${this.name}{${labels}} ${value}\n`);
    return head(this.name, this.help, 'counter') + lines.join('');
  }
}

class Durations {
  readonly #counts = BUCKETS.map(() => 0);
  #total = 0;
  #sum = 0;

  add(seconds: number): void {
    this.#total++;
    this.#sum += seconds;
    const at = BUCKETS.findIndex((bound) => seconds <= bound);
    if (at >= 0) this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  text(labels: string): string {
    const name = 'dns_request_duration_seconds';
    let below = 0;
    const lines = BUCKETS.map((bound, i) => {
      below += this.#counts[i] ?? 0;
      return `coredns_${name}_bucket{${labels},le="${bound}"} ${below}\n`;
    });
    return [
      head(name, 'Histogram of the time (in seconds) each request took per zone.', 'histogram'),
      ...lines,
      `coredns_${name}_bucket{${labels},le="+Inf"} ${this.#total}\n`,
      `coredns_${name}_sum{${labels}} ${this.#sum}\n`,
      `coredns_${name}_count{${labels}} ${this.#total}\n`,
    ].join('');
  }
}

export class DnsMetrics {
  readonly #shared: string;
  readonly #requests = new Count('dns_requests_total', 'Counter of DNS requests made per zone, protocol and family.');
  readonly #responses = new Count('dns_responses_total', 'Counter of response status codes.');
  readonly #durations = new Durations();
  readonly #sent = new Count('forward_requests_total', 'Counter of requests made per upstream.');
  readonly #answered = new Count('forward_responses_total', 'Counter of responses received per upstream.');
  readonly #hits = new Count('cache_hits_total', 'The count of cache hits.');
  readonly #misses = new Count('cache_misses_total', 'The count of cache misses.');

  constructor(server: string) {
    this.#shared = `server="${server}",zone=".",view=""`;
  }

  readonly observe: DnsObserver = ({ via, type, rcode, own, seconds }) => {
    const kind = TYPES.has(type) ? type : 'other';
    this.#requests.add(`${this.#shared},proto="${via}",family="1",type="${kind}"`);
    this.#responses.add(`${this.#shared},rcode="${rcodeName(rcode)}",plugin="${own ? 'kubernetes' : 'forward'}"`);
    this.#durations.add(seconds);
  };

  readonly observeForward = (event: ForwardEvent): void => {
    if (event.kind === 'sent') this.#sent.add(`to="${event.to}"`);
    else if (event.kind === 'answered') this.#answered.add(`to="${event.to}",rcode="${rcodeName(event.rcode)}"`);
    else (event.hit ? this.#hits : this.#misses).add(this.#shared);
  };

  /** As Prometheus reads it. */
  text(): string {
    const counts = [this.#requests, this.#responses, this.#sent, this.#answered, this.#hits, this.#misses];
    return counts.map((one) => one.text()).join('') + this.#durations.text(this.#shared);
  }
}
