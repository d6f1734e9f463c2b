// PersistentVolumeClaims: a spec that only grows, bound to one volume for life.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#persistentvolumeclaims
import { type FieldError, FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { isQualifiedName } from '../../../machinery/names.ts';
import { parseQuantity } from '../../../machinery/quantity.ts';
import { ageColumn, column, keepStatus, nameColumn, statusSubresource } from '../../checks/index.ts';
import {
  addInvalid,
  compareQuantities,
  type Findings,
  immutable,
  isNativeResource,
  roundUpToMilli,
  selectorHasInvalidValues,
  semanticEqual,
  sortedKeys,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from '../../common/index.ts';
import { type ClaimRules, checkClaimSpec, claimSpecWarnings, defaultClaimSpec } from '../../common/volume-claim.ts';
import { ALL_VERBS, defineResource } from '../../definition.ts';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../generated/core-v1.ts';
import { CLASS_ANNOTATION, classAnnotationWarnings, shortAccessModes, storageClassOf } from './cells.ts';

const SPEC = FieldPath.of('spec');
const STATUS = FieldPath.of('status');
const STORAGE = SPEC.child('resources', 'requests', 'storage');

function applyDefaults(claim: PersistentVolumeClaim): void {
  claim.spec ??= {};
  claim.status = { ...claim.status };
  claim.status.phase ||= 'Pending';
  defaultClaimSpec(claim.spec);
  roundUpToMilli(claim.status.capacity);
  roundUpToMilli(claim.status.allocatedResources);
}

/** Old data sources of unknown kinds are dropped in silence; otherwise both fields come to say the same. Source: KEP-1495. */
function settleDataSources(spec: PersistentVolumeClaimSpec, old?: PersistentVolumeClaimSpec): void {
  dropForeignSource(spec, old);
  const { dataSource } = spec;
  if (dataSource !== undefined && spec.dataSourceRef === undefined) {
    const group = dataSource.apiGroup ?? '';
    const known =
      old?.dataSource !== undefined ||
      old?.dataSourceRef !== undefined ||
      (dataSource.kind === 'PersistentVolumeClaim' && group === '') ||
      (dataSource.kind === 'VolumeSnapshot' && group === 'snapshot.storage.k8s.io');
    if (known) spec.dataSourceRef = { ...dataSource };
    else delete spec.dataSource;
  } else if (dataSource === undefined && spec.dataSourceRef !== undefined && !spec.dataSourceRef.namespace) {
    const { namespace: _namespace, ...reference } = spec.dataSourceRef;
    spec.dataSource = reference;
  }
}

/** References into other namespaces are for those who have switched them on. Source: KEP-3294. */
function dropForeignSource(spec: PersistentVolumeClaimSpec, old: PersistentVolumeClaimSpec | undefined): void {
  if (spec.dataSourceRef?.namespace && old?.dataSourceRef === undefined) delete spec.dataSourceRef;
}

function ruleFor(old: PersistentVolumeClaim | undefined): ClaimRules {
  if (old === undefined) return {};
  return {
    allowInvalidSelectorValues: selectorHasInvalidValues(old.spec?.selector),
    allowInvalidDataSourceGroup:
      old.spec?.dataSource?.apiGroup !== undefined || old.spec?.dataSourceRef?.apiGroup !== undefined,
  };
}

function validate(claim: PersistentVolumeClaim, old?: PersistentVolumeClaim): FieldError[] {
  const out: Findings = [];
  checkClaimSpec(claim.spec ?? {}, SPEC, ruleFor(old), out);
  return out;
}

function validateUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const out: Findings = validateObjectMetaUpdate(claim.metadata, old.metadata);
  out.push(...validateObjectMeta(claim.metadata, { namespaced: true }), ...validate(claim, old));
  const spec = claim.spec ?? {};
  const oldSpec = old.spec ?? {};
  const annotation = claim.metadata.annotations?.[CLASS_ANNOTATION] ?? '';
  const oldAnnotation = old.metadata.annotations?.[CLASS_ANNOTATION] ?? '';
  if (!movesClassToField(claim, old) && annotation !== oldAnnotation)
    out.push(
      fieldErrors.invalid(FieldPath.of('metadata', 'annotations', CLASS_ANNOTATION), annotation, 'field is immutable'),
    );
  if (!semanticEqual(maskChangeable(claim, old), withVolume(oldSpec, spec)))
    out.push(
      fieldErrors.forbidden(
        SPEC,
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
      ),
    );
  checkShrinking(claim, old, out);
  out.push(...immutable(spec.volumeMode, oldSpec.volumeMode, FieldPath.of('volumeMode')));
  checkAttributesClass(spec, oldSpec, out);
  return out;
}

function movesClassToField(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  const before = old.metadata.annotations?.[CLASS_ANNOTATION];
  const now = claim.metadata.annotations?.[CLASS_ANNOTATION];
  const field = claim.spec?.storageClassName;
  return (
    before !== undefined && old.spec?.storageClassName === undefined && field === before && (now ?? before) === before
  );
}

/** The new spec with all put back that may change. */
function maskChangeable(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): PersistentVolumeClaimSpec {
  const masked: PersistentVolumeClaimSpec = { ...claim.spec };
  const before = old.metadata.annotations?.[CLASS_ANNOTATION];
  const className = claim.spec?.storageClassName;
  const fromNothing =
    className !== undefined &&
    old.spec?.storageClassName === undefined &&
    (before === undefined || before === className);
  if (fromNothing || movesClassToField(claim, old)) delete masked.storageClassName;
  if (claim.status?.phase !== 'Bound') return masked;
  const storage = old.spec?.resources?.requests?.storage;
  if (masked.resources?.requests !== undefined && storage !== undefined)
    masked.resources = { ...masked.resources, requests: { ...masked.resources.requests, storage } };
  if (masked.volumeAttributesClassName !== undefined) {
    if (old.spec?.volumeAttributesClassName === undefined) delete masked.volumeAttributesClassName;
    else masked.volumeAttributesClassName = old.spec.volumeAttributesClassName;
  }
  return masked;
}

/** The volume's name is filled in once. */
function withVolume(old: PersistentVolumeClaimSpec, spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  if (old.volumeName || spec.volumeName === undefined) return old;
  return { ...old, volumeName: spec.volumeName };
}

function checkShrinking(claim: PersistentVolumeClaim, old: PersistentVolumeClaim, out: Findings): void {
  const size = claim.spec?.resources?.requests?.storage ?? '0';
  const before = old.spec?.resources?.requests?.storage ?? '0';
  if (compareQuantities(size, before) >= 0) return;
  if (compareQuantities(size, old.status?.capacity?.storage ?? '0') <= 0)
    out.push(fieldErrors.forbidden(STORAGE, 'field can not be less than status.capacity'));
}

function checkAttributesClass(spec: PersistentVolumeClaimSpec, old: PersistentVolumeClaimSpec, out: Findings): void {
  if (old.volumeAttributesClassName === undefined) return;
  const path = SPEC.child('volumeAttributesClassName');
  if (spec.volumeAttributesClassName === undefined)
    out.push(fieldErrors.forbidden(path, 'update from non-nil value to nil is forbidden'));
  else if (spec.volumeAttributesClassName === '' && old.volumeAttributesClassName !== '')
    out.push(fieldErrors.forbidden(path, 'update from non-nil value to an empty string is forbidden'));
}

const RESIZE_STATES: readonly string[] = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizePending',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
];

