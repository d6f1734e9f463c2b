// Growing waits between attempts.
import type { Clock } from '../host/clock.ts';

export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** Share of the wait that is left to chance, 0 to 1, so that many who failed together do not come back together. */
  readonly jitter: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Doubles from base to max; starts anew when nothing failed for twice the longest wait. */
export class Backoff {
  private failures = 0;
  private last = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly options: BackoffOptions,
    private readonly clock: Clock,
  ) {}

  next(): number {
    const { baseMs, maxMs, jitter, random } = this.options;
    const now = this.clock.now();
    if (now - this.last > 2 * maxMs) this.failures = 0;
    this.last = now;
    const wait = Math.min(maxMs, baseMs * 2 ** Math.min(this.failures, 30));
    this.failures++;
    return wait * (1 + jitter * random());
  }

  reset(): void {
    this.failures = 0;
  }
}
