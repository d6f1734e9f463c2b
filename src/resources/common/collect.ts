// The small vocabulary of validation: every check pushes what it finds into one list, so that the good path allocates nothing.

import { type FieldError, type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import type { Int64 } from '../../machinery/int64.ts';

/** Where a check puts its findings. */
export type Findings = FieldError[];

/** One `Invalid value` per message, as Kubernetes reports format rules. */
export function addInvalid(value: unknown, path: FieldPath, messages: readonly string[], out: Findings): void {
  for (const message of messages) out.push(fieldErrors.invalid(path, value, message));
}

/** `Unsupported value` unless the value is in the list; the list is printed in the order given. */
export function checkOneOf(
  value: string,
  path: FieldPath,
  rule: { readonly supported: readonly string[] },
  out: Findings,
): boolean {
  if (rule.supported.includes(value)) return true;
  out.push(fieldErrors.notSupported(path, value, rule.supported));
  return false;
}

/** `Required value` for an empty string, list or number zero. */
export function checkPresent(value: string | undefined, path: FieldPath, out: Findings): boolean {
  if (value !== undefined && value !== '') return true;
  out.push(fieldErrors.required(path));
  return false;
}

export function checkNonNegative(value: Int64 | undefined, path: FieldPath, out: Findings): void {
  if (value !== undefined && value < 0)
    out.push(fieldErrors.invalid(path, value, 'must be greater than or equal to 0'));
}

export function nonNegative(value: Int64 | undefined, path: FieldPath): FieldError[] {
  const out: Findings = [];
  checkNonNegative(value, path, out);
  return out;
}

/** Sorted keys: Go's map order is random, so any fixed order is as good, and this one is easy to read. */
export function sortedKeys(map: object | undefined): string[] {
  if (map === undefined) return [];
  const keys = Object.keys(map);
  return keys.length > 1 ? keys.sort() : keys;
}
