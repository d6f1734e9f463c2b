// The DNS of a cluster: records from informers, questions from the network, names of elsewhere from other servers.
import { randomInt } from 'node:crypto';
import type { InformerFactory } from '../../client/index.ts';
import type { Clock } from '../../host/clock.ts';
import { exchange } from './exchange.ts';
import { Forwarder } from './forwarder.ts';
import { informedRecords } from './informed-records.ts';
import { listenDns } from './listen.ts';
import { DnsMetrics } from './metrics.ts';
import { Responder } from './responder.ts';
import { type ForwardTo, upstreamsOf } from './upstreams.ts';
import type { Zone } from './zone.ts';

export interface DnsOptions {
  readonly zone: Zone;
  readonly address: string;
  /** Another one is taken where it is in use; DNS' own unless given. */
  readonly port?: number;
  readonly forwardTo: ForwardTo;
  readonly resolvConf: string;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Who is answered; everybody unless given. */
  readonly admits?: (client: string) => boolean;
  readonly onError: (error: unknown) => void;
}

export interface DnsServer {
  readonly port: number;
  /** As Prometheus reads it. */
  metrics(): string;
  close(): Promise<void>;
}

const PORT = 53;

/** Resolves when it answers. */
export async function startDns(options: DnsOptions): Promise<DnsServer> {
  const { zone, address, forwardTo, resolvConf, informers, clock, random, onError } = options;
  const ending = new AbortController();
  const metrics = new DnsMetrics(`dns://${address}`);
  const records = await informedRecords(informers, clock, ending.signal);
  const ours = { port: 0 };
  const isSelf = (one: { readonly address: string; readonly port: number }) =>
    one.address === zone.server || (one.address === address && one.port === ours.port);
  const forwarder = new Forwarder({
    upstreams: upstreamsOf({ to: forwardTo, resolvConf, clock, isSelf }),
    exchange,
    clock,
    random,
    identity: () => randomInt(65_536),
    observe: metrics.observeForward,
  });
  const responder = new Responder({
    zone,
    records,
    ...(forwardTo === 'none' ? {} : { forwarder }),
    random,
    observe: metrics.observe,
  });
  const listener = await listenDns({
    address,
    port: options.port ?? PORT,
    handle: (message, via) => responder.handle(message, via),
    admits: options.admits ?? (() => true),
    onError,
  });
  ours.port = listener.port;
  return {
    port: listener.port,
    metrics: () => metrics.text(),
    async close() {
      ending.abort();
      await listener.close();
    },
  };
}
