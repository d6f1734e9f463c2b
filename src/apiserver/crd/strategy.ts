// The rules of a custom resource: what its definition says about its status, its scale, its values, and its CEL rules.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { deepEqual } from '../../machinery/json.ts';
import { isQualifiedName } from '../../machinery/names.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { ObjectSubresource, Strategy } from '../../resources/definition.ts';
import type { CustomResourceSubresources } from '../../resources/generated/apiextensions-v1.ts';
import {
  hasRules,
  type SchemaNode,
  validateChangedValues,
  validateEmbedded,
  validateListKeys,
  validateRules,
  validateValues,
} from '../../resources/schema/index.ts';
import { scaleErrors } from './scale-fields.ts';

export interface CustomKind {
  readonly kind: string;
  readonly apiVersion: string;
  readonly schema: SchemaNode;
  readonly subresources: CustomResourceSubresources | undefined;
}

type Fields = KubeObject & Record<string, unknown>;

/** Errors after which CEL rules would only repeat what is wrong. */
const BLOCKING: ReadonlySet<string> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);
const NOT_CHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(['orphan', 'foregroundDeletion', 'kubernetes']);

function withRules(
  schema: SchemaNode,
  errors: FieldError[],
  object: KubeObject,
  old: KubeObject | undefined,
): FieldError[] {
  if (!hasRules(schema)) return errors;
  if (errors.some((e) => BLOCKING.has(e.type))) {
    return [...errors, fieldErrors.invalid(FieldPath.of('<nil>'), null, NOT_CHECKED)];
  }
  return [...errors, ...validateRules(schema, object, old)];
}

/** The body says what it is: it must be what the path says. */
function kindErrors(custom: CustomKind, object: KubeObject): FieldError[] {
  if (object.kind === custom.kind) return [];
  return [fieldErrors.invalid(FieldPath.of('kind'), object.kind, `must be ${custom.kind}`)];
}

function validate(custom: CustomKind, object: KubeObject): FieldError[] {
  const wrong = kindErrors(custom, object);
  if (wrong.length > 0) return wrong;
  const { schema } = custom;
  const errors = [
    ...validateValues(schema, object),
    ...scaleErrors(custom.subresources?.scale, object, ['spec', 'status']),
    ...validateEmbedded(schema, object),
    ...validateListKeys(schema, object),
  ];
  return withRules(schema, errors, object, undefined);
}

function validateUpdate(custom: CustomKind, object: KubeObject, old: KubeObject): FieldError[] {
  const { schema } = custom;
  const errors = [
    ...validateChangedValues(schema, { value: object, old }),
    ...scaleErrors(custom.subresources?.scale, object, ['spec', 'status']),
    ...validateEmbedded(schema, object),
  ];
  if (validateListKeys(schema, old).length === 0) errors.push(...validateListKeys(schema, object));
  return withRules(schema, errors, object, old);
}

/** Only the values of the status are looked at. */
function validateStatus(custom: CustomKind, object: Fields, old: Fields): FieldError[] {
  const status = custom.schema.properties?.get('status')?.schema;
  const errors: FieldError[] = [];
  if (status !== undefined && object.status !== undefined)
    errors.push(...validateChangedValues(status, { value: object.status, old: old.status }, 'status'));
  errors.push(...scaleErrors(custom.subresources?.scale, object, ['status']));
  if (validateListKeys(custom.schema, old).length === 0) errors.push(...validateListKeys(custom.schema, object));
  return withRules(custom.schema, errors, object, old);
}

function finalizerWarnings(object: KubeObject, old: KubeObject | undefined): string[] {
  const before = new Set(old?.metadata.finalizers ?? []);
  const warnings: string[] = [];
  for (const name of [...(object.metadata.finalizers ?? [])].sort()) {
    if (before.has(name)) continue;
    for (const message of isQualifiedName(name))
      warnings.push(`metadata.finalizers: ${JSON.stringify(name)}: ${message}`);
    if (name.includes('/') || STANDARD_FINALIZERS.has(name)) continue;
    const path = name.includes('.') ? ' including a path (/)' : '';
    warnings.push(
      `metadata.finalizers: ${JSON.stringify(name)}: prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`,
    );
  }
  return warnings;
}

function keepStatus(draft: Fields, old: Fields): void {
  if (old.status === undefined) delete draft.status;
  else draft.status = old.status;
}

export function customStrategy(custom: CustomKind): Strategy<KubeObject> {
  const hasStatus = custom.subresources?.status !== undefined;
  return {
    prepareForCreate(draft) {
      if (hasStatus) delete (draft as Fields).status;
    },
    prepareForUpdate(draft, old) {
      if (hasStatus) keepStatus(draft as Fields, old as Fields);
    },
    validate: (object) => validate(custom, object),
    validateUpdate: (object, old) => validateUpdate(custom, object, old),
    warnings: finalizerWarnings,
  };
}

/** All but metadata counts, without the status where that has a door of its own. */
export function generationChanged(custom: CustomKind): (object: KubeObject, old: KubeObject) => boolean {
  const hasStatus = custom.subresources?.status !== undefined;
  const counted = (object: KubeObject): Record<string, unknown> => {
    const { metadata: _metadata, apiVersion: _version, kind: _kind, ...rest } = object as Fields;
    if (hasStatus) delete rest.status;
    return rest;
  };
  return (object, old) => !deepEqual(counted(object), counted(old));
}

export function customStatus(custom: CustomKind): ObjectSubresource<KubeObject> {
  return {
    type: 'object',
    verbs: ['get', 'patch', 'update'],
    resetFields: ['spec'],
    strategy: {
      prepareForUpdate(draft, old) {
        const next = draft as Fields;
        const { status, metadata } = next;
        const { resourceVersion, managedFields } = metadata;
        for (const key of Object.keys(next)) delete next[key];
        Object.assign(next, old);
        next.metadata = { ...old.metadata };
        if (resourceVersion !== undefined) next.metadata.resourceVersion = resourceVersion;
        if (managedFields === undefined) delete next.metadata.managedFields;
        else next.metadata.managedFields = managedFields;
        if (status === undefined || status === null) delete next.status;
        else next.status = status;
      },
      validateUpdate: (object, old) => validateStatus(custom, object as Fields, old as Fields),
      warnings: finalizerWarnings,
    },
  };
}
