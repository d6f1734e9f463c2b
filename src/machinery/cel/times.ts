// Functions on times and durations.
import { define, fail } from './registry.ts';
import type { Duration, Timestamp } from './values.ts';

/** Parts of a time in a zone, `UTC` when none is named. */
function datePart(part: (date: Date) => number): (t: Timestamp, zone?: string) => bigint {
  return (t, zone) => {
    let ms = Number(t.nanos / 1_000_000n);
    const offset = /^([+-])?(\d\d):(\d\d)$/.exec(zone ?? '');
    if (offset !== null) ms += (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3])) * 60_000;
    else if (zone !== undefined && zone !== 'UTC') ms = shifted(ms, zone);
    return BigInt(part(new Date(ms)));
  };
}

function shifted(ms: number, zone: string): number {
  try {
    const text = new Date(ms).toLocaleString('sv-SE', { timeZone: zone });
    return Date.parse(`${text.replace(' ', 'T')}Z`);
  } catch {
    return fail(`unknown time zone ${zone}`);
  }
}

export function defineTimes(): void {
  const parts: Readonly<Record<string, (d: Date) => number>> = {
    getFullYear: (d) => d.getUTCFullYear(),
    getMonth: (d) => d.getUTCMonth(),
    getDate: (d) => d.getUTCDate(),
    getDayOfMonth: (d) => d.getUTCDate() - 1,
    getDayOfWeek: (d) => d.getUTCDay(),
    getDayOfYear: (d) => Math.floor((d.getTime() - new Date(0).setUTCFullYear(d.getUTCFullYear(), 0, 1)) / 86_400_000),
  };
  const clock: Readonly<Record<string, readonly [(d: Date) => number, bigint]>> = {
    getHours: [(d) => d.getUTCHours(), 3_600_000_000_000n],
    getMinutes: [(d) => d.getUTCMinutes(), 60_000_000_000n],
    getSeconds: [(d) => d.getUTCSeconds(), 1_000_000_000n],
    getMilliseconds: [(d) => d.getUTCMilliseconds(), 1_000_000n],
  };
  for (const [name, part] of Object.entries(parts)) {
    define(`timestamp.${name}(): int`, datePart(part));
    define(`timestamp.${name}(string): int`, datePart(part));
  }
  for (const [name, [part, unit]] of Object.entries(clock)) {
    define(`timestamp.${name}(): int`, datePart(part));
    define(`timestamp.${name}(string): int`, datePart(part));
    define(`duration.${name}(): int`, (d: Duration) => d.nanos / unit);
  }
}
