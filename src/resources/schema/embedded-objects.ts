// Objects inside custom resources (`x-kubernetes-embedded-resource`): they say what they are, and their metadata is sound.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#rawextension
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { getOwn } from '../../machinery/json.ts';
import { isDns1035Label } from '../../machinery/names.ts';
import { isJsonObject, type JsonObject, type ObjectMeta } from '../../machinery/object.ts';
import { checkObjectMeta, nameCheck } from '../common/object-meta.ts';
import type { SchemaNode } from './node.ts';

const ANY_NAME = nameCheck('path-segment');

/** The root is checked as every object is; this is about those inside. */
export function validateEmbedded(schema: SchemaNode, value: unknown): FieldError[] {
  const errors: FieldError[] = [];
  check({ ...schema, embeddedResource: false }, value, '', errors);
  return errors;
}

function check(schema: SchemaNode, value: unknown, path: string, out: FieldError[]): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    value.forEach((item, i) => {
      check(items, item, `${path}[${i}]`, out);
    });
    return;
  }
  if (!isJsonObject(value)) return;
  if (schema.embeddedResource === true) checkObject(value, path, out);
  for (const key of Object.keys(value)) {
    const named = schema.properties?.get(key)?.schema;
    const inner = named ?? schema.additionalProperties;
    if (inner === undefined) continue;
    const own = path === '' ? key : `${path}.${key}`;
    check(inner, value[key], named === undefined ? `${path}[${key}]` : own, out);
  }
}

function checkObject(object: JsonObject, path: string, out: FieldError[]): void {
  for (const field of ['apiVersion', 'kind'] as const) {
    const at = FieldPath.of(`${path}.${field}`);
    const value = getOwn(object, field);
    if (value === undefined) out.push(fieldErrors.required(at));
    else if (typeof value !== 'string') out.push(fieldErrors.invalid(at, value, 'must be a string'));
    else if (value === '') out.push(fieldErrors.invalid(at, value, 'must not be empty'));
    else if (field === 'kind') checkKind(value, at, out);
    else if (value.split('/').length > 2)
      out.push(fieldErrors.invalid(at, value, `unexpected GroupVersion string: ${value}`));
  }
  const metadata = getOwn(object, 'metadata');
  if (!isJsonObject(metadata)) return;
  const meta = { ...metadata } as unknown as ObjectMeta;
  if (!meta.name) meta.name = 'fakename'; // It need not have one.
  const namespaced = (meta.namespace ?? '') !== '';
  checkObjectMeta(
    meta,
    { namespaced, nameCheck: ANY_NAME, knownFinalizers: false },
    FieldPath.of(`${path}.metadata`),
    out,
  );
}

function checkKind(kind: string, at: FieldPath, out: FieldError[]): void {
  const problems = isDns1035Label(kind.toLowerCase());
  if (problems.length === 0) return;
  out.push(fieldErrors.invalid(at, kind, `may have mixed case, but should otherwise match: ${problems.join(',')}`));
}
