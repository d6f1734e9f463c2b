// One door to validation for the registry: metadata first, then the kind's own rules, in the order in which Kubernetes reports them.
import { type FieldError, FieldPath } from '../machinery/field-error.ts';
import type { KubeObject } from '../machinery/object.ts';
import { checkManagedFields, checkObjectMeta, checkObjectMetaUpdate, nameCheck } from './common/object-meta.ts';
import type { ResourceDefinition, Strategy, StrategyContext } from './definition.ts';

const METADATA = FieldPath.of('metadata');
const MANAGED_FIELDS = METADATA.child('managedFields');

export function validateCreate<T extends KubeObject>(
  row: ResourceDefinition<T>,
  object: T,
  context: StrategyContext,
): FieldError[] {
  const out: FieldError[] = [];
  const check = row.validateName?.bind(row) ?? nameCheck(row.nameRule ?? 'dns-subdomain');
  const rules = { namespaced: row.namespaced, nameCheck: check, knownFinalizers: row.anyFinalizer !== true };
  checkObjectMeta(object.metadata, rules, METADATA, out);
  checkManagedFields(object.metadata.managedFields, MANAGED_FIELDS, out);
  const own = row.strategy.validate?.(object, context);
  if (own !== undefined) for (const error of own) out.push(error);
  return out;
}

export interface UpdateToValidate<T extends KubeObject> {
  readonly row: ResourceDefinition<T>;
  /** The strategy of the door that is used: the row's own, or a subresource's. */
  readonly strategy: Strategy<T>;
  readonly object: T;
  readonly old: T;
  readonly context: StrategyContext;
}

const anyName = nameCheck('path-segment');

/** Kubernetes' registry checks the metadata before it asks the strategy, which then checks much of it again: both show up in the causes. */
export function validateUpdate<T extends KubeObject>(update: UpdateToValidate<T>): FieldError[] {
  const { row, strategy, object, old, context } = update;
  const out: FieldError[] = [];
  const rules = { namespaced: row.namespaced, nameCheck: anyName, knownFinalizers: false };
  checkObjectMeta(object.metadata, rules, METADATA, out);
  checkManagedFields(object.metadata.managedFields, MANAGED_FIELDS, out);
  checkObjectMetaUpdate(object.metadata, old.metadata, METADATA, out);
  checkManagedFields(object.metadata.managedFields, MANAGED_FIELDS, out);
  const own = strategy.validateUpdate?.(object, old, context);
  if (own !== undefined) for (const error of own) out.push(error);
  return out;
}
