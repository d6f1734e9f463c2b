// Validation of a list of meta/v1 Conditions. Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1/validation
import type { FieldPath } from '../../machinery/field-error.ts';
import { isQualifiedName, regexMessage } from '../../machinery/names.ts';
import type { Condition } from '../generated/meta-v1.ts';
import { ErrorList } from './error-list.ts';

const REASON = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const REASON_REGEX = new RegExp(`^${REASON}$`);
const REASON_MESSAGE = regexMessage(
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
  REASON,
  'my_name',
  'MY_NAME',
  'MyName',
  'ReasonA,ReasonB',
  'ReasonA:ReasonB',
);
const MAX_REASON = 1024;
const MAX_MESSAGE = 32 * 1024;

export function checkConditions(conditions: readonly Condition[] | undefined, path: FieldPath): ErrorList {
  const found = new ErrorList();
  const seen = new Set<string>();
  conditions?.forEach((condition, i) => {
    const type = condition.type ?? '';
    if (seen.has(type)) found.duplicate(path.index(i).child('type'), type);
    seen.add(type);
    checkCondition(found, condition, path.index(i));
  });
  return found;
}

function checkCondition(found: ErrorList, condition: Condition, path: FieldPath): void {
  found.text(path.child('type'), condition.type ?? '', isQualifiedName);
  found.oneOf(path.child('status'), condition.status ?? '', ['False', 'True', 'Unknown']);
  const generation = condition.observedGeneration ?? 0;
  if (generation < 0)
    found.invalid(path.child('observedGeneration'), generation, 'must be greater than or equal to zero');
  if (!condition.lastTransitionTime) found.required(path.child('lastTransitionTime'));
  const reason = condition.reason ?? '';
  if (reason === '') found.required(path.child('reason'));
  else {
    if (!REASON_REGEX.test(reason)) found.invalid(path.child('reason'), reason, REASON_MESSAGE);
    if (Buffer.byteLength(reason) > MAX_REASON) found.tooLong(path.child('reason'), MAX_REASON);
  }
  if (Buffer.byteLength(condition.message ?? '') > MAX_MESSAGE) found.tooLong(path.child('message'), MAX_MESSAGE);
}
