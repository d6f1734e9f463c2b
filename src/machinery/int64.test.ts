// Integers of 64 bits: numbers and bigints are one kind of value.
import { describe, expect, it } from 'vitest';
import { compareInt64, durationOfSeconds, greatestOf, nearest, plus } from './int64.ts';

const MOST = 2n ** 63n - 1n;

describe('Integers of 64 bits', () => {
  it('are added exactly, and begin anew from the other end', () => {
    expect(plus(1, 1)).toBe(2);
    expect(plus(2 ** 53 - 1, 1)).toBe(2n ** 53n);
    expect(plus(2n ** 53n, -1)).toBe(2 ** 53 - 1);
    expect(plus(MOST, 1)).toBe(-(2n ** 63n));
  });

  it('are put in order whatever holds them', () => {
    expect([3n ** 35n, 1, -(3n ** 35n), 2].sort(compareInt64)).toEqual([-(3n ** 35n), 1, 2, 3n ** 35n]);
    expect([greatestOf(0, MOST, 7), greatestOf(0, -MOST)]).toEqual([MOST, 0]);
  });

  it('have a nearest number', () => {
    expect([nearest(MOST), nearest(5), nearest(undefined)]).toEqual([2 ** 63, 5, undefined]);
  });

  it('are durations of 64 bits of nanoseconds when they are seconds', () => {
    expect(durationOfSeconds(30)).toBe(30_000);
    expect(durationOfSeconds(-1)).toBe(-1000);
    expect(durationOfSeconds(9_223_372_036)).toBe(9_223_372_036_000);
    expect(durationOfSeconds(9_223_372_037)).toBe(-9_223_372_036_709);
    expect(durationOfSeconds(MOST)).toBe(-1000);
  });
});
