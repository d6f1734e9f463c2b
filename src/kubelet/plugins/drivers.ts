// The drivers of claims that have registered: how they are called, whether they are there, and what they tell of their devices.
import type { Clock } from '../../host/clock.ts';
import { ClaimHealth, type ToldHealth } from './claim-health.ts';
import { DRA_HEALTH, draPlugin } from './facts.ts';
import type { SliceWiper } from './slices.ts';
import type { PluginClient } from './sockets.ts';

/** The newest first, as a driver names them. */
const VERSIONS = { 'v1.DRAPlugin': 'v1', 'v1beta1.DRAPlugin': 'v1beta1' } as const;
/** A driver that does not tell of its devices, or has stopped to, is asked again after this. */
const ASK_AGAIN_MS = 5_000;

function firstVersion(supported: readonly string[]): 'v1' | 'v1beta1' | undefined {
  for (const [name, version] of Object.entries(VERSIONS)) if (supported.includes(name)) return version;
  return undefined;
}

interface Driver {
  readonly client: PluginClient;
  readonly close: () => void;
}

export interface DriversDeps {
  readonly clock: Clock;
  readonly slices: Pick<SliceWiper, 'here' | 'away'>;
  /** Other things are known of a driver's devices. */
  readonly onHealth: (driver: string) => void;
}

export class Drivers {
  readonly health: ClaimHealth;
  private readonly drivers = new Map<string, Driver>();

  constructor(private readonly deps: DriversDeps) {
    this.health = new ClaimHealth(deps.clock, deps.onHealth);
  }

  /** Throws, for the driver to read, when it speaks no version that is known here. */
  async register(name: string, socket: string, supported: readonly string[]): Promise<void> {
    const version = firstVersion(supported);
    if (version === undefined)
      throw new Error(
        `invalid versions of plugin: none of the supported versions ${JSON.stringify(supported)} is known`,
      );
    const { PluginClient: Opened } = await import('./sockets.ts');
    this.drivers.get(name)?.close();
    const client = new Opened(socket, draPlugin(version), 'DRAPlugin');
    const { slices } = this.deps;
    client.onConnection((connected) => (connected ? slices.here(name) : slices.away(name)));
    const stopListening = this.listen(name, new Opened(socket, DRA_HEALTH, 'DRAResourceHealth'));
    const close = (): void => {
      stopListening();
      client.close();
    };
    this.drivers.set(name, { client, close });
  }

  /** Hears how its devices are, for as long as it is registered. */
  private listen(name: string, client: PluginClient): () => void {
    const ending = new AbortController();
    let stop: () => void = () => undefined;
    const ask = (): void => {
      if (ending.signal.aborted) return;
      const told = (message: ToldHealth): void => this.health.told(name, message);
      stop = client.stream<ToldHealth>('NodeWatchResources', told, () => {
        this.health.forget(name);
        void this.deps.clock.sleep(ASK_AGAIN_MS, ending.signal).then(ask);
      });
    };
    ask();
    return () => {
      ending.abort();
      stop();
      client.close();
      this.health.forget(name);
    };
  }

  deregister(name: string, socket: string): void {
    const driver = this.drivers.get(name);
    if (driver?.client.socket !== socket) return;
    this.drivers.delete(name);
    driver.close();
    this.deps.slices.away(name);
  }

  /** Throws, in the kubelet's words, when there is none. */
  get(name: string): PluginClient {
    const driver = this.drivers.get(name);
    if (driver === undefined) throw new Error(`DRA driver ${name} is not registered`);
    return driver.client;
  }

  close(): void {
    for (const driver of this.drivers.values()) driver.close();
    this.drivers.clear();
    this.health.stop();
  }
}
