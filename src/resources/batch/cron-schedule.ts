// Says what is wrong with a cron schedule, in the words of the parser that Kubernetes uses.
// Source: https://pkg.go.dev/github.com/robfig/cron/v3
import { goQuote } from '../../machinery/json.ts';

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const FIELDS: readonly Bounds[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: DAYS },
];
const DESCRIPTORS = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];
const EVERY = '@every ';
const UNITS = ['ns', 'us', 'µs', 'μs', 'ms', 's', 'm', 'h'];
const MAX_INT = 2n ** 63n - 1n;

class CronError extends Error {}

/** A whole number as Go's strconv.Atoi reads it. */
function wholeNumber(text: string): number {
  const shown = `failed to parse int from ${text}: strconv.Atoi: parsing ${goQuote(text)}`;
  if (!/^[+-]?\d+$/.test(text)) throw new CronError(`${shown}: invalid syntax`);
  const value = BigInt(text.replace(/^\+/, ''));
  if (value > MAX_INT || value < -MAX_INT - 1n) throw new CronError(`${shown}: value out of range`);
  if (value < 0n) throw new CronError(`negative number (${value}) not allowed: ${text}`);
  return Number(value);
}

function numberOrName(text: string, bounds: Bounds): number {
  const named = bounds.names.indexOf(text.toLowerCase());
  return named < 0 ? wholeNumber(text) : named + bounds.min;
}

function ends(range: string, expression: string, bounds: Bounds): [start: number, end: number] {
  const [low = '', high, ...more] = range.split('-');
  if (low === '*' || low === '?') return [bounds.min, bounds.max];
  const start = numberOrName(low, bounds);
  if (high === undefined) return [start, start];
  if (more.length > 0) throw new CronError(`too many hyphens: ${expression}`);
  return [start, numberOrName(high, bounds)];
}

function checkRange(expression: string, bounds: Bounds): void {
  const [range = '', stepText, ...more] = expression.split('/');
  const [start, last] = ends(range, expression, bounds);
  let end = last;
  let step = 1;
  if (more.length > 0) throw new CronError(`too many slashes: ${expression}`);
  if (stepText !== undefined) {
    step = wholeNumber(stepText);
    if (!range.includes('-')) end = bounds.max;
  }
  if (start < bounds.min)
    throw new CronError(`beginning of range (${start}) below minimum (${bounds.min}): ${expression}`);
  if (end > bounds.max) throw new CronError(`end of range (${end}) above maximum (${bounds.max}): ${expression}`);
  if (start > end) throw new CronError(`beginning of range (${start}) beyond end of range (${end}): ${expression}`);
  if (step === 0) throw new CronError(`step of range should be a positive number: ${expression}`);
}

/** What Go's time.ParseDuration says of a text, undefined when it is fine. */
export function durationProblem(text: string): string | undefined {
  let rest = text.replace(/^[+-]/, '');
  if (rest === '0') return undefined;
  if (rest === '') return `time: invalid duration ${goQuote(text)}`;
  while (rest !== '') {
    const number = /^(\d+\.?\d*|\.\d+)/.exec(rest)?.[0];
    if (number === undefined) return `time: invalid duration ${goQuote(text)}`;
    rest = rest.slice(number.length);
    const unit = /^[^.\d]*/.exec(rest)?.[0] ?? '';
    if (unit === '') return `time: missing unit in duration ${goQuote(text)}`;
    if (!UNITS.includes(unit)) return `time: unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`;
    rest = rest.slice(unit.length);
  }
  return undefined;
}

function checkDescriptor(text: string): void {
  if (DESCRIPTORS.includes(text)) return;
  if (!text.startsWith(EVERY)) throw new CronError(`unrecognized descriptor: ${text}`);
  const problem = durationProblem(text.slice(EVERY.length));
  if (problem !== undefined) throw new CronError(`failed to parse duration ${text}: ${problem}`);
}

export function isTimeZone(name: string): boolean {
  if (name === '' || name === 'UTC' || name === 'Local') return true;
  if (name.includes('..') || /^[/\\+-]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function withoutZone(text: string): string {
  const given = /^(?:CRON_)?TZ=(\S*)(.*)$/s.exec(text);
  if (given === null) return text;
  const [, zone = '', rest = ''] = given;
  if (!isTimeZone(zone)) throw new CronError(`provided bad location ${zone}: unknown time zone ${zone}`);
  return rest.trim();
}

function check(schedule: string): void {
  if (schedule === '') throw new CronError('empty spec string');
  const text = withoutZone(schedule);
  if (text.startsWith('@')) {
    checkDescriptor(text);
    return;
  }
  const fields = text.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== FIELDS.length)
    throw new CronError(`expected exactly ${FIELDS.length} fields, found ${fields.length}: [${fields.join(' ')}]`);
  FIELDS.forEach((bounds, i) => {
    for (const expression of (fields[i] ?? '').split(',')) if (expression !== '') checkRange(expression, bounds);
  });
}

/** Undefined for a good schedule. */
export function scheduleProblem(schedule: string): string | undefined {
  try {
    check(schedule);
    return undefined;
  } catch (error) {
    if (error instanceof CronError) return error.message;
    throw error;
  }
}
