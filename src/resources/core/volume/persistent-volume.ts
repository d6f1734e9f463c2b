// PersistentVolumes: exactly one plugin, a size, and a source that never changes.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/
import { posix } from 'node:path';
import { type FieldError, FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { parseQuantity } from '../../../machinery/quantity.ts';
import { ageColumn, column, keepStatus, nameColumn, statusSubresource } from '../../checks/index.ts';
import {
  checkDnsSubdomain,
  checkNodeSelector,
  checkOneOf,
  checkPositiveAmount,
  type Findings,
  immutable,
  nodeTermWarnings,
  roundUpToMilli,
  semanticEqual,
  sortedKeys,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from '../../common/index.ts';
import { hasInvalidValues } from '../../common/pod/node-selectors.ts';
import { defaultSource } from '../../common/pod/volume-defaults.ts';
import { checkAccessModes, VOLUME_MODES } from '../../common/volume-claim.ts';
import { ALL_VERBS, defineResource } from '../../definition.ts';
import type { PersistentVolume, PersistentVolumeSpec } from '../../generated/core-v1.ts';
import { classAnnotationWarnings, shortAccessModes, storageClassOf } from './cells.ts';
import { checkVolumeSource, type SourceKind, VOLUME_SOURCES } from './sources.ts';

const SPEC = FieldPath.of('spec');
const RECLAIM_POLICIES = { supported: ['Delete', 'Recycle', 'Retain'] };

function applyDefaults(volume: PersistentVolume): void {
  volume.spec ??= {};
  volume.status = { ...volume.status };
  volume.status.phase ||= 'Pending';
  volume.spec.persistentVolumeReclaimPolicy ||= 'Retain';
  volume.spec.volumeMode ??= 'Filesystem';
  roundUpToMilli(volume.spec.capacity);
  for (const kind of VOLUME_SOURCES) {
    const source = volume.spec[kind];
    if (source) defaultSource(kind, source);
  }
  if (volume.spec.hostPath) volume.spec.hostPath.type ??= '';
}

function checkCapacity(spec: PersistentVolumeSpec, out: Findings): void {
  const { capacity } = spec;
  const names = sortedKeys(capacity);
  const path = SPEC.child('capacity');
  if (names.length === 0) out.push(fieldErrors.required(path));
  if (names.length !== 1 || names[0] !== 'storage') out.push(fieldErrors.notSupported(path, capacity, ['storage']));
  for (const name of names) {
    const amount = String(capacity?.[name]);
    const value = parseQuantity(amount).value();
    if (value < 0n) out.push(fieldErrors.invalid(path.key(name), Number(value), 'must be a valid resource quantity'));
    checkPositiveAmount(amount, path.key(name), out);
  }
}

function validate(volume: PersistentVolume, old?: PersistentVolume): FieldError[] {
  const out: Findings = [];
  const spec = volume.spec ?? {};
  if ((spec.accessModes ?? []).length === 0) out.push(fieldErrors.required(SPEC.child('accessModes')));
  checkAccessModes(spec.accessModes ?? [], SPEC.child('accessModes'), out);
  checkCapacity(spec, out);
  if (spec.persistentVolumeReclaimPolicy)
    checkOneOf(spec.persistentVolumeReclaimPolicy, SPEC.child('persistentVolumeReclaimPolicy'), RECLAIM_POLICIES, out);
  if (spec.nodeAffinity) checkAffinity(spec, hasInvalidValues(old?.spec?.nodeAffinity?.required), out);
  checkVolumeSource(volume, SPEC, out);
  checkRest(spec, out);
  return out;
}

function checkAffinity(spec: PersistentVolumeSpec, allowInvalidValues: boolean, out: Findings): void {
  const path = SPEC.child('nodeAffinity', 'required');
  const required = spec.nodeAffinity?.required;
  if (!required) out.push(fieldErrors.required(path, 'must specify required node constraints'));
  else checkNodeSelector(required, path, { allowInvalidValues }, out);
}

function checkRest(spec: PersistentVolumeSpec, out: Findings): void {
  const recycles = spec.persistentVolumeReclaimPolicy === 'Recycle';
  if (spec.hostPath && recycles && posix.normalize(spec.hostPath.path ?? '') === '/')
    out.push(
      fieldErrors.forbidden(
        SPEC.child('persistentVolumeReclaimPolicy'),
        "may not be 'recycle' for a hostPath mount of '/'",
      ),
    );
  if (spec.storageClassName) checkDnsSubdomain(spec.storageClassName, SPEC.child('storageClassName'), out);
  if (spec.volumeMode !== undefined) checkOneOf(spec.volumeMode, SPEC.child('volumeMode'), VOLUME_MODES, out);
  const attributes = spec.volumeAttributesClassName;
  if (attributes === undefined) return;
  const path = SPEC.child('volumeAttributesClassName');
  if (attributes === '') out.push(fieldErrors.required(path, 'an empty string is disallowed'));
  else checkDnsSubdomain(attributes, path, out);
  if (!spec.csi)
    out.push(fieldErrors.required(SPEC.child('csi'), 'has to be specified when using volumeAttributesClassName'));
}

/** The plugin and its settings, without the one secret that may be added later. */
function sourceOf(spec: PersistentVolumeSpec | undefined, withoutExpandSecret: boolean): Record<string, unknown> {
  const source: Record<string, unknown> = {};
  for (const kind of VOLUME_SOURCES) if (spec?.[kind] !== undefined) source[kind] = spec[kind];
  if (withoutExpandSecret && spec?.csi) {
    const { controllerExpandSecretRef: _secret, ...rest } = spec.csi;
    source.csi = rest;
  }
  return source;
}

function validateUpdate(volume: PersistentVolume, old: PersistentVolume): FieldError[] {
  const out: Findings = validateObjectMeta(volume.metadata, { namespaced: false });
  out.push(...validate(volume, old));
  const mayAddSecret = old.spec?.csi !== undefined && old.spec.csi.controllerExpandSecretRef === undefined;
  if (!semanticEqual(sourceOf(volume.spec, mayAddSecret), sourceOf(old.spec, false)))
    out.push(
      fieldErrors.forbidden(
        SPEC.child('persistentvolumesource'),
        'spec.persistentvolumesource is immutable after creation',
      ),
    );
  out.push(...immutable(volume.spec?.volumeMode, old.spec?.volumeMode, FieldPath.of('volumeMode')));
  const affinity = volume.spec?.nodeAffinity;
  if (old.spec?.nodeAffinity !== undefined && !semanticEqual(affinity, withNewLabels(old.spec.nodeAffinity, affinity)))
    out.push(
      fieldErrors.invalid(
        FieldPath.of('nodeAffinity'),
        affinity ?? null,
        'field is immutable, except for updating from beta label to GA',
      ),
    );
  if (old.spec?.volumeAttributesClassName !== undefined && volume.spec?.volumeAttributesClassName === undefined)
    out.push(
      fieldErrors.forbidden(SPEC.child('volumeAttributesClassName'), 'update from non-nil value to nil is forbidden'),
    );
  return out;
}

const NEW_LABELS: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
};

type Affinity = NonNullable<PersistentVolumeSpec['nodeAffinity']>;

/** The old affinity, with those labels under their new names that the new one has so. */
function withNewLabels(old: Affinity, now: Affinity | undefined): Affinity {
  const terms = (old.required?.nodeSelectorTerms ?? []).map((term, i) => ({
    ...term,
    ...(term.matchExpressions === undefined
      ? {}
      : {
          matchExpressions: term.matchExpressions.map((expression, j) => {
            const key = now?.required?.nodeSelectorTerms?.[i]?.matchExpressions?.[j]?.key;
            return key !== undefined && NEW_LABELS[expression.key] === key ? { ...expression, key } : expression;
          }),
        }),
  }));
  return old.required === undefined ? old : { ...old, required: { ...old.required, nodeSelectorTerms: terms } };
}

const OLD_PLUGINS: readonly (readonly [field: SourceKind, shown: string, what: string])[] = [
  ['cephfs', 'cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['photonPersistentDisk', 'photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['scaleIO', 'scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['storageos', 'storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['rbd', 'rbd', 'deprecated in v1.28, non-functional in v1.31+'],
];

function warnings(volume: PersistentVolume): string[] {
  const found = classAnnotationWarnings(volume);
  if (volume.spec?.persistentVolumeReclaimPolicy === 'Recycle')
    found.push(
      'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
    );
  const terms = volume.spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const path = SPEC.child('nodeAffinity', 'required', 'nodeSelectorTerms');
  for (const [i, term] of terms.entries()) found.push(...nodeTermWarnings(term, path.index(i)));
  for (const [field, shown, what] of OLD_PLUGINS) if (volume.spec?.[field]) found.push(`${SPEC.child(shown)}: ${what}`);
  return found;
}

function phase(volume: PersistentVolume): string {
  return volume.metadata.deletionTimestamp ? 'Terminating' : (volume.status?.phase ?? '');
}

export const persistentVolumes = defineResource<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  singular: 'persistentvolume',
  shortNames: ['pv'],
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.PersistentVolume',
  generation: 'none',
  resetFields: ['status'],
  deleteAnswersObject: true,
  strategy: {
    applyDefaults,
    prepareForCreate: (volume) => {
      volume.status = { phase: 'Pending' };
    },
    prepareForUpdate: keepStatus,
    validate: (volume) => validate(volume),
    // Kubernetes asks for the rules of a volume, and then again with those of an update.
    validateUpdate: (volume, old) => [
      ...validateObjectMeta(volume.metadata, { namespaced: false }),
      ...validate(volume, old),
      ...validateUpdate(volume, old),
    ],
    warnings,
  },
  subresources: {
    status: statusSubresource<PersistentVolume>({
      applyDefaults,
      prepare: (draft, old, { now }) => {
        const status = { ...draft.status };
        if (
          status.phase !== old.status?.phase &&
          status.lastPhaseTransitionTime === old.status?.lastPhaseTransitionTime
        )
          status.lastPhaseTransitionTime = `${now.toISOString().slice(0, 19)}Z`;
        draft.status = status;
      },
      validateUpdate: (volume, old) => validateObjectMetaUpdate(volume.metadata, old.metadata),
    }),
  },
  columns: [
    nameColumn(),
    column({
      name: 'Capacity',
      description: ['core/v1', 'PersistentVolumeSpec', 'capacity'],
      cell: (volume) => String(volume.spec?.capacity?.storage ?? '0'),
    }),
    column({
      name: 'Access Modes',
      description: ['core/v1', 'PersistentVolumeSpec', 'accessModes'],
      cell: (volume) => shortAccessModes(volume.spec?.accessModes),
    }),
    column({
      name: 'Reclaim Policy',
      description: ['core/v1', 'PersistentVolumeSpec', 'persistentVolumeReclaimPolicy'],
      cell: (volume) => volume.spec?.persistentVolumeReclaimPolicy ?? '',
    }),
    column({ name: 'Status', description: ['core/v1', 'PersistentVolumeStatus', 'phase'], cell: phase }),
    column({
      name: 'Claim',
      description: ['core/v1', 'PersistentVolumeSpec', 'claimRef'],
      cell: ({ spec }) => (spec?.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : ''),
    }),
    column({
      name: 'StorageClass',
      description: 'StorageClass of the pv',
      cell: storageClassOf,
    }),
    column({
      name: 'VolumeAttributesClass',
      description: ['core/v1', 'PersistentVolumeSpec', 'volumeAttributesClassName'],
      cell: (volume) => volume.spec?.volumeAttributesClassName ?? '<unset>',
    }),
    column({
      name: 'Reason',
      description: ['core/v1', 'PersistentVolumeStatus', 'reason'],
      cell: (volume) => volume.status?.reason ?? '',
    }),
    ageColumn(),
    column({
      name: 'VolumeMode',
      wide: true,
      description: ['core/v1', 'PersistentVolumeSpec', 'volumeMode'],
      cell: (volume) => volume.spec?.volumeMode ?? '<unset>',
    }),
  ],
});
