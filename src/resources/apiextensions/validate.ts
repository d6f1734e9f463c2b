// Validation of CustomResourceDefinitions themselves.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { deepEqual } from '../../machinery/json.ts';
import { isDns1035Label, isDns1123Subdomain } from '../../machinery/names.ts';
import { ErrorList } from '../checks/index.ts';
import { nameCheck } from '../common/index.ts';
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceSubresources,
  SelectableField,
} from '../generated/apiextensions-v1.ts';
import { findPath } from './field-path.ts';
import { type HoistedSpec, hoist } from './hoisted.ts';
import { checkConversion } from './validate-conversion.ts';
import { validateSchema } from './validate-version.ts';

const SPEC = FieldPath.of('spec');
const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const MAX_SELECTABLE_FIELDS = 8;
const MAX_WARNING = 256;

function checkNames(found: ErrorList, names: CustomResourceDefinitionNames | undefined, path: FieldPath): void {
  const label = (name: string, text: string | undefined, prefix = ''): void => {
    const value = text ?? '';
    const problems = isDns1035Label(prefix === '' ? value : value.toLowerCase());
    if (value !== '' && problems.length > 0) found.invalid(path.child(name), value, prefix + problems.join(','));
  };
  const mixed = 'may have mixed case, but should otherwise match: ';
  label('plural', names?.plural);
  label('singular', names?.singular);
  label('kind', names?.kind, mixed);
  label('listKind', names?.listKind, mixed);
  names?.shortNames?.forEach((name, i) => {
    const problems = isDns1035Label(name);
    if (problems.length > 0) found.invalid(path.child('shortNames').index(i), name, problems.join(','));
  });
  if ((names?.kind ?? '') !== '' && names?.kind === names?.listKind) {
    found.invalid(path.child('listKind'), names?.listKind, 'kind and listKind may not be the same');
  }
  names?.categories?.forEach((name, i) => {
    const problems = isDns1035Label(name);
    if (problems.length > 0) found.invalid(path.child('categories').index(i), name, problems.join(','));
  });
}

function checkJsonPath(found: ErrorList, text: string, path: FieldPath): boolean {
  if (text.startsWith('.')) return true;
  found.invalid(path, text, 'must be a simple json path starting with .');
  return false;
}

function checkColumn(found: ErrorList, column: CustomResourceColumnDefinition, path: FieldPath): void {
  if ((column.name ?? '') === '') found.required(path.child('name'));
  const types = `must be one of ${COLUMN_TYPES.join(',')}`;
  if ((column.type ?? '') === '') found.required(path.child('type'), types);
  else if (!COLUMN_TYPES.includes(column.type)) found.invalid(path.child('type'), column.type, types);
  const format = column.format ?? '';
  if (format !== '' && !COLUMN_FORMATS.includes(format)) {
    found.invalid(path.child('format'), format, `must be one of ${COLUMN_FORMATS.join(',')}`);
  }
  if ((column.jsonPath ?? '') === '') found.required(path.child('JSONPath'));
  else checkJsonPath(found, column.jsonPath, path.child('JSONPath'));
}

function checkSubresources(
  found: ErrorList,
  subresources: CustomResourceSubresources | undefined,
  path: FieldPath,
): void {
  const scale = subresources?.scale;
  if (scale === undefined) return;
  const one = (name: 'specReplicasPath' | 'statusReplicasPath', root: string): void => {
    const at = path.child(`scale.${name}`);
    const text = scale[name] ?? '';
    if (text === '') found.required(at);
    else if (checkJsonPath(found, text, at) && !text.startsWith(`${root}.`))
      found.invalid(at, text, `should be a json path under ${root}`);
  };
  one('specReplicasPath', '.spec');
  one('statusReplicasPath', '.status');
  const selector = scale.labelSelectorPath ?? '';
  const at = path.child('scale.labelSelectorPath');
  if (selector === '' || !checkJsonPath(found, selector, at)) return;
  if (!selector.startsWith('.spec.') && !selector.startsWith('.status.')) {
    found.invalid(at, selector, 'should be a json path under either .spec or .status');
  }
}

