// Keeps the nft table of a cluster's Services as Services and their endpoints have it: one run of nft at a time, for all that changed meanwhile.
import { Backoff, ENDPOINT_SLICES, type InformerFactory, SERVICES } from '../../client/index.ts';
import type { Clock } from '../../host/clock.ts';
import { runProgram } from '../../host/programs.ts';
import { serviceOfSlice, serviceRoutes } from './routes.ts';
import { renderServices, type ServiceTable, type ServiceTableInput, transaction } from './table.ts';
import { forget, forgotten, type UdpFlows, udpFlows } from './udp-flows.ts';

export interface ServiceProxyOptions extends Omit<ServiceTableInput, 'routes'> {
  readonly informers: InformerFactory;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
  /** Gives a transaction to nft; `nft -f -` unless given. */
  readonly apply?: (text: string) => Promise<void>;
}

export interface ServiceProxy {
  /** Resolves when what was there at the start has been tried once. */
  readonly begun: Promise<void>;
  /** Resolves when the signal has come and the work in hand is done. */
  readonly ended: Promise<void>;
}

const LEAST_INTERVAL_MS = 50;
/** A table that takes nft long is made anew the more seldom, so that it never has more than a third of a processor. */
const REST = 2;
/** The informer is shared, and its indexes are too. */
const BY_SERVICE = 'proxied-service';

/** The name of the table of a cluster's Services. */
export const serviceTable = (cluster: string): string => `${cluster}-services`;

const NFT_TIMEOUT_MS = 120_000;

async function runNft(text: string): Promise<void> {
  await runProgram('nft', ['-f', '-'], { stdin: text, timeoutMs: NFT_TIMEOUT_MS });
}

/** Removes the table, if it is there. */
export function removeServices(table: string): Promise<void> {
  return runNft(`table ip ${table}\ndelete table ip ${table}\n`);
}

/** Rings when something has changed; what rings before somebody waits is not lost. */
class Bell {
  #rung = true;
  #waiter: (() => void) | undefined;

  readonly ring = (): void => {
    this.#rung = true;
    this.#waiter?.();
  };

  async heard(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#waiter = resolve;
      });
    }
    this.#waiter = undefined;
    this.#rung = false;
  }
}

export function startServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  const { informers, signal, clock } = options;
  const services = informers.informer(SERVICES);
  const slices = informers.informer(ENDPOINT_SLICES);
  slices.addIndex(BY_SERVICE, (slice) => {
    const service = serviceOfSlice(slice);
    return service === undefined ? [] : [service];
  });
  const bell = new Bell();
  const apply = options.apply ?? runNft;
  let [table, text, flows]: [ServiceTable | undefined, string, UdpFlows | undefined] = [undefined, '', undefined];

  const sync = async (): Promise<void> => {
    const routes = serviceRoutes(services.list(), (service) => slices.byIndex(BY_SERVICE, service));
    const next = renderServices({ ...options, routes });
    if (next.body === text) return;
    try {
      await apply(transaction(options.table, table, next));
    } catch (error) {
      // Whatever is there now: the next table replaces all of it.
      [table, text] = [undefined, ''];
      throw error;
    }
    [table, text] = [next, next.body];
    const now = udpFlows(routes);
    if (flows !== undefined) await forget(forgotten(flows, now));
    flows = now;
  };

  let begun: () => void = () => undefined;
  const firstTry = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const run = async (): Promise<void> => {
    await Promise.race([Promise.all([services.synced, slices.synced]), aborted(signal)]);
    const removals = [services, slices].map((one) => one.addHandler(handlerOf(bell.ring)));
    const backoff = new Backoff({ baseMs: 200, maxMs: 30_000, jitter: 0.1, random: options.random }, clock);
    signal.addEventListener('abort', bell.ring, { once: true });
    while (!signal.aborted) {
      await bell.heard();
      if (signal.aborted) break;
      const before = clock.now();
      try {
        await sync();
        backoff.reset();
        begun();
        await clock.sleep(Math.max(LEAST_INTERVAL_MS, REST * (clock.now() - before)), signal);
      } catch (error) {
        options.onError(error);
        begun();
        bell.ring();
        await clock.sleep(backoff.next(), signal);
      }
    }
    for (const remove of removals) remove();
    begun();
  };
  return { begun: firstTry, ended: run() };
}

function handlerOf(ring: () => void): { onAdd(): void; onUpdate(): void; onDelete(): void } {
  return { onAdd: ring, onUpdate: ring, onDelete: ring };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
