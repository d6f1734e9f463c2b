// Integers of Go's int64 in fields of built-in types: JavaScript numbers as far as those are exact, bigints beyond.
import { exactBigint } from './exact-json.ts';

/** A number, or a bigint where no number is exact: never a bigint within ±(2^53 - 1). The two compare with `<` and `===` as they are. */
export type Int64 = number | bigint;

export function isInt64(value: unknown): value is Int64 {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** The nearest number, for what need not be exact: times to wait, sizes to weigh. */
export function nearest(value: Int64): number;
export function nearest(value: Int64 | undefined): number | undefined;
export function nearest(value: Int64 | undefined): number | undefined {
  return typeof value === 'bigint' ? Number(value) : value;
}

/** The sum, which begins anew from the other end beyond 64 bits as in Go. */
export function plus(value: Int64, more: Int64): Int64 {
  if (typeof value === 'number' && typeof more === 'number' && Number.isSafeInteger(value + more)) return value + more;
  return exactBigint(BigInt.asIntN(64, BigInt(value) + BigInt(more)));
}

export function compareInt64(a: Int64, b: Int64): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function greatestOf(first: Int64, ...more: readonly Int64[]): Int64 {
  return more.reduce((greatest, one) => (compareInt64(one, greatest) > 0 ? one : greatest), first);
}

/**
 * Milliseconds of a number of seconds as a Go Duration holds them: its nanoseconds have 64 bits, and more than 292 years begin anew from the
 * other end. Source: https://pkg.go.dev/time#Duration
 */
export function durationOfSeconds(seconds: Int64): number {
  if (seconds < 9_000_000_000 && seconds > -9_000_000_000) return Number(seconds) * 1000;
  return Number(BigInt.asIntN(64, BigInt(seconds) * 1_000_000_000n) / 1_000_000n);
}
