// Numbers that may be percentages (`1`, `25%`), as budgets and rollouts take them.
import type { FieldPath } from '../../machinery/field-error.ts';
import { isValidPercent } from '../../machinery/names.ts';
import { type ErrorList, NOT_NEGATIVE } from './error-list.ts';

export type CountOrPercent = number | string;

/** The number of a percentage, undefined for anything else. */
export function percentOf(value: CountOrPercent | undefined): number | undefined {
  if (typeof value !== 'string' || isValidPercent(value).length > 0) return undefined;
  return Number(value.slice(0, -1));
}

/** The number itself or that of the percentage; 0 for nonsense. */
export function countOf(value: CountOrPercent | undefined): number {
  return typeof value === 'number' ? value : (percentOf(value) ?? 0);
}

/** An error when the value is a percentage above 100. */
export function checkAtMost100(found: ErrorList, value: CountOrPercent | undefined, path: FieldPath): void {
  if ((percentOf(value) ?? 0) > 100) found.invalid(path, value, 'must not be greater than 100%');
}

export function checkCountOrPercent(
  found: ErrorList,
  value: CountOrPercent | undefined,
  path: FieldPath,
  rules: { readonly atMost100: boolean },
): void {
  if (typeof value === 'string') {
    for (const message of isValidPercent(value)) found.invalid(path, value, message);
  } else if (value !== undefined && value < 0) found.invalid(path, value, NOT_NEGATIVE);
  if (rules.atMost100) checkAtMost100(found, value, path);
}
