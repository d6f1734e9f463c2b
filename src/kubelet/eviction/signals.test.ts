// When something is short, and how that is told.
import { describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG } from '../config.ts';
import { type Observations, shortages } from './signals.ts';

const MIB = 1024 ** 2;
const enough: Observations = {
  'memory.available': { available: 100 * MIB, capacity: 1024 * MIB },
  'nodefs.available': { available: 500 * MIB, capacity: 1000 * MIB },
  'nodefs.inodesFree': { available: 1000, capacity: 10_000 },
  'pid.available': { available: 1000, capacity: 32_768 },
};
const short = (seen: Observations) => shortages(DEFAULT_CONFIG.evictionHard, { ...enough, ...seen });

describe('eviction signals', () => {
  it('are silent while there is enough, or nothing is known', () => {
    expect(short({})).toEqual([]);
    expect(short({ 'nodefs.inodesFree': { available: 0, capacity: 0 } })).toEqual([]);
  });

  it('tell memory first, with what should be free and what is', () => {
    const met = short({
      'pid.available': { available: 600, capacity: 32_768 },
      'memory.available': { available: 100 * MIB - 1024, capacity: 1024 * MIB },
    });
    expect(met).toEqual([
      { signal: 'memory.available', starved: 'memory', pressure: 'memory', threshold: '100Mi', available: '102399Ki' },
      { signal: 'pid.available', starved: 'pids', pressure: 'pid', threshold: '655', available: '600' },
    ]);
  });

  it('take a share of the capacity in 32 bits, and count in thousands', () => {
    const met = short({
      'nodefs.available': { available: 99 * MIB, capacity: 1000 * MIB },
      'nodefs.inodesFree': { available: 3000, capacity: 102_400 },
    });
    expect(met.map(({ threshold, available }) => [threshold, available])).toEqual([
      [String(Math.floor(1000 * MIB * Math.fround(0.1))), '99Mi'],
      ['5Ki', '3k'],
    ]);
  });

  it('want more of the disk that images lie on', () => {
    const level = { available: 140 * MIB, capacity: 1000 * MIB };
    expect(short({ 'nodefs.available': level, 'imagefs.available': level }).map((s) => s.signal)).toEqual([
      'imagefs.available',
    ]);
  });
});
