// A clock for tests that stands still until it is moved by hand.
import type { Clock, Timer } from '../../host/clock.ts';

export class HandClock implements Clock {
  private timers: { readonly at: number; readonly run: () => void }[] = [];

  constructor(private time = Date.UTC(2026, 0, 2, 3, 4, 5)) {}

  now(): number {
    return this.time;
  }

  setTimer(ms: number, callback: () => void): Timer {
    const timer = { at: this.time + Math.max(0, ms), run: callback };
    this.timers.push(timer);
    return {
      cancel: () => {
        this.timers = this.timers.filter((one) => one !== timer);
      },
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const stop = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      const timer = this.setTimer(ms, stop);
      signal?.addEventListener('abort', stop, { once: true });
    });
  }

  /** Moves on, runs what falls due in order, and lets what that set off happen before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await settle();
    for (;;) {
      const next = this.timers.sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.timers.shift();
      this.time = next.at;
      next.run();
      await settle();
    }
    this.time = end;
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
