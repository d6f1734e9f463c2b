// A moment as the clocks of a time zone show it, in the form of RFC 3339. Pure.
import { rfc3339 } from '../../machinery/time.ts';

/** `2026-12-01T00:20:00+01:00`; with `Z` where the zone is at no distance from UTC. */
export function zonedTime(at: number, timeZone: string | undefined): string {
  if (timeZone === undefined) return rfc3339(at);
  const parts = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' }).formatToParts(at);
  const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
  const match = /^GMT([+-])(\d\d):(\d\d)/.exec(name);
  if (match === null) return rfc3339(at);
  const [, sign = '+', hours = '00', minutes = '00'] = match;
  const distance = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
  if (distance === 0) return rfc3339(at);
  return `${rfc3339(at + distance).slice(0, -1)}${sign}${hours}:${minutes}`;
}
