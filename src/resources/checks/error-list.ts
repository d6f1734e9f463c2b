// Collects the errors of one validation, with a method for each check that many kinds share.

import { type FieldError, type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import type { Int64 } from '../../machinery/int64.ts';
import { semanticEqual } from '../common/index.ts';

/** Checks a text and answers with what is wrong with it, as the functions of machinery/names do. */
export type TextRule = (text: string) => readonly string[];

export const NOT_NEGATIVE = 'must be greater than or equal to 0';
export const IMMUTABLE = 'field is immutable';

/** Fields that Kubernetes always sends come as null when nobody set them. */
export function isUnset(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

/** In the order in which they were found: Kubernetes' answers list them so. */
export class ErrorList {
  readonly errors: FieldError[] = [];

  add(errors: readonly FieldError[]): this {
    this.errors.push(...errors);
    return this;
  }

  invalid(path: FieldPath, value: unknown, detail: string): void {
    this.errors.push(fieldErrors.invalid(path, value, detail));
  }

  /** For values that Kubernetes does not show. */
  invalidWithoutValue(path: FieldPath, detail: string): void {
    this.errors.push({ type: 'FieldValueInvalid', field: path.toString(), body: `Invalid value: ${detail}` });
  }

  required(path: FieldPath, detail = ''): void {
    this.errors.push(fieldErrors.required(path, detail));
  }

  forbidden(path: FieldPath, detail: string): void {
    this.errors.push(fieldErrors.forbidden(path, detail));
  }

  duplicate(path: FieldPath, value: unknown): void {
    this.errors.push(fieldErrors.duplicate(path, value));
  }

  notSupported(path: FieldPath, value: unknown, supported: readonly string[]): void {
    this.errors.push(fieldErrors.notSupported(path, value, supported));
  }

  internal(path: FieldPath, detail: string): void {
    this.errors.push(fieldErrors.internal(path, detail));
  }

  tooLong(path: FieldPath, max: number): void {
    this.errors.push(fieldErrors.tooLong(path, max));
  }

  tooMany(path: FieldPath, actual: number, max: number): void {
    this.errors.push(fieldErrors.tooMany(path, actual, max));
  }

  /** One error for each thing that the rule finds. */
  text(path: FieldPath, value: string, rule: TextRule): void {
    for (const message of rule(value)) this.invalid(path, value, message);
  }

  notNegative(path: FieldPath, value: Int64 | undefined): void {
    if (value !== undefined && value < 0) this.invalid(path, value, NOT_NEGATIVE);
  }

  oneOf(path: FieldPath, value: string, supported: readonly string[]): void {
    if (!supported.includes(value)) this.notSupported(path, value, supported);
  }

  unchanged(path: FieldPath, now: unknown, old: unknown): void {
    if (!semanticEqual(now, old)) this.invalid(path, now ?? null, IMMUTABLE);
  }
}
