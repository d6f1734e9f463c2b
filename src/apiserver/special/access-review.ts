// What an access review may ask: its checks, and what it says of selectors that it could not read.
// Source: https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/apis/authorization/validation/validation.go
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { fieldSelectorText, parseFieldSelector } from '../../machinery/field-selector.ts';
import { deepEqual } from '../../machinery/json.ts';
import { parseLabelSelector } from '../../machinery/label-selector.ts';
import { isQualifiedName, isValidLabelValue } from '../../machinery/names.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { SubjectAccessReview } from '../../resources/generated/authorization-v1.ts';

export type AccessSpec = NonNullable<SubjectAccessReview['spec']>;
type ResourceAttributes = NonNullable<AccessSpec['resourceAttributes']>;

interface Requirement {
  readonly key?: string;
  readonly operator?: string;
  readonly values?: readonly string[] | null;
}

interface Selector {
  readonly rawSelector?: string;
  readonly requirements?: readonly Requirement[] | null;
}

/** The order in which Go writes the metadata that it refuses. */
const METADATA_ORDER = [
  'name',
  'generateName',
  'namespace',
  'resourceVersion',
  'generation',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
] as const;
const OWNER_ORDER = ['apiVersion', 'kind', 'name', 'uid', 'controller', 'blockOwnerDeletion'] as const;

function ordered(value: object, order: readonly string[]): Record<string, unknown> {
  const fields = value as Record<string, unknown>;
  return Object.fromEntries(order.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]));
}

/** Field sets are written sorted, whatever order they were found in. */
function sorted(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]));
}

export function checkMetadata(object: KubeObject, namespace: string): FieldError[] {
  const { managedFields: _, ...metadata } = object.metadata;
  if (Object.keys(metadata).length === 0 || deepEqual(metadata, namespace === '' ? {} : { namespace })) return [];
  const detail = namespace === '' ? 'must be empty' : 'must be empty except for namespace';
  const owners = object.metadata.ownerReferences?.map((owner) => ordered(owner, OWNER_ORDER));
  const managedFields = object.metadata.managedFields?.map((entry) => ({ ...entry, fieldsV1: sorted(entry.fieldsV1) }));
  const shown = ordered({ ...object.metadata, ownerReferences: owners, managedFields }, METADATA_ORDER);
  return [fieldErrors.invalid(FieldPath.of('metadata'), shown, detail)];
}

/** Go's form of the attributes has no names of JSON. */
const goForm = (plain: NonNullable<AccessSpec['nonResourceAttributes']>) => ({
  Path: plain.path ?? '',
  Verb: plain.verb ?? '',
});

export function checkSpec(spec: AccessSpec, needsUser: boolean): FieldError[] {
  const out: FieldError[] = [];
  const path = FieldPath.of('spec');
  const { resourceAttributes: resource, nonResourceAttributes: plain } = spec;
  if (resource !== undefined && plain !== undefined) {
    const at = path.child('nonResourceAttributes');
    out.push(fieldErrors.invalid(at, goForm(plain), 'cannot be specified in combination with resourceAttributes'));
  }
  if (resource === undefined && plain === undefined) {
    const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    out.push(fieldErrors.invalid(path.child('resourceAttributes'), null, detail));
  }
  if (needsUser && (spec.user ?? '') === '' && (spec.groups ?? []).length === 0) {
    out.push(fieldErrors.invalid(path.child('user'), '', 'at least one of user or group must be specified'));
  }
  if (resource !== undefined) out.push(...checkSelectors(resource, path.child('resourceAttributes')));
  return out;
}

export function checkLocal(spec: AccessSpec, namespace: string): FieldError[] {
  const { resourceAttributes: resource, nonResourceAttributes: plain } = spec;
  const out: FieldError[] = [];
  const sent = resource?.namespace ?? '';
  if (resource !== undefined && sent !== namespace) {
    const path = FieldPath.of('spec', 'resourceAttributes', 'namespace');
    out.push(fieldErrors.invalid(path, sent, 'must match metadata.namespace'));
  }
  if (plain !== undefined) {
    const path = FieldPath.of('spec', 'nonResourceAttributes');
    out.push(fieldErrors.invalid(path, goForm(plain), 'disallowed on this kind of request'));
  }
  return out;
}

