// Tests of the work queue and of the runner of controllers.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../host/clock.ts';
import { conflict } from '../machinery/errors.ts';
import { HandClock } from './fake/hand-clock.ts';
import { runController } from './run-controller.ts';
import { WorkQueue } from './work-queue.ts';

describe('a work queue', () => {
  it('gives a key once however often it was asked for', async () => {
    const queue = new WorkQueue({ clock: new HandClock() });
    queue.add('a');
    queue.add('b');
    queue.add('a');
    expect([await queue.take(), await queue.take(), queue.length]).toEqual(['a', 'b', 0]);
  });

  it('never gives a key to two, and gives it again when it was asked for meanwhile', async () => {
    const queue = new WorkQueue({ clock: new HandClock() });
    queue.add('a');
    await queue.take();
    queue.add('a');
    expect(queue.length).toBe(0);
    queue.done('a');
    expect(queue.length).toBe(1);
  });

  it('waits longer after each failure, until it is forgotten', async () => {
    const clock = new HandClock();
    const queue = new WorkQueue({ clock, baseDelayMs: 10 });
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      if (i === 3) queue.forget('a');
      queue.addRateLimited('a');
      const start = clock.now();
      while (queue.length === 0) await clock.advance(1);
      waits.push(clock.now() - start);
      queue.done((await queue.take()) ?? '');
    }
    expect(waits).toEqual([10, 20, 40, 10]);
  });

  it('keeps the earliest of several delays', async () => {
    const clock = new HandClock();
    const queue = new WorkQueue({ clock });
    queue.addAfter('a', 100);
    queue.addAfter('a', 50);
    queue.addAfter('a', 200);
    await clock.advance(49);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
    await clock.advance(500);
    expect(queue.length).toBe(1);
  });

  it('wakes those who wait when it closes', async () => {
    const queue = new WorkQueue({ clock: new HandClock() });
    const waiting = queue.take();
    queue.close();
    expect(await waiting).toBeUndefined();
    expect(await queue.take()).toBeUndefined();
  });
});

describe('a controller', () => {
  it('tries again what failed, comes back when asked to, and tells of no conflicts', async () => {
    const queue = new WorkQueue({ clock: systemClock, baseDelayMs: 1 });
    const stop = new AbortController();
    const runs: string[] = [];
    const errors: unknown[] = [];
    queue.add('fails');
    queue.add('conflicts');
    queue.add('returns');
    await runController({
      name: 'test',
      queue,
      workers: 2,
      clock: systemClock,
      signal: stop.signal,
      onError: (error) => errors.push(error),
      async reconcile(key) {
        runs.push(key);
        if (runs.length >= 8) stop.abort();
        const count = runs.filter((one) => one === key).length;
        if (key === 'fails' && count < 3) throw new Error('not yet');
        if (key === 'conflicts' && count < 2) throw conflict({ group: '', resource: 'pods' }, 'a', 'modified');
        return key === 'returns' && count < 5 ? { requeueAfterMs: 1 } : undefined;
      },
    });
    expect(runs.filter((one) => one === 'fails').length).toBeGreaterThanOrEqual(2);
    expect(runs.filter((one) => one === 'conflicts')).toHaveLength(2);
    expect(errors.every((error) => String(error) === 'Error: not yet')).toBe(true);
  });
});
