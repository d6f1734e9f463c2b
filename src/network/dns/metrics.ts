// The metrics of the cluster's DNS, by CoreDNS' names: https://coredns.io/plugins/metrics/, https://coredns.io/plugins/forward/, https://coredns.io/plugins/cache/
import { Counter, Histogram, Registry } from 'prom-client';
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

export class DnsMetrics {
  readonly #registry = new Registry();
  readonly observe: DnsObserver;
  readonly observeForward: (event: ForwardEvent) => void;

  constructor(server: string) {
    const registers = [this.#registry];
    const shared = { server, zone: '.', view: '' };
    const of = (name: string, help: string, labelNames: string[]) =>
      new Counter({ name: `coredns_${name}`, help, labelNames, registers });
    const where = Object.keys(shared);
    const requests = of('dns_requests_total', 'Counter of DNS requests made per zone, protocol and family.', [
      ...where,
      'proto',
      'family',
      'type',
    ]);
    const responses = of('dns_responses_total', 'Counter of response status codes.', [...where, 'rcode', 'plugin']);
    const durations = new Histogram({
      name: 'coredns_dns_request_duration_seconds',
      help: 'Histogram of the time (in seconds) each request took per zone.',
      labelNames: where,
      buckets: BUCKETS,
      registers,
    });
    const sent = of('forward_requests_total', 'Counter of requests made per upstream.', ['to']);
    const answered = of('forward_responses_total', 'Counter of responses received per upstream.', ['to', 'rcode']);
    const hits = of('cache_hits_total', 'The count of cache hits.', where);
    const misses = of('cache_misses_total', 'The count of cache misses.', where);
    this.observe = ({ via, type, rcode, own, seconds }) => {
      requests.inc({ ...shared, proto: via, family: '1', type: TYPES.has(type) ? type : 'other' });
      responses.inc({ ...shared, rcode: rcodeName(rcode), plugin: own ? 'kubernetes' : 'forward' });
      durations.observe(shared, seconds);
    };
    this.observeForward = (event) => {
      if (event.kind === 'sent') sent.inc({ to: event.to });
      else if (event.kind === 'answered') answered.inc({ to: event.to, rcode: rcodeName(event.rcode) });
      else (event.hit ? hits : misses).inc(shared);
    };
  }

  /** As Prometheus reads it. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
