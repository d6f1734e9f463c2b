// The rows of storagemigration.k8s.io: rewriting stored objects in the current version (KEP-4192).
import { FieldPath } from '../../machinery/field-error.ts';
import {
  checkConditions,
  ErrorList,
  metadataOnUpdate,
  nameAndAge,
  statusKept,
  statusSubresource,
} from '../checks/index.ts';
import { semanticEqual } from '../common/index.ts';
import { ALL_VERBS, type AnyResource, defineResource } from '../definition.ts';
import type { StorageVersionMigration } from '../generated/storagemigration-v1beta1.ts';

const SPEC = FieldPath.of('spec');

const storageVersionMigrations = defineResource<StorageVersionMigration>({
  group: 'storagemigration.k8s.io',
  version: 'v1beta1',
  kind: 'StorageVersionMigration',
  plural: 'storageversionmigrations',
  singular: 'storageversionmigration',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.storagemigration.v1beta1.StorageVersionMigration',
  resetFields: ['status'],
  strategy: {
    ...statusKept<StorageVersionMigration>(),
    validate(migration) {
      const found = new ErrorList();
      if ((migration.spec?.resource?.resource ?? '') === '')
        found.required(SPEC.child('resource', 'resource'), 'resource is required');
      return found.errors;
    },
    validateUpdate(migration, old) {
      const found = new ErrorList();
      if (!semanticEqual(migration.spec, old.spec)) found.invalid(SPEC, migration.spec, 'field is immutable');
      return found.errors;
    },
  },
  generation: 'none',
  subresources: {
    status: statusSubresource<StorageVersionMigration>({
      keep: 'metadata',
      validateUpdate: (migration) =>
        checkConditions(migration.status?.conditions, FieldPath.of('status', 'conditions')).errors,
    }),
  },
  columns: nameAndAge<StorageVersionMigration>(),
});

export const STORAGEMIGRATION_ROWS: readonly AnyResource[] = metadataOnUpdate([storageVersionMigrations]);
