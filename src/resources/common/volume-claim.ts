// The spec of a volume claim: shared by PersistentVolumeClaims, StatefulSets and the claims that pods carry in themselves.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#persistentvolumeclaims

import { type FieldError, type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import type { ObjectMeta } from '../../machinery/object.ts';
import { parseQuantity } from '../../machinery/quantity.ts';
import type {
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimTemplate,
  TypedObjectReference,
} from '../generated/core-v1.ts';
import { checkOneOf, type Findings } from './collect.ts';
import { semanticEqual } from './equality.ts';
import { checkAnnotations, checkLabelSelector, checkLabels } from './labels.ts';
import { checkDnsLabel, checkDnsSubdomain } from './names.ts';
import { isFraction } from './pod/warnings.ts';
import { compareQuantities, quantityText, roundUpToMilli } from './resource-lists.ts';

export const ACCESS_MODES = { supported: ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'] };
export const VOLUME_MODES = { supported: ['Block', 'Filesystem'] };

export interface ClaimRules {
  readonly allowInvalidSelectorValues?: boolean;
  readonly allowInvalidDataSourceGroup?: boolean;
}

export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem';
  roundUpToMilli(spec.resources?.limits);
  roundUpToMilli(spec.resources?.requests);
}

/** Storage is counted in whole bytes. */
export function claimSpecWarnings(spec: PersistentVolumeClaimSpec, path: FieldPath): string[] {
  return (['requests', 'limits'] as const).flatMap((which) => {
    const storage = spec.resources?.[which]?.storage;
    if (storage === undefined || !isFraction(storage)) return [];
    const text = JSON.stringify(parseQuantity(storage).toString());
    const at = path.child('resources', which).key('storage');
    return [`${at}: fractional byte value ${text} is invalid, must be an integer`];
  });
}

export function checkAccessModes(modes: readonly string[], path: FieldPath, out: Findings): void {
  for (const mode of modes) checkOneOf(mode, path, ACCESS_MODES, out);
  const others = modes.some((mode) => mode !== 'ReadWriteOncePod' && ACCESS_MODES.supported.includes(mode));
  if (modes.includes('ReadWriteOncePod') && others)
    out.push(fieldErrors.forbidden(path, 'may not use ReadWriteOncePod with other access modes'));
}

export function validateClaimSpec(
  spec: PersistentVolumeClaimSpec,
  path: FieldPath,
  rules: ClaimRules = {},
): FieldError[] {
  const out: Findings = [];
  checkClaimSpec(spec, path, rules, out);
  return out;
}

export function checkClaimSpec(
  spec: PersistentVolumeClaimSpec,
  path: FieldPath,
  rules: ClaimRules,
  out: Findings,
): void {
  const modes = spec.accessModes ?? [];
  if (modes.length === 0)
    out.push(fieldErrors.required(path.child('accessModes'), 'at least 1 access mode is required'));
  checkLabelSelector(
    spec.selector,
    path.child('selector'),
    { allowInvalidValues: rules.allowInvalidSelectorValues ?? false },
    out,
  );
  checkAccessModes(modes, path.child('accessModes'), out);
  checkStorageRequest(spec, path.child('resources').key('storage'), out);
  if (spec.storageClassName) checkDnsSubdomain(spec.storageClassName, path.child('storageClassName'), out);
  if (spec.volumeMode !== undefined) checkOneOf(spec.volumeMode, path.child('volumeMode'), VOLUME_MODES, out);
  checkDataSources(spec, path, rules, out);
  if (spec.volumeAttributesClassName)
    checkDnsSubdomain(spec.volumeAttributesClassName, path.child('volumeAttributesClassName'), out);
}

function checkStorageRequest(spec: PersistentVolumeClaimSpec, path: FieldPath, out: Findings): void {
  const storage = spec.resources?.requests?.storage;
  if (storage === undefined) out.push(fieldErrors.required(path));
  else if (compareQuantities(String(storage), '0') <= 0)
    out.push(fieldErrors.invalid(path, quantityText(String(storage)), 'must be greater than zero'));
}

function checkDataSources(spec: PersistentVolumeClaimSpec, path: FieldPath, rules: ClaimRules, out: Findings): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource) checkDataSource(dataSource, path.child('dataSource'), rules, out);
  if (dataSourceRef) {
    checkDataSource(dataSourceRef, path.child('dataSourceRef'), rules, out);
    if (dataSourceRef.namespace) checkDnsLabel(dataSourceRef.namespace, path.child('dataSourceRef', 'namespace'), out);
  }
  if (!dataSource || !dataSourceRef) return;
  // Kubernetes prints a path where the value should stand, and a path has nothing to show.
  const shown = {};
  if (dataSourceRef.namespace)
    out.push(fieldErrors.invalid(path, shown, 'may not be specified when dataSourceRef.namespace is specified'));
  else if (!sameDataSource(dataSource, dataSourceRef))
    out.push(fieldErrors.invalid(path, shown, 'must match dataSourceRef'));
}

interface DataSource {
  readonly apiGroup?: string;
  readonly kind?: string;
  readonly name?: string;
}

function sameDataSource(a: DataSource, b: TypedObjectReference): boolean {
  return semanticEqual(
    [a.apiGroup ?? null, a.kind ?? '', a.name ?? ''],
    [b.apiGroup ?? null, b.kind ?? '', b.name ?? ''],
  );
}

function checkDataSource(source: DataSource, path: FieldPath, rules: ClaimRules, out: Findings): void {
  if (!source.name) out.push(fieldErrors.required(path.child('name')));
  if (!source.kind) out.push(fieldErrors.required(path.child('kind')));
  const group = source.apiGroup ?? '';
  if (group === '' && source.kind !== 'PersistentVolumeClaim')
    out.push(
      fieldErrors.invalid(
        path,
        source.kind ?? '',
        "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
      ),
    );
  if (group !== '' && rules.allowInvalidDataSourceGroup !== true) checkDnsSubdomain(group, path.child('apiGroup'), out);
}

/** Metadata that a template of a claim may not carry, in Go's order and as Go's names look in a path. */
const NOT_IN_TEMPLATES: readonly (readonly [string, string?])[] = [
  ['name'],
  ['generateName'],
  ['namespace'],
  ['selfLink'],
  ['uid', 'uID'],
  ['resourceVersion'],
  ['generation'],
  ['creationTimestamp'],
  ['deletionTimestamp'],
  ['deletionGracePeriodSeconds'],
  ['ownerReferences'],
  ['finalizers'],
  ['managedFields'],
];

/** The metadata of a template: labels and annotations, and nothing else. */
export function checkTemplateMetadata(meta: object, at: FieldPath, out: Findings): void {
  const given: Pick<ObjectMeta, 'labels' | 'annotations'> = meta;
  checkAnnotations(given.annotations, at.child('annotations'), out);
  checkLabels(given.labels, at.child('labels'), out);
  for (const [field, shown = field] of NOT_IN_TEMPLATES) {
    const value = (meta as Readonly<Record<string, unknown>>)[field];
    if (value === undefined || value === null || value === '' || value === 0) continue;
    out.push(fieldErrors.forbidden(at.child(shown), 'cannot be set'));
  }
}

export function checkClaimTemplate(template: PersistentVolumeClaimTemplate, path: FieldPath, out: Findings): void {
  checkTemplateMetadata(template.metadata ?? {}, path.child('metadata'), out);
  checkClaimSpec(template.spec ?? {}, path.child('spec'), {}, out);
}