function checkStatusKey(name: string, path: FieldPath, out: Findings): boolean {
  const messages = isQualifiedName(name);
  addInvalid(name, path, messages, out);
  if (messages.length > 0) return false;
  if (!isNativeResource(name) || name === 'storage') return true;
  out.push(fieldErrors.notSupported(path, name, ['storage']));
  return false;
}

function validateStatus(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const out: Findings = validateObjectMetaUpdate(claim.metadata, old.metadata);
  if ((claim.spec?.accessModes ?? []).length === 0) out.push(fieldErrors.required(FieldPath.of('Spec', 'accessModes')));
  checkNotNegative(claim.status?.capacity, STATUS.child('capacity'), out);
  const states = claim.status?.allocatedResourceStatuses;
  const path = STATUS.child('allocatedResourceStatuses');
  for (const name of sortedKeys(states)) {
    checkStatusKey(name, path, out);
    if (!RESIZE_STATES.includes(states?.[name] ?? ''))
      out.push(fieldErrors.notSupported(path, name, [...RESIZE_STATES].sort()));
  }
  const allocated = claim.status?.allocatedResources;
  const at = STATUS.child('allocatedResources');
  for (const name of sortedKeys(allocated))
    if (checkStatusKey(name, at, out)) checkNotNegative({ [name]: String(allocated?.[name]) }, at, out);
  return out;
}