/** Operators that are not known pass: a newer client may know them. */
function checkValues({ operator = '', values }: Requirement, path: FieldPath): FieldError[] {
  const given = values?.length ?? 0;
  if ((operator === 'In' || operator === 'NotIn') && given === 0)
    return [fieldErrors.required(path, "must be specified when `operator` is 'In' or 'NotIn'")];
  if ((operator === 'Exists' || operator === 'DoesNotExist') && given > 0)
    return [fieldErrors.forbidden(path, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
  return [];
}

function checkFieldRequirement(requirement: Requirement, path: FieldPath): FieldError[] {
  const key = (requirement.key ?? '') === '' ? [fieldErrors.required(path.child('key'), 'must be specified')] : [];
  return [...key, ...checkValues(requirement, path.child('values'))];
}

function checkLabelRequirement(requirement: Requirement, path: FieldPath): FieldError[] {
  const { key = '', values } = requirement;
  return [
    ...checkValues(requirement, path.child('values')),
    ...isQualifiedName(key).map((problem) => fieldErrors.invalid(path.child('key'), key, problem)),
    ...(values ?? []).flatMap((value, i) =>
      isValidLabelValue(value).map((problem) => fieldErrors.invalid(path.child('values').index(i), value, problem)),
    ),
  ];
}

function checkSelector(
  selector: Selector | undefined,
  path: FieldPath,
  check: (requirement: Requirement, path: FieldPath) => FieldError[],
): FieldError[] {
  if (selector === undefined) return [];
  const { rawSelector = '', requirements } = selector;
  const count = requirements?.length ?? 0;
  const out: FieldError[] = [];
  if (rawSelector !== '' && count > 0) {
    const detail = 'may not specified at the same time as requirements';
    out.push(fieldErrors.invalid(path.child('rawSelector'), rawSelector, detail));
  }
  if (rawSelector === '' && count === 0) {
    const detail = `when ${path.toString()} is specified, requirements or rawSelector is required`;
    out.push(fieldErrors.required(path.child('requirements'), detail));
  }
  for (const [i, one] of (requirements ?? []).entries()) out.push(...check(one, path.child('requirements').index(i)));
  return out;
}

function checkSelectors({ fieldSelector, labelSelector }: ResourceAttributes, path: FieldPath): FieldError[] {
  return [
    ...checkSelector(fieldSelector, path.child('fieldSelector'), checkFieldRequirement),
    ...checkSelector(labelSelector, path.child('labelSelector'), checkLabelRequirement),
  ];
}

function readable(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}

const knowsField = ({ operator = '', values }: Requirement): boolean =>
  (operator === 'In' || operator === 'NotIn') && values?.length === 1;
const knowsLabel = ({ operator = '' }: Requirement): boolean =>
  ['In', 'NotIn', 'Exists', 'DoesNotExist'].includes(operator);

interface Reading {
  readonly parse: (text: string) => unknown;
  readonly knows: (requirement: Requirement) => boolean;
}

function unread(name: string, selector: Selector | undefined, { parse, knows }: Reading): string[] {
  const { rawSelector = '', requirements } = selector ?? {};
  const all = requirements ?? [];
  const known = all.filter(knows).length;
  const good = all.length > 0 ? known === all.length : rawSelector === '' || readable(() => parse(rawSelector));
  if (good) return [];
  return [`spec.resourceAttributes.${name} ${known > 0 ? 'partially ' : ''}ignored due to parse error`];
}

/** What the answer says of selectors that were left out of account; '' when all were understood. */
export function evaluationError(resource: ResourceAttributes | undefined): string {
  if (resource === undefined) return '';
  return [
    ...unread('fieldSelector', resource.fieldSelector, { parse: parseFieldSelector, knows: knowsField }),
    ...unread('labelSelector', resource.labelSelector, { parse: parseLabelSelector, knows: knowsLabel }),
  ].join('; ');
}

/** The fields that a question is narrowed to, without what could not be read; '' for none. */
export function selectedFields(resource: ResourceAttributes | undefined): string {
  const { rawSelector = '', requirements } = resource?.fieldSelector ?? {};
  const all = requirements ?? [];
  if (all.length === 0) return readable(() => parseFieldSelector(rawSelector)) ? rawSelector : '';
  return fieldSelectorText(
    all.filter(knowsField).map(({ key, operator, values }) => ({
      path: key,
      op: operator === 'NotIn' ? '!=' : '=',
      value: values?.[0] ?? '',
    })),
  );
}
