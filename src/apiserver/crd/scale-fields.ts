// The fields of a custom resource that its scale is about: numbers of replicas, and a selector as text.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { isJsonObject, type KubeObject } from '../../machinery/object.ts';
import type { CustomResourceSubresourceScale } from '../../resources/generated/apiextensions-v1.ts';
import { goText, goType } from '../patch/index.ts';

const MAX_INT32 = 2147483647;

const wrongType = (path: string, value: unknown, wanted: string): string => {
  const type = value === null ? '<nil>' : goType(value);
  return `.${path} accessor error: ${goText(value)} is of the type ${type}, expected ${wanted}`;
};

/** The value at a path, or what stands in the way of looking. */
function valueAt(object: unknown, path: string): { readonly value: unknown } | { readonly problem: string } {
  const names = path.replace(/^\./, '').split('.');
  let value: unknown = object;
  for (const [i, name] of names.entries()) {
    if (value === null || value === undefined) return { value: undefined };
    if (!isJsonObject(value))
      return { problem: wrongType(names.slice(0, i + 1).join('.'), value, 'map[string]interface{}') };
    value = Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return { value };
}

function replicasErrors(object: KubeObject, path: string): FieldError[] {
  const at = FieldPath.of(path);
  const found = valueAt(object, path);
  if ('problem' in found) return [fieldErrors.invalid(at, 0, found.problem)];
  const { value } = found;
  if (value === undefined) return [];
  const whole = typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
  if (!whole || Math.abs(Number(value)) > 2 ** 63) return [fieldErrors.invalid(at, 0, wrongNumber(path, value))];
  if (value < 0) return [fieldErrors.invalid(at, value, 'should be a non-negative integer')];
  return value > MAX_INT32 ? [fieldErrors.invalid(at, value, `should be less than or equal to ${MAX_INT32}`)] : [];
}

/** Numbers that are no whole ones, or too large for one, are floats in Go. */
function wrongNumber(path: string, value: unknown): string {
  const text = wrongType(path.replace(/^\./, ''), value, 'int64');
  return typeof value === 'number' ? text.replace(/type \w+,/, 'type float64,') : text;
}

function selectorErrors(object: KubeObject, path: string): FieldError[] {
  const at = FieldPath.of(path);
  const found = valueAt(object, path);
  if ('problem' in found) return [fieldErrors.invalid(at, '', found.problem)];
  const { value } = found;
  if (value === undefined || typeof value === 'string') return [];
  return [fieldErrors.invalid(at, '', wrongType(path.replace(/^\./, ''), value, 'string'))];
}

/** What is wrong with the fields of the scale that stand in these parts. */
export function scaleErrors(
  scale: CustomResourceSubresourceScale | undefined,
  object: KubeObject,
  parts: readonly ('spec' | 'status')[],
): FieldError[] {
  if (scale === undefined) return [];
  const errors: FieldError[] = [];
  if (parts.includes('spec')) errors.push(...replicasErrors(object, scale.specReplicasPath));
  if (!parts.includes('status')) return errors;
  errors.push(...replicasErrors(object, scale.statusReplicasPath));
  const { labelSelectorPath = '' } = scale;
  if (labelSelectorPath !== '') errors.push(...selectorErrors(object, labelSelectorPath));
  return errors;
}