function checkNotNegative(list: Record<string, string> | undefined, path: FieldPath, out: Findings): void {
  for (const name of sortedKeys(list)) {
    const value = parseQuantity(String(list?.[name])).value();
    if (value < 0n) out.push(fieldErrors.invalid(path.key(name), Number(value), 'must be a valid resource quantity'));
  }
}

function warnings(claim: PersistentVolumeClaim): string[] {
  return [...classAnnotationWarnings(claim), ...claimSpecWarnings(claim.spec ?? {}, SPEC)];
}

function phase(claim: PersistentVolumeClaim): string {
  return claim.metadata.deletionTimestamp ? 'Terminating' : (claim.status?.phase ?? '');
}

export const persistentVolumeClaims = defineResource<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  singular: 'persistentvolumeclaim',
  shortNames: ['pvc'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.PersistentVolumeClaim',
  generation: 'none',
  resetFields: ['status'],
  deleteAnswersObject: true,
  strategy: {
    applyDefaults,
    prepareForCreate: (claim) => {
      claim.status = { phase: 'Pending' };
      settleDataSources(claim.spec ?? {});
    },
    prepareForUpdate: (draft, old) => {
      keepStatus(draft, old);
      settleDataSources(draft.spec ?? {}, old.spec);
    },
    validate: (claim) => validate(claim),
    // Kubernetes asks for the rules of a claim, and then again with those of an update.
    validateUpdate,
    warnings,
  },
  subresources: {
    status: statusSubresource<PersistentVolumeClaim>({
      applyDefaults,
      validateUpdate: validateStatus,
    }),
  },
  columns: [
    nameColumn(),
    column({ name: 'Status', description: ['core/v1', 'PersistentVolumeClaimStatus', 'phase'], cell: phase }),
    column({
      name: 'Volume',
      description: ['core/v1', 'PersistentVolumeClaimSpec', 'volumeName'],
      cell: (claim) => claim.spec?.volumeName ?? '',
    }),
    column({
      name: 'Capacity',
      description: ['core/v1', 'PersistentVolumeClaimStatus', 'capacity'],
      cell: (claim) => (claim.spec?.volumeName ? String(claim.status?.capacity?.storage ?? '0') : ''),
    }),
    column({
      name: 'Access Modes',
      description: ['core/v1', 'PersistentVolumeClaimStatus', 'accessModes'],
      cell: (claim) => (claim.spec?.volumeName ? shortAccessModes(claim.status?.accessModes) : ''),
    }),
    column({
      name: 'StorageClass',
      description: 'StorageClass of the pvc',
      cell: storageClassOf,
    }),
    column({
      name: 'VolumeAttributesClass',
      description: ['core/v1', 'PersistentVolumeClaimSpec', 'volumeAttributesClassName'],
      cell: (claim) => claim.spec?.volumeAttributesClassName ?? '<unset>',
    }),
    ageColumn(),
    column({
      name: 'VolumeMode',
      wide: true,
      description: ['core/v1', 'PersistentVolumeClaimSpec', 'volumeMode'],
      cell: (claim) => claim.spec?.volumeMode ?? '<unset>',
    }),
  ],
});