function checkSelectableFields(
  found: ErrorList,
  fields: readonly SelectableField[],
  options: { path: FieldPath; schema: HoistedSpec['schema'] },
): void {
  const root = options.schema?.openAPIV3Schema;
  if (fields.length === 0) return;
  if (root === undefined) {
    found.invalid(options.path, '', 'may only be set when validations.schema is included');
    return;
  }
  const seen = new Set<string>();
  fields.forEach((field, i) => {
    const at = options.path.index(i).child('jsonPath');
    if ((field.jsonPath ?? '') === '') {
      found.required(at);
      return;
    }
    const target = findPath(root, field.jsonPath);
    if (target === undefined) {
      found.invalid(at, field.jsonPath, 'is an invalid path: does not refer to a valid field');
      return;
    }
    if (target.keys[0] === 'metadata') found.invalid(at, field.jsonPath, 'must not point to fields in metadata');
    if (!['string', 'boolean', 'integer'].includes(target.schema.type ?? '')) {
      found.invalid(
        at,
        field.jsonPath,
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
      );
    }
    if (seen.has(target.keys.join('.'))) found.duplicate(at, field.jsonPath);
    seen.add(target.keys.join('.'));
  });
  if (seen.size > MAX_SELECTABLE_FIELDS) found.tooMany(options.path, seen.size, MAX_SELECTABLE_FIELDS);
}

function checkWarning(
  found: ErrorList,
  version: { deprecated?: boolean; deprecationWarning?: string },
  path: FieldPath,
): void {
  const text = version.deprecationWarning;
  if (text === undefined) return;
  const at = path.child('deprecationWarning');
  if (version.deprecated !== true) {
    found.invalid(at, text, 'can only be set for deprecated versions');
    return;
  }
  if (Buffer.byteLength(text) > MAX_WARNING) found.invalid(at, text, 'must be <= 256 characters long');
  if (text === '') found.invalid(at, text, 'must not be an empty string');
  const odd = /[\p{C}\p{Zl}\p{Zp}]/u.exec(text);
  if (odd !== null) {
    found.invalid(
      at,
      text,
      `must only contain printable UTF-8 characters; non-printable character found at index ${odd.index}`,
    );
  }
}

function checkVersions(
  found: ErrorList,
  hoisted: HoistedSpec,
  spec: CustomResourceDefinitionSpec,
  weigh: boolean,
): void {
  const versions = SPEC.child('versions');
  hoisted.versions.forEach((version, i) => {
    const at = versions.index(i);
    const problems = isDns1035Label(version.name ?? '');
    if (problems.length > 0) found.invalid(at.child('name'), version.name, problems.join(','));
    checkWarning(found, version, at);
    const status = (version.subresources ?? hoisted.subresources)?.status !== undefined;
    found.add(validateSchema(version.schema, at.child('schema'), { hasStatus: status, weigh }));
    checkSubresources(found, version.subresources, at.child('subresources'));
    version.additionalPrinterColumns?.forEach((c, n) => {
      checkColumn(found, c, at.child('additionalPrinterColumns').index(n));
    });
    checkSelectableFields(found, version.selectableFields ?? [], {
      path: at.child('selectableFields'),
      schema: version.schema ?? hoisted.schema,
    });
  });
  const names = hoisted.versions.map((v) => v.name);
  if (new Set(names).size < names.length) found.invalid(versions, spec.versions, 'must contain unique version names');
  if (hoisted.versions.filter((v) => v.storage === true).length !== 1) {
    found.invalid(versions, spec.versions, 'must have exactly one version marked as storage version');
  }
}

/** `weigh`: what the rules cost is asked. */
function checkSpec(found: ErrorList, spec: CustomResourceDefinitionSpec, weigh: boolean): void {
  const hoisted = hoist(spec);
  const group = spec.group ?? '';
  const groupProblems = isDns1123Subdomain(group);
  if (group === '') found.required(SPEC.child('group'));
  else if (groupProblems.length > 0) found.invalid(SPEC.child('group'), group, groupProblems.join(','));
  else if (!group.includes('.')) found.invalid(SPEC.child('group'), group, 'should be a domain with at least one dot');
  const scope = spec.scope ?? '';
  if (scope === '') found.required(SPEC.child('scope'));
  else found.oneOf(SPEC.child('scope'), scope, ['Cluster', 'Namespaced']);
  spec.versions?.forEach((version, i) => {
    if (version.schema?.openAPIV3Schema === undefined) {
      found.required(SPEC.child('versions').index(i).child('schema', 'openAPIV3Schema'));
    }
  });
  checkVersions(found, hoisted, spec, weigh);
  if (hoisted.version !== undefined) {
    const problems = isDns1035Label(hoisted.version);
    if (problems.length > 0) found.invalid(SPEC.child('version'), hoisted.version, problems.join(','));
  }
  for (const name of ['plural', 'singular', 'kind', 'listKind'] as const) {
    if ((spec.names?.[name] ?? '') === '') found.required(SPEC.child('names', name));
  }
  checkNames(found, spec.names, SPEC.child('names'));
  const anyStatus = (spec.versions ?? []).some((v) => v.subresources?.status !== undefined);
  found.add(validateSchema(hoisted.schema, SPEC.child('validation'), { hasStatus: anyStatus, weigh }));
  checkSubresources(found, hoisted.subresources, SPEC.child('subresources'));
  hoisted.columns.forEach((c, i) => {
    checkColumn(found, c, SPEC.child('additionalPrinterColumns').index(i));
  });
  checkSelectableFields(found, hoisted.selectableFields, {
    path: SPEC.child('selectableFields'),
    schema: hoisted.schema,
  });
  checkConversion(found, spec.conversion, SPEC.child('conversion'));
}

