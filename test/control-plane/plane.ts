// A control plane without nodes, for tests: the real API server in memory with controllers and scheduler, all in this process.
import { generateKeyPairSync } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { type Auditor, createApiServer } from '../../src/apiserver/index.ts';
import {
  type Client,
  createClient,
  createInformerFactory,
  type InformerFactory,
  partClients,
} from '../../src/client/index.ts';
import { startControllers } from '../../src/controllers/index.ts';
import { type Clock, systemClock, systemRandom } from '../../src/host/clock.ts';
import { RESOURCES } from '../../src/resources/index.ts';
import { runScheduler } from '../../src/scheduler/index.ts';
import { openMemoryStore } from '../../src/store/index.ts';

export interface Plane {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly errors: string[];
  readonly signal: AbortSignal;
  stop(): Promise<void>;
}

export interface PlaneOptions {
  readonly scheduler?: boolean;
  /** The controllers' clock. */
  readonly clock?: Clock;
  readonly audit?: Auditor;
}

export const ROOT_CA = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

export async function startPlane(options: PlaneOptions = {}): Promise<Plane> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const serviceAccountKey = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const errors: string[] = [];
  const clock = options.clock ?? systemClock;
  const server = await createApiServer({
    store: openMemoryStore(),
    resources: RESOURCES,
    clock: systemClock,
    random: systemRandom,
    serviceAccountKey,
    clusterCa: ROOT_CA,
    onError: (error) => errors.push(`server: ${String(error)}`),
    ...(options.audit === undefined ? {} : { audit: options.audit }),
    onRefused: (refusal) => errors.push(`refused: ${refusal.message}`),
  });
  const client = createClient({
    transport: server.handle,
    userAgent: 'plane',
    user: { username: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] },
  });
  const parts = partClients(server.handle);
  const stop = new AbortController();
  const { signal } = stop;
  setMaxListeners(0, signal);
  const informers = createInformerFactory(parts.manager, {
    clock: systemClock,
    onError: (error, what) => errors.push(`${what}: ${String(error)}`),
  });
  startControllers({
    clientFor: parts.controller,
    informers,
    clock,
    random: systemRandom,
    signal,
    rootCa: ROOT_CA,
    onError: (error, name) => errors.push(`${name}: ${String(error)}`),
  });
  const running =
    options.scheduler === true
      ? runScheduler({ client: parts.scheduler, informers, clock, random: systemRandom, signal })
      : Promise.resolve();
  informers.start(signal);
  return {
    client,
    informers,
    errors,
    signal,
    async stop() {
      stop.abort();
      await running;
      await server.close();
    },
  };
}

/** Waits until `look` gives something; it is asked every few milliseconds. */
export async function eventually<T>(look: () => Promise<T | undefined | false>, ms = 10_000): Promise<T> {
  const end = Date.now() + ms;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw last ?? new Error(`it did not come about within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Undefined instead of a NotFound. */
export async function maybe<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Error && 'reason' in error && error.reason === 'NotFound') return undefined;
    throw error;
  }
}
