// ControllerRevision: a snapshot of a template. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/
import { FieldPath } from '../../machinery/field-error.ts';
import { ageColumn, column, ErrorList, nameColumn } from '../checks/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { ControllerRevision } from '../generated/apps-v1.ts';

function validate(revision: ControllerRevision): ErrorList {
  const found = new ErrorList();
  found.notNegative(FieldPath.of('revision'), revision.revision);
  return found;
}

function validateNew(revision: ControllerRevision): ErrorList {
  const found = validate(revision);
  if (revision.data === undefined || revision.data === null) found.required(FieldPath.of('data'), 'data is mandatory');
  return found;
}

function controllerText(revision: ControllerRevision): string {
  const owner = revision.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner === undefined) return '<none>';
  const [group] = owner.apiVersion.includes('/') ? owner.apiVersion.split('/') : [''];
  const kind = group === '' ? owner.kind : `${owner.kind}.${group}`;
  return `${kind.toLowerCase()}/${owner.name}`;
}

export const controllerRevisions = defineResource<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  singular: 'controllerrevision',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.apps.v1.ControllerRevision',
  strategy: {
    validate: (revision) => validateNew(revision).errors,
    validateUpdate(revision, old) {
      const found = validate(revision);
      found.unchanged(FieldPath.of('data'), revision.data, old.data);
      return found.errors;
    },
  },
  generation: 'none',
  columns: [
    nameColumn(),
    column({ name: 'Controller', description: 'Controller of the object', cell: controllerText }),
    column({
      name: 'Revision',
      description: ['apps/v1', 'ControllerRevision', 'revision'],
      cell: (o) => o.revision ?? 0,
    }),
    ageColumn(),
  ],
});
