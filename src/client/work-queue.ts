// A queue of keys to work on: a key is worked on by one at a time, asked for twice it is done once, failed it comes back later.
import type { Clock, Timer } from '../host/clock.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** First wait after a failure, doubled with each further one. Default 5 ms, as in Kubernetes. */
  readonly baseDelayMs?: number;
  /** Default 1000 s, as in Kubernetes. */
  readonly maxDelayMs?: number;
}

export class WorkQueue {
  private readonly waiting = new Set<string>();
  private readonly working = new Set<string>();
  private readonly again = new Set<string>();
  private readonly delayed = new Map<string, { at: number; timer: Timer }>();
  private readonly failures = new Map<string, number>();
  private readonly takers: ((key: string | undefined) => void)[] = [];
  private closed = false;

  constructor(private readonly options: WorkQueueOptions) {}

  /** Keys ready to be worked on. */
  get length(): number {
    return this.waiting.size;
  }

  add(key: string): void {
    if (this.closed) return;
    if (this.working.has(key)) {
      this.again.add(key);
      return;
    }
    const taker = this.takers.shift();
    if (taker === undefined) {
      this.waiting.add(key);
      return;
    }
    this.working.add(key);
    taker(key);
  }

  /** Of several delays asked for one key the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (this.closed) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const at = this.options.clock.now() + ms;
    const known = this.delayed.get(key);
    if (known !== undefined) {
      if (known.at <= at) return;
      known.timer.cancel();
    }
    const timer = this.options.clock.setTimer(ms, () => {
      this.delayed.delete(key);
      this.add(key);
    });
    this.delayed.set(key, { at, timer });
  }

  /** After a failure: later and later until `forget`. */
  addRateLimited(key: string): void {
    const failures = this.failures.get(key) ?? 0;
    this.failures.set(key, failures + 1);
    const { baseDelayMs = 5, maxDelayMs = 1_000_000 } = this.options;
    this.addAfter(key, Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(failures, 40)));
  }

  forget(key: string): void {
    this.failures.delete(key);
  }

  failuresOf(key: string): number {
    return this.failures.get(key) ?? 0;
  }

  /** The next key, which is then being worked on until `done`; undefined when the queue has closed. */
  take(): Promise<string | undefined> {
    const [key] = this.waiting;
    if (key !== undefined && !this.closed) {
      this.waiting.delete(key);
      this.working.add(key);
      return Promise.resolve(key);
    }
    if (this.closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.takers.push(resolve));
  }

  done(key: string): void {
    this.working.delete(key);
    if (this.again.delete(key)) this.add(key);
  }

  close(): void {
    this.closed = true;
    for (const { timer } of this.delayed.values()) timer.cancel();
    this.delayed.clear();
    this.waiting.clear();
    for (const taker of this.takers.splice(0)) taker(undefined);
  }
}
