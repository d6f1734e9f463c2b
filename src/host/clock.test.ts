// The host's clock: waits of any length.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';

const DAY_MS = 86_400_000;

describe('the clock of the host', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('calls after as long as it was told, also after more than Node can wait at once', async () => {
    for (const days of [1, 24, 25, 100]) {
      const called = vi.fn();
      systemClock.setTimer(days * DAY_MS, called);
      await vi.advanceTimersByTimeAsync(days * DAY_MS - 1);
      expect(called, `${days} days`).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(1);
      expect(called, `${days} days`).toHaveBeenCalledTimes(1);
    }
  });

  test('a long wait is called off at any time of it', async () => {
    const called = vi.fn();
    const timer = systemClock.setTimer(60 * DAY_MS, called);
    await vi.advanceTimersByTimeAsync(30 * DAY_MS);
    timer.cancel();
    await vi.advanceTimersByTimeAsync(100 * DAY_MS);
    expect(called).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('sleep ends with its signal', async () => {
    const abort = new AbortController();
    const slept = vi.fn();
    void systemClock.sleep(60 * DAY_MS, abort.signal).then(slept);
    await vi.advanceTimersByTimeAsync(DAY_MS);
    expect(slept).not.toHaveBeenCalled();
    abort.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(slept).toHaveBeenCalled();
  });
});
