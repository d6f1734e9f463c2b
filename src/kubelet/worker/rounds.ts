// Rounds of work on one thing: one at a time, another one when something happened meanwhile, or when a time has come.
import type { Clock, Timer } from '../../host/clock.ts';

/** After a round that failed. */
const RETRY_MS = 1_000;

export interface RoundsOptions {
  readonly clock: Clock;
  readonly round: () => Promise<void>;
  readonly onError: (what: string, error: unknown) => void;
}

export class Rounds {
  private busy = false;
  private again = false;
  private stopped = false;
  private looping: Promise<void> = Promise.resolve();
  private timer: Timer | undefined;

  constructor(private readonly options: RoundsOptions) {}

  /** Something happened. */
  poke(): void {
    if (this.busy) {
      this.again = true;
      return;
    }
    if (this.stopped) return;
    this.busy = true;
    this.looping = this.loop().catch((error: unknown) => this.options.onError('loop', error));
  }

  private async loop(): Promise<void> {
    try {
      do {
        this.again = false;
        this.rest();
        await this.options.round();
      } while (this.again && !this.stopped);
    } catch (error) {
      this.options.onError('round', error);
      this.wake([this.options.clock.now() + RETRY_MS]);
    } finally {
      this.busy = false;
    }
  }

  /** The next round at the first of these times, unless something happens before. */
  wake(times: readonly (number | undefined)[]): void {
    const known = times.filter((t): t is number => t !== undefined && Number.isFinite(t));
    if (known.length === 0 || this.stopped) return;
    this.rest();
    const wait = Math.max(0, Math.min(...known) - this.options.clock.now());
    this.timer = this.options.clock.setTimer(wait, () => this.poke());
  }

  /** No round by time. */
  rest(): void {
    this.timer?.cancel();
  }

  /** No more rounds; resolves when the one that was under way is done. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.rest();
    await this.looping;
  }
}