function checkStoredVersions(found: ErrorList, crd: CustomResourceDefinition): void {
  const path = FieldPath.of('status', 'storedVersions');
  const stored = crd.status?.storedVersions ?? [];
  if (stored.length === 0) {
    found.invalid(path, stored, 'must have at least one stored version');
    return;
  }
  const names = new Set((crd.spec.versions ?? []).map((v) => v.name));
  for (const version of crd.spec.versions ?? []) {
    if (version.storage === true && !stored.includes(version.name)) {
      found.invalid(path, stored, `must have the storage version ${version.name}`);
    }
  }
  stored.forEach((name, i) => {
    if (names.has(name)) return;
    found.invalid(
      path.index(i),
      name,
      `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
    );
  });
}

const APPROVAL = 'api-approved.kubernetes.io';

function isProtected(group: string): boolean {
  return (
    group === 'k8s.io' || group === 'kubernetes.io' || group.endsWith('.k8s.io') || group.endsWith('.kubernetes.io')
  );
}

function approvalProblem(crd: CustomResourceDefinition): FieldError | undefined {
  const value = crd.metadata.annotations?.[APPROVAL] ?? '';
  const at = FieldPath.of('metadata', 'annotations').key(APPROVAL);
  if (value === '') {
    return fieldErrors.required(
      at,
      'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
    );
  }
  if (value.startsWith('unapproved') || /^https?:\/\/[^/\s]+\S*$/.test(value)) return undefined;
  return fieldErrors.invalid(
    at,
    value,
    'protected groups must have approval annotation "api-approved.kubernetes.io" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111',
  );
}

function checkCommon(found: ErrorList, crd: CustomResourceDefinition, old: CustomResourceDefinition | undefined): void {
  checkNames(found, crd.status?.acceptedNames, FieldPath.of('status', 'acceptedNames'));
  checkStoredVersions(found, crd);
  if (isProtected(crd.spec.group ?? '')) {
    const problem = approvalProblem(crd);
    const before = old === undefined ? undefined : approvalProblem(old);
    if (problem !== undefined && before?.type !== problem.type) found.add([problem]);
  }
  if (crd.spec.preserveUnknownFields === true && old?.spec.preserveUnknownFields !== true) {
    found.invalid(
      SPEC.child('preserveUnknownFields'),
      true,
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    );
  }
}

/** The same for a prefix: no generated name can be right. */
export function validateDefinitionName(name: string, isPrefix: boolean, crd: CustomResourceDefinition): string[] {
  const problems = [...nameCheck('dns-subdomain')(name, isPrefix)];
  if (name !== `${crd.spec.names?.plural ?? ''}.${crd.spec.group ?? ''}`)
    problems.push('must be spec.names.plural+"."+spec.group');
  return problems;
}

export function validateDefinition(crd: CustomResourceDefinition): FieldError[] {
  const found = new ErrorList();
  checkSpec(found, crd.spec, true);
  checkCommon(found, crd, undefined);
  return found.errors;
}

export function validateDefinitionUpdate(crd: CustomResourceDefinition, old: CustomResourceDefinition): FieldError[] {
  const found = new ErrorList();
  // Rules that were accepted before stay so.
  checkSpec(found, crd.spec, !deepEqual(crd.spec, old.spec));
  const established = (old.status?.conditions ?? []).some((c) => c.type === 'Established' && c.status === 'True');
  if (established) {
    found.unchanged(SPEC.child('scope'), crd.spec.scope, old.spec.scope);
    found.unchanged(SPEC.child('names', 'kind'), crd.spec.names?.kind, old.spec.names?.kind);
  }
  found.unchanged(SPEC.child('group'), crd.spec.group, old.spec.group);
  found.unchanged(SPEC.child('names', 'plural'), crd.spec.names?.plural, old.spec.names?.plural);
  checkCommon(found, crd, old);
  return found.errors;
}

export function validateDefinitionStatus(crd: CustomResourceDefinition): FieldError[] {
  const found = new ErrorList();
  checkNames(found, crd.status?.acceptedNames, FieldPath.of('status', 'acceptedNames'));
  return found.errors;
}
