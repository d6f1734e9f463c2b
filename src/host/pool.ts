// Keeps a few costly things made in advance, so that who needs one does not wait; makes more ahead while the demand is high.

import type { Clock, Timer } from './clock.ts';

const REFILL_DELAY_MS = 100;

export interface PoolOptions<T> {
  readonly clock: Clock;
  /** Makes up to `n` at once; throws when it could not make any. */
  readonly make: (n: number) => Promise<readonly T[]>;
  readonly drop: (items: readonly T[]) => Promise<void>;
  readonly min: number;
  readonly max: number;
  readonly onError: (error: unknown) => void;
}

export class Pool<T> {
  readonly #options: PoolOptions<T>;
  readonly #ready: T[] = [];
  #target: number;
  #making: Promise<void> | undefined;
  #closed = false;
  #later: Timer | undefined;

  constructor(options: PoolOptions<T>) {
    this.#options = options;
    this.#target = options.min;
  }

  async take(): Promise<T> {
    const item = this.#ready.shift();
    if (item !== undefined) {
      this.#refill();
      return item;
    }
    // More are wanted than were made ahead: make more next time.
    this.#target = Math.min(this.#options.max, this.#target * 2);
    const made = (await this.#options.make(1))[0];
    this.fill();
    if (made === undefined) throw new Error('pool: nothing was made');
    return made;
  }

  /** While some are left, whoever took one has work to do that making more would slow down. */
  #refill(): void {
    if (this.#ready.length * 2 < this.#target) this.fill();
    else
      this.#later ??= this.#options.clock.setTimer(REFILL_DELAY_MS, () => {
        this.#later = undefined;
        this.fill();
      });
  }

  /** Makes ahead what is missing, in the background. */
  fill(): void {
    if (this.#closed || this.#making !== undefined) return;
    const missing = this.#target - this.#ready.length;
    if (missing <= 0) return;
    this.#making = this.#options
      .make(missing)
      .then(
        (items) => {
          this.#ready.push(...items);
          return true;
        },
        (error: unknown) => {
          this.#options.onError(error);
          return false;
        },
      )
      .then((ok) => {
        this.#making = undefined;
        if (ok) this.fill();
      });
  }

  get ready(): readonly T[] {
    return this.#ready;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#later?.cancel();
    await this.#making;
    const items = this.#ready.splice(0);
    if (items.length > 0) await this.#options.drop(items);
  }
}
