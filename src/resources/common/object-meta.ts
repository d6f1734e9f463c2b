// Object metadata: the rules for names, namespaces, owners and finalizers on create and update.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import {
  isDns1123Label,
  isDns1123Subdomain,
  isPathSegmentName,
  isPathSegmentPrefix,
  isQualifiedName,
} from '../../machinery/names.ts';
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from '../../machinery/object.ts';
import type { NameRule } from '../definition.ts';
import { addInvalid, checkNonNegative, type Findings } from './collect.ts';
import { immutable } from './equality.ts';
import { checkAnnotations, checkLabels } from './labels.ts';

export type NameCheck = (name: string, isPrefix: boolean) => readonly string[];

/** A generated name gets a suffix: a dash at the end of the prefix is fine. */
function unmasked(name: string, isPrefix: boolean): string {
  return isPrefix && name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
}

const NAME_CHECKS: Readonly<Record<NameRule, NameCheck>> = {
  'dns-subdomain': (name, isPrefix) => isDns1123Subdomain(unmasked(name, isPrefix)),
  'dns-label': (name, isPrefix) => isDns1123Label(unmasked(name, isPrefix)),
  'path-segment': (name, isPrefix) => (isPrefix ? isPathSegmentPrefix(name) : isPathSegmentName(name)),
};

/** The rule for names alone: the prefix of generated ones has only to do for a path. */
export function nameOnlyCheck(rule: NameRule): NameCheck {
  return (name, isPrefix) => NAME_CHECKS[isPrefix ? 'path-segment' : rule](name, isPrefix);
}

export function nameCheck(rule: NameRule): NameCheck {
  return NAME_CHECKS[rule];
}

export interface ObjectMetaRules {
  readonly namespaced: boolean;
  readonly nameRule?: NameRule;
  readonly nameCheck?: NameCheck;
  /** Custom resources take any qualified finalizer; built-in kinds also want a known one or a domain. Default true. */
  readonly knownFinalizers?: boolean;
}

const METADATA = FieldPath.of('metadata');

export function validateObjectMeta(meta: ObjectMeta, rules: ObjectMetaRules, path = METADATA): FieldError[] {
  const out: Findings = [];
  checkObjectMeta(meta, rules, path, out);
  return out;
}

export function checkObjectMeta(meta: ObjectMeta, rules: ObjectMetaRules, path: FieldPath, out: Findings): void {
  checkNames(meta, rules.nameCheck ?? NAME_CHECKS[rules.nameRule ?? 'dns-subdomain'], path, out);
  checkNamespace(meta.namespace ?? '', rules.namespaced, path, out);
  checkNonNegative(meta.generation, path.child('generation'), out);
  checkLabels(meta.labels, path.child('labels'), out);
  checkAnnotations(meta.annotations, path.child('annotations'), out);
  checkOwnerReferences(meta.ownerReferences, path.child('ownerReferences'), out);
  if (meta.finalizers === undefined) return;
  checkFinalizers(meta.finalizers, path.child('finalizers'), out);
  if (rules.knownFinalizers === false) return;
  for (const [i, name] of meta.finalizers.entries()) {
    checkKnownFinalizer(name, path.child('finalizers').index(i), out);
  }
}

function checkNames(meta: ObjectMeta, check: NameCheck, path: FieldPath, out: Findings): void {
  const prefix = meta.generateName ?? '';
  if (prefix !== '') addInvalid(prefix, path.child('generateName'), check(prefix, true), out);
  const name = meta.name ?? '';
  if (name === '') out.push(fieldErrors.required(path.child('name'), 'name or generateName is required'));
  else {
    const messages = check(name, false);
    if (messages.length > 0) addInvalid(name, path.child('name'), messages, out);
  }
}

function checkNamespace(namespace: string, namespaced: boolean, path: FieldPath, out: Findings): void {
  if (!namespaced) {
    if (namespace !== '') out.push(fieldErrors.forbidden(path.child('namespace'), 'not allowed on this type'));
  } else if (namespace === '') out.push(fieldErrors.required(path.child('namespace')));
  else addInvalid(namespace, path.child('namespace'), isDns1123Label(namespace), out);
}

