// Tests of the compaction policy, on a clock moved by hand.
import { describe, expect, it } from 'vitest';
import type { Clock, Timer } from '../host/clock.ts';
import { startAutoCompaction } from './auto-compaction.ts';
import { put, write } from './conformance/index.ts';
import { openMemoryStore } from './index.ts';

class HandClock implements Clock {
  private time = 0;
  private timers: { at: number; run: () => void }[] = [];
  now = (): number => this.time;
  setTimer(ms: number, callback: () => void): Timer {
    const timer = { at: this.time + ms, run: callback };
    this.timers.push(timer);
    return {
      cancel: () => {
        this.timers = this.timers.filter((one) => one !== timer);
      },
    };
  }
  sleep = (): Promise<void> => Promise.resolve();
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.timers.shift();
      this.time = next.at;
      next.run();
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    }
    this.time = end;
  }
}

describe('automatic compaction', () => {
  it('keeps between one and two periods of history', async () => {
    const clock = new HandClock();
    const store = openMemoryStore();
    const stop = startAutoCompaction({ store, clock });
    await write(store, put('/a', 0));
    await write(store, put('/b', 0));
    await clock.advance(299_000);
    expect(await store.compactedRevision()).toBe(0);
    await clock.advance(16_000);
    const marked = await store.revision();
    await write(store, put('/c', 0));
    await clock.advance(315_000);
    expect(await store.compactedRevision()).toBe(marked);
    stop();
    await store.close();
  });

  it('shortens a history that a flood of writes made too long', async () => {
    const clock = new HandClock();
    const store = openMemoryStore();
    const stop = startAutoCompaction({ store, clock, maxRevisions: 100 });
    for (let i = 0; i < 150; i++) await write(store, put(`/k/${i}`, 0));
    await clock.advance(16_000);
    expect(await store.compactedRevision()).toBe(100);
    expect((await store.list({ prefix: '/k/' })).items).toHaveLength(150);
    stop();
    await store.close();
  });
});
