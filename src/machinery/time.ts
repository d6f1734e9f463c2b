// The forms of time on the wire: RFC 3339 to the second, to the microsecond, and Go's durations.

function date(time: Date | number): Date {
  return typeof time === 'number' ? new Date(time) : time;
}

/** meta/v1 Time: `2026-01-02T03:04:05Z`. */
export function rfc3339(time: Date | number): string {
  const seconds = Math.floor((typeof time === 'number' ? time : time.getTime()) / 1000);
  // Most calls are of the running second.
  if (seconds !== lastSecond.seconds) lastSecond = { seconds, text: `${date(time).toISOString().slice(0, 19)}Z` };
  return lastSecond.text;
}

let lastSecond = { seconds: Number.NaN, text: '' };

/** meta/v1 MicroTime: six digits. `micros` adds what a JavaScript clock cannot hold. */
export function microTime(time: Date | number, micros = 0): string {
  return `${date(time).toISOString().slice(0, 23)}${String(micros).padStart(3, '0')}Z`;
}

/** RFC 3339 with nanoseconds, as container runtimes and logs write it: without zeros at the end. */
export function nanoTime(time: Date | number, nanos = 0): string {
  const d = date(time);
  const fraction = (String(d.getUTCMilliseconds()).padStart(3, '0') + String(nanos).padStart(6, '0')).replace(
    /0+$/,
    '',
  );
  return `${d.toISOString().slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}Z`;
}

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;

/** Milliseconds since 1970 of an RFC 3339 time; undefined when it is none. */
export function parseTime(text: string): number | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, y, mo, d, h, mi, s, fraction = '', zone = 'Z'] = match;
  const made = new Date(0);
  // Date.UTC would take the years 0 to 99 for 1900 to 1999.
  const day = made.setUTCFullYear(Number(y), Number(mo) - 1, Number(d));
  if (made.getUTCMonth() !== Number(mo) - 1 || made.getUTCDate() !== Number(d)) return undefined;
  if (Number(h) > 23 || Number(mi) > 59 || Number(s) > 59) return undefined;
  const millis = Number(`${fraction}000`.slice(0, 3));
  const base = day + ((Number(h) * 60 + Number(mi)) * 60 + Number(s)) * 1000 + millis;
  if (zone === 'Z') return base;
  const offset = (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6))) * 60_000;
  return zone.startsWith('+') ? base - offset : base + offset;
}

/** The microseconds beyond the millisecond (`…05.123456Z` → 456), or the nanoseconds with `digits` 6. */
export function subMillis(text: string, digits: 3 | 6): number {
  const fraction = RFC3339.exec(text)?.[7] ?? '';
  return Number(fraction.padEnd(9, '0').slice(3, 3 + digits));
}

/** A time as meta/v1 Time gives it back: UTC, no fraction. Undefined when it is not RFC 3339. */
export function canonicalTime(text: string): string | undefined {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) && parseTime(text) !== undefined) return text;
  const ms = parseTime(text);
  return ms === undefined ? undefined : rfc3339(Math.floor(ms / 1000) * 1000);
}

/** A time as meta/v1 MicroTime gives it back; undefined without exactly six digits of a second. */
export function canonicalMicroTime(text: string): string | undefined {
  const ms = /[.,]\d{6}(?!\d)/.test(text) ? parseTime(text) : undefined;
  return ms === undefined ? undefined : microTime(ms, subMillis(text, 3));
}

const UNITS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Go's `1h15m30.918273645s` in nanoseconds; undefined when it is none. */
export function goDurationNanos(text: string): number | undefined {
  const match = /^([+-])?(.*)$/s.exec(text);
  const body = match?.[2] ?? '';
  if (body === '0') return 0;
  let at = 0;
  let total = 0;
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
  while (at < body.length) {
    part.lastIndex = at;
    const found = part.exec(body);
    if (found === null) return undefined;
    total += Number(found[1]) * (UNITS[found[2] ?? ''] ?? 0);
    at = part.lastIndex;
  }
  if (at === 0 || !Number.isFinite(total)) return undefined;
  return match?.[1] === '-' ? -Math.round(total) : Math.round(total);
}

/** Go's duration text in milliseconds; undefined when it is none. */
export function parseGoDuration(text: string): number | undefined {
  const nanos = goDurationNanos(text);
  return nanos === undefined ? undefined : nanos / 1e6;
}

/** Go's text of a duration: `1h0m0s`, `1.5s`, `100ms`, `0s`. */
export function goDuration(ms: number): string {
  return goDurationText(Math.round(ms * 1e6));
}

export function goDurationText(nanos: number): string {
  if (nanos === 0) return '0s';
  const sign = nanos < 0 ? '-' : '';
  const n = Math.abs(nanos);
  const fraction = (value: number, digits: number): string => value.toFixed(digits).replace(/\.?0+$/, '');
  if (n < 1e3) return `${sign}${n}ns`;
  if (n < 1e6) return `${sign}${fraction(n / 1e3, 3)}µs`;
  if (n < 1e9) return `${sign}${fraction(n / 1e6, 6)}ms`;
  const hours = Math.floor(n / 3600e9);
  const minutes = Math.floor((n % 3600e9) / 60e9);
  const rest = n % 60e9;
  const whole = Math.floor(rest / 1e9);
  const nano = Math.round(rest % 1e9);
  const seconds = nano === 0 ? String(whole) : `${whole}.${String(nano).padStart(9, '0').replace(/0+$/, '')}`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`;
}
