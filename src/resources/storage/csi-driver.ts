// CSIDriver: what a CSI driver can do and wants. https://kubernetes-csi.github.io/docs/csi-driver-object.html

import { FieldPath } from '../../machinery/field-error.ts';
import { plus } from '../../machinery/int64.ts';
import { ageColumn, column, ErrorList, nameColumn } from '../checks/index.ts';
import { semanticEqual } from '../common/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type { CSIDriver, CSIDriverSpec, TokenRequest } from '../generated/storage-v1.ts';

const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;
const MIN_UPDATE_PERIOD = 10;
const FS_GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType'];
const LIFECYCLE_MODES = ['Persistent', 'Ephemeral'];

function applyDefaults(draft: CSIDriver): void {
  draft.spec ??= {};
  const { spec } = draft;
  spec.storageCapacity ??= false;
  spec.attachRequired ??= true;
  spec.podInfoOnMount ??= false;
  spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
  if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent'];
  spec.requiresRepublish ??= false;
  spec.seLinuxMount ??= false;
}

function checkTokenRequests(found: ErrorList, requests: readonly TokenRequest[], path: FieldPath): void {
  const audiences = new Set<string>();
  requests.forEach((request, i) => {
    const audience = request.audience ?? '';
    if (audiences.has(audience)) found.duplicate(path.index(i).child('audience'), audience);
    audiences.add(audience);
    const seconds = request.expirationSeconds;
    if (seconds === undefined) return;
    const at = path.index(i).child('expirationSeconds');
    if (seconds < MIN_TOKEN_SECONDS) found.invalid(at, seconds, 'may not specify a duration less than 10 minutes');
    if (seconds > MAX_TOKEN_SECONDS) found.invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds');
  });
}

/** `attachedRequired` is the name that Kubernetes' own messages give the field. */
const REQUIRED: readonly [keyof CSIDriverSpec, string][] = [
  ['attachRequired', 'attachedRequired'],
  ['podInfoOnMount', 'podInfoOnMount'],
  ['storageCapacity', 'storageCapacity'],
];

function checkSpec(found: ErrorList, spec: CSIDriverSpec): void {
  const path = FieldPath.of('spec');
  for (const [field, name] of REQUIRED) if (spec[field] === undefined) found.required(path.child(name));
  if (spec.fsGroupPolicy === undefined) found.required(path.child('fsGroupPolicy'));
  else found.oneOf(path.child('fsGroupPolicy'), spec.fsGroupPolicy, FS_GROUP_POLICIES);
  checkTokenRequests(found, spec.tokenRequests ?? [], path.child('tokenRequests'));
  for (const mode of spec.volumeLifecycleModes ?? [])
    found.oneOf(path.child('volumeLifecycleModes'), mode, LIFECYCLE_MODES);
  if (spec.seLinuxMount === undefined) found.required(path.child('seLinuxMount'));
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < MIN_UPDATE_PERIOD)
    found.invalid(
      path.child('nodeAllocatableUpdatePeriodSeconds'),
      period,
      `must be greater than or equal to ${MIN_UPDATE_PERIOD} seconds`,
    );
  if (spec.serviceAccountTokenInSecrets !== undefined && (spec.tokenRequests ?? []).length === 0)
    found.invalid(
      path.child('serviceAccountTokenInSecrets'),
      spec.serviceAccountTokenInSecrets,
      'serviceAccountTokenInSecrets is set but no tokenRequests are specified',
    );
}

function validate(driver: CSIDriver): ErrorList {
  const found = new ErrorList();
  checkSpec(found, driver.spec ?? {});
  return found;
}

function validateUpdate(driver: CSIDriver, old: CSIDriver): ErrorList {
  const found = new ErrorList();
  const path = FieldPath.of('spec');
  checkSpec(found, driver.spec ?? {});
  found.unchanged(path.child('attachedRequired'), driver.spec?.attachRequired, old.spec?.attachRequired);
  found.unchanged(
    path.child('volumeLifecycleModes'),
    driver.spec?.volumeLifecycleModes,
    old.spec?.volumeLifecycleModes,
  );
  return found;
}

const SECRETS_WARNING =
  'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes';

/** Source: KEP-5538, tokens for CSI drivers as secrets. */
function warnings(driver: CSIDriver, old: CSIDriver | undefined): string[] {
  const { tokenRequests = [], serviceAccountTokenInSecrets } = driver.spec ?? {};
  const silent = tokenRequests.length === 0 || serviceAccountTokenInSecrets !== undefined;
  const kept = old !== undefined && semanticEqual(old.spec?.tokenRequests ?? [], tokenRequests);
  return silent || kept ? [] : [SECRETS_WARNING];
}

function flag(name: string, field: 'attachRequired' | 'podInfoOnMount' | 'storageCapacity' | 'requiresRepublish') {
  return column<CSIDriver>({
    name,
    type: 'boolean',
    description: ['storage/v1', 'CSIDriverSpec', field],
    cell: (o) => o.spec?.[field] ?? field === 'attachRequired',
  });
}

function audiences(driver: CSIDriver): string {
  const requests = driver.spec?.tokenRequests ?? [];
  return requests.length === 0 ? '<unset>' : requests.map((request) => request.audience ?? '').join(',');
}

function modes(driver: CSIDriver): string {
  const list = driver.spec?.volumeLifecycleModes ?? [];
  return list.length === 0 ? '<none>' : list.join(',');
}

const COLUMNS: readonly Column<CSIDriver>[] = [
  nameColumn(),
  flag('AttachRequired', 'attachRequired'),
  flag('PodInfoOnMount', 'podInfoOnMount'),
  flag('StorageCapacity', 'storageCapacity'),
  column({ name: 'TokenRequests', description: ['storage/v1', 'CSIDriverSpec', 'tokenRequests'], cell: audiences }),
  flag('RequiresRepublish', 'requiresRepublish'),
  column({ name: 'Modes', description: ['storage/v1', 'CSIDriverSpec', 'volumeLifecycleModes'], cell: modes }),
  ageColumn(),
];

export const csiDrivers = defineResource<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  singular: 'csidriver',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.storage.v1.CSIDriver',
  unconditionalUpdate: false,
  deleteAnswersObject: true,
  strategy: {
    applyDefaults,
    prepareForCreate(draft) {
      // Behind the gate VolumeLimitScaling, which is off.
      if (draft.spec !== undefined) delete draft.spec.preventPodSchedulingIfMissing;
    },
    // The generation begins at nothing here.
    prepareForUpdate(draft, old) {
      if (draft.spec !== undefined && old.spec?.preventPodSchedulingIfMissing === undefined)
        delete draft.spec.preventPodSchedulingIfMissing;
      if (!semanticEqual(draft.spec, old.spec)) draft.metadata.generation = plus(old.metadata.generation ?? 0, 1);
    },
    validate: (driver) => validate(driver).errors,
    validateUpdate: (driver, old) => validateUpdate(driver, old).errors,
    warnings,
  },
  generation: 'none',
  columns: COLUMNS,
});
