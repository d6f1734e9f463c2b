// One door to validation for the registry: metadata first, then the kind's own rules, in the order in which Kubernetes reports them.
import { type FieldError, FieldPath } from '../machinery/field-error.ts';
import type { KubeObject } from '../machinery/object.ts';
import {
  checkManagedFields,
  checkObjectMeta,
  checkObjectMetaUpdate,
  nameCheck,
  type ObjectMetaRules,
} from './common/object-meta.ts';
import type { ResourceDefinition, Strategy, StrategyContext } from './definition.ts';

const METADATA = FieldPath.of('metadata');
const MANAGED_FIELDS = METADATA.child('managedFields');
const anyName = nameCheck('path-segment');

function metadataRules<T extends KubeObject>(row: ResourceDefinition<T>, object: T): ObjectMetaRules {
  const { namespaced } = row;
  if (row.plainMetadata === true) return { namespaced, nameCheck: anyName, knownFinalizers: false };
  const own = row.validateName?.bind(row);
  const check =
    own === undefined
      ? nameCheck(row.nameRule ?? 'dns-subdomain')
      : (name: string, isPrefix: boolean) => own(name, isPrefix, object);
  return { namespaced, nameCheck: check, knownFinalizers: row.anyFinalizer !== true };
}

export function validateCreate<T extends KubeObject>(
  row: ResourceDefinition<T>,
  object: T,
  context: StrategyContext,
): FieldError[] {
  const out: FieldError[] = [];
  const own = row.strategy.validate?.(object, context);
  if (row.plainMetadata === true && own !== undefined && own.length > 0) return [...own];
  checkObjectMeta(object.metadata, metadataRules(row, object), METADATA, out);
  checkManagedFields(object.metadata.managedFields, MANAGED_FIELDS, out);
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
