// Lost races are run again, until the request's time is over or its client has gone.
import { expect, test } from 'vitest';
import type { Clock } from '../../host/clock.ts';
import { tryUntilWritten } from './attempts.ts';

function clockOf(step: number): Clock {
  let now = 0;
  return { now: () => (now += step), setTimer: () => ({ cancel: () => undefined }) } as unknown as Clock;
}

function losing(times: number): { attempt: () => Promise<string | undefined>; made: () => number } {
  let made = 0;
  return { attempt: async () => (++made > times ? 'written' : undefined), made: () => made };
}

test('a write comes through after any number of lost races', async () => {
  const race = losing(5000);
  await expect(tryUntilWritten({ clock: clockOf(1) }, race.attempt)).resolves.toBe('written');
  expect(race.made()).toBe(5001);
});

test('it is given up when the request has taken too long', async () => {
  const race = losing(Number.POSITIVE_INFINITY);
  await expect(tryUntilWritten({ clock: clockOf(1000) }, race.attempt)).rejects.toMatchObject({ code: 504 });
  expect(race.made()).toBeLessThan(40);
});

test('nobody tries for a client that has gone', async () => {
  const race = losing(Number.POSITIVE_INFINITY);
  const signal = AbortSignal.abort();
  await expect(tryUntilWritten({ clock: clockOf(1), signal }, race.attempt)).rejects.toMatchObject({ code: 504 });
  expect(race.made()).toBe(1);
});
