// Removes the ResourceSlices of drivers that are away: pods would be placed here for devices that nobody can make ready.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import { type Client, RESOURCE_SLICES } from '../../client/index.ts';
import type { Clock, Timer } from '../../host/clock.ts';
import { messageOf } from '../container/errors.ts';
import type { LogSink } from '../options.ts';

/** So long a driver may be away, to be replaced by a newer one for instance. */
const AWAY_MS = 30_000;
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000];

export interface SliceWiperDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly nodeName: string;
  readonly log: LogSink;
}

export class SliceWiper {
  private readonly waiting = new Map<string, Timer>();
  private readonly ending = new AbortController();

  constructor(private readonly deps: SliceWiperDeps) {}

  /** A kubelet that starts knows of no driver yet: each tells of its devices anew when it has come. */
  start(): void {
    void this.wipe(undefined);
  }

  here(driver: string): void {
    this.waiting.get(driver)?.cancel();
    this.waiting.delete(driver);
  }

  away(driver: string): void {
    if (this.waiting.has(driver) || this.ending.signal.aborted) return;
    const timer = this.deps.clock.setTimer(AWAY_MS, () => {
      if (this.waiting.get(driver) === timer) void this.wipe(driver);
    });
    this.waiting.set(driver, timer);
  }

  private async wipe(driver: string | undefined): Promise<void> {
    const { client, clock, nodeName, log } = this.deps;
    const { signal } = this.ending;
    const fieldSelector = `spec.nodeName=${nodeName}${driver === undefined ? '' : `,spec.driver=${driver}`}`;
    for (let tries = 0; ; tries++) {
      // It may have come back while a failure was waited out.
      if (signal.aborted || (driver !== undefined && !this.waiting.has(driver))) return;
      try {
        await client.resource(RESOURCE_SLICES).deleteCollection('', { fieldSelector });
        if (driver !== undefined) this.waiting.delete(driver);
        return;
      } catch (error) {
        log('warn', 'ResourceSlices of a driver that is away', { fieldSelector, error: messageOf(error) });
        await clock.sleep(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)] ?? 0, signal);
      }
    }
  }

  stop(): void {
    this.ending.abort();
    for (const timer of this.waiting.values()) timer.cancel();
    this.waiting.clear();
  }
}
