// Labels, annotations and label selectors: the rules that every kind shares.
// Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
import { type FieldError, type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { isQualifiedName, isValidLabelValue } from '../../machinery/names.ts';
import type { LabelSelector, LabelSelectorRequirement } from '../generated/meta-v1.ts';
import { addInvalid, type Findings } from './collect.ts';

const MAX_ANNOTATION_BYTES = 256 * 1024;

export type StringMap = Readonly<Record<string, string>>;

export function checkQualifiedName(value: string, path: FieldPath, out: Findings): void {
  addInvalid(value, path, isQualifiedName(value), out);
}

/** A label key: reported at the path of the whole map, as Kubernetes does. */
export const checkLabelName = checkQualifiedName;

export function validateLabelName(key: string, path: FieldPath): FieldError[] {
  const out: Findings = [];
  checkQualifiedName(key, path, out);
  return out;
}

export function checkLabels(labels: StringMap | undefined, path: FieldPath, out: Findings): void {
  if (labels === undefined) return;
  for (const key of Object.keys(labels)) {
    checkQualifiedName(key, path, out);
    const value = labels[key] ?? '';
    addInvalid(value, path, isValidLabelValue(value), out);
  }
}

export function validateLabels(labels: StringMap | undefined, path: FieldPath): FieldError[] {
  const out: Findings = [];
  checkLabels(labels, path, out);
  return out;
}

export function checkAnnotations(annotations: StringMap | undefined, path: FieldPath, out: Findings): void {
  if (annotations === undefined) return;
  let size = 0;
  for (const key of Object.keys(annotations)) {
    addInvalid(key, path, isQualifiedName(key.toLowerCase()), out);
    size += Buffer.byteLength(key) + Buffer.byteLength(annotations[key] ?? '');
  }
  if (size > MAX_ANNOTATION_BYTES) out.push(fieldErrors.tooLong(path, MAX_ANNOTATION_BYTES));
}

export function validateAnnotations(annotations: StringMap | undefined, path: FieldPath): FieldError[] {
  const out: Findings = [];
  checkAnnotations(annotations, path, out);
  return out;
}

export interface LabelSelectorOptions {
  /** Kubernetes lets values that are no label values pass where old objects hold such. */
  readonly allowInvalidValues?: boolean;
  readonly allowUnknownOperators?: boolean;
}

export function checkLabelSelector(
  selector: LabelSelector | undefined,
  path: FieldPath,
  options: LabelSelectorOptions,
  out: Findings,
): void {
  if (selector === undefined || selector === null) return;
  checkLabels(selector.matchLabels, path.child('matchLabels'), out);
  const expressions = selector.matchExpressions ?? [];
  for (const [i, expression] of expressions.entries()) {
    checkRequirement(expression, path.child('matchExpressions').index(i), options, out);
  }
}

/** How many values a set operator takes, for labels and nodes alike. False when `operator` is none of them. */
export function checkSetValues(
  { operator, values }: Pick<LabelSelectorRequirement, 'operator' | 'values'>,
  path: FieldPath,
  out: Findings,
): boolean {
  const given = values?.length ?? 0;
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (given === 0) out.push(fieldErrors.required(path, "must be specified when `operator` is 'In' or 'NotIn'"));
      return true;
    case 'Exists':
    case 'DoesNotExist':
      if (given > 0)
        out.push(fieldErrors.forbidden(path, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      return true;
    default:
      return false;
  }
}

function checkRequirement(
  requirement: LabelSelectorRequirement,
  path: FieldPath,
  options: LabelSelectorOptions,
  out: Findings,
): void {
  const values = requirement.values ?? [];
  if (!checkSetValues(requirement, path.child('values'), out) && options.allowUnknownOperators !== true)
    out.push(fieldErrors.invalid(path.child('operator'), requirement.operator ?? '', 'not a valid selector operator'));
  checkQualifiedName(requirement.key ?? '', path.child('key'), out);
  if (options.allowInvalidValues === true) return;
  for (const [i, value] of values.entries()) {
    addInvalid(value, path.child('values').index(i), isValidLabelValue(value), out);
  }
}

export function validateLabelSelector(
  selector: LabelSelector | undefined,
  path: FieldPath,
  options: LabelSelectorOptions = {},
): FieldError[] {
  const out: Findings = [];
  checkLabelSelector(selector, path, options, out);
  return out;
}

/** True when the selector has values that are no label values: old objects may keep them. */
export function selectorHasInvalidValues(selector: LabelSelector | undefined): boolean {
  return (selector?.matchExpressions ?? []).some((e) =>
    (e.values ?? []).some((value) => isValidLabelValue(value).length > 0),
  );
}
