// Conditions of flow control kinds: only that no type comes twice, and that each has one.
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { ErrorList } from '../checks/index.ts';

export function checkFlowConditions(conditions: readonly { readonly type?: string }[] | undefined): FieldError[] {
  const found = new ErrorList();
  const seen = new Set<string>();
  conditions?.forEach((condition, i) => {
    const path = FieldPath.of('status', 'conditions').index(i).child('type');
    const type = condition.type ?? '';
    if (seen.has(type)) found.duplicate(path, type);
    seen.add(type);
    if (type === '') found.required(path);
  });
  return found.errors;
}