function checkOwnerReferences(owners: readonly OwnerReference[] | undefined, path: FieldPath, out: Findings): void {
  if (owners === undefined) return;
  let controller = '';
  for (const owner of owners) {
    checkOwnerReference(owner, path, out);
    if (owner.controller !== true) continue;
    const current = `${owner.kind}/${owner.name}`;
    if (controller === '') controller = current;
    else
      out.push(
        fieldErrors.invalid(
          path,
          owners,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${current}`,
        ),
      );
  }
}

function checkOwnerReference(owner: OwnerReference, path: FieldPath, out: Findings): void {
  const apiVersion = owner.apiVersion ?? '';
  const version = apiVersion.split('/').length === 2 ? (apiVersion.split('/')[1] ?? '') : apiVersion;
  if (version === '' || apiVersion.split('/').length > 2)
    out.push(fieldErrors.invalid(path.child('apiVersion'), apiVersion, 'version must not be empty'));
  if (!owner.kind) out.push(fieldErrors.invalid(path.child('kind'), owner.kind ?? '', 'must not be empty'));
  if (!owner.name) out.push(fieldErrors.invalid(path.child('name'), owner.name ?? '', 'must not be empty'));
  if (!owner.uid) out.push(fieldErrors.invalid(path.child('uid'), owner.uid ?? '', 'must not be empty'));
  if (apiVersion === 'v1' && owner.kind === 'Event')
    out.push(fieldErrors.invalid(path, owner, '/v1, Kind=Event is disallowed from being an owner'));
}

function checkFinalizers(finalizers: readonly string[], path: FieldPath, out: Findings): void {
  for (const name of finalizers) addInvalid(name, path, isQualifiedName(name), out);
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion'))
    out.push(fieldErrors.invalid(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
}

const KNOWN_FINALIZERS: readonly string[] = ['kubernetes', 'orphan', 'foregroundDeletion'];

export function checkKnownFinalizer(name: string, path: FieldPath, out: Findings): void {
  if (!name.includes('/') && !KNOWN_FINALIZERS.includes(name))
    out.push(fieldErrors.invalid(path, name, 'name is neither a standard finalizer name nor is it fully qualified'));
}

/** What may not change in metadata, and the rules that hold for the new metadata all the same. */
export function validateObjectMetaUpdate(
  meta: ObjectMeta,
  old: ObjectMeta,
  rules: { readonly knownFinalizers?: boolean } = {},
): FieldError[] {
  const out: Findings = [];
  checkObjectMetaUpdate(meta, old, METADATA, out);
  if (rules.knownFinalizers !== false)
    for (const [i, name] of (meta.finalizers ?? []).entries())
      checkKnownFinalizer(name, METADATA.child('finalizers').index(i), out);
  return out;
}

export function checkObjectMetaUpdate(meta: ObjectMeta, old: ObjectMeta, path: FieldPath, out: Findings): void {
  if (old.deletionTimestamp) checkNoNewFinalizers(meta, old, path, out);
  if (!meta.resourceVersion)
    out.push(fieldErrors.invalid(path.child('resourceVersion'), '', 'must be specified for an update'));
  if ((meta.generation ?? 0) < (old.generation ?? 0))
    out.push(fieldErrors.invalid(path.child('generation'), meta.generation ?? 0, 'must not be decremented'));
  for (const field of IMMUTABLE) {
    if ((meta[field] ?? undefined) !== (old[field] ?? undefined))
      out.push(...immutable(meta[field], old[field], path.child(field)));
  }
  checkLabels(meta.labels, path.child('labels'), out);
  checkAnnotations(meta.annotations, path.child('annotations'), out);
  checkOwnerReferences(meta.ownerReferences, path.child('ownerReferences'), out);
}

const IMMUTABLE = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const satisfies readonly (keyof ObjectMeta)[];

function checkNoNewFinalizers(meta: ObjectMeta, old: ObjectMeta, path: FieldPath, out: Findings): void {
  const before = new Set(old.finalizers ?? []);
  const added = [...new Set(meta.finalizers ?? [])].filter((name) => !before.has(name)).sort();
  if (added.length === 0) return;
  const list = `[]string{${added.map((name) => JSON.stringify(name)).join(', ')}}`;
  out.push(
    fieldErrors.forbidden(
      path.child('finalizers'),
      `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`,
    ),
  );
}

/** The entries a client may send itself. Source: KEP-555 server-side apply. */
export function checkManagedFields(
  entries: readonly ManagedFieldsEntry[] | undefined,
  path: FieldPath,
  out: Findings,
): void {
  if (entries === undefined) return;
  for (const [i, entry] of entries.entries()) {
    if (entry.operation !== 'Apply' && entry.operation !== 'Update')
      out.push(
        fieldErrors.invalid(path.index(i).child('operation'), entry.operation ?? '', 'must be `Apply` or `Update`'),
      );
    if (entry.fieldsType !== undefined && entry.fieldsType !== '' && entry.fieldsType !== 'FieldsV1')
      out.push(fieldErrors.invalid(path.index(i).child('fieldsType'), entry.fieldsType, 'must be `FieldsV1`'));
    if ((entry.manager ?? '').length > 128) out.push(fieldErrors.tooLong(path.index(i).child('manager'), 128));
  }
}
