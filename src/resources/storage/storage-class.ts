// StorageClass: how volumes are made. https://kubernetes.io/docs/concepts/storage/storage-classes/
import { FieldPath } from '../../machinery/field-error.ts';
import { isQualifiedName } from '../../machinery/names.ts';
import { ageColumn, column, ErrorList } from '../checks/index.ts';
import { oldNodeLabel, semanticEqual } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { TopologySelectorTerm } from '../generated/core-v1.ts';
import type { StorageClass } from '../generated/storage-v1.ts';
import { checkParameters, checkProvisioner } from './parameters.ts';

const DEFAULT_ANNOTATIONS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

export function isDefaultStorageClass(storageClass: StorageClass): boolean {
  return DEFAULT_ANNOTATIONS.some((key) => storageClass.metadata.annotations?.[key] === 'true');
}

type TermKeys = Map<string, Set<string>>;

function checkTerm(found: ErrorList, term: TopologySelectorTerm, path: FieldPath): TermKeys {
  const keys: TermKeys = new Map();
  term.matchLabelExpressions?.forEach((expression, i) => {
    const at = path.child('matchLabelExpressions').index(i);
    const values = expression.values ?? [];
    const key = expression.key ?? '';
    const seen = new Set<string>();
    if (values.length === 0) found.required(at.child('values'));
    values.forEach((value, j) => {
      if (seen.has(value)) found.duplicate(at.child('values').index(j), value);
      seen.add(value);
    });
    found.text(at.child('key'), key, isQualifiedName);
    if (keys.has(key)) found.duplicate(at.child('key'), key);
    keys.set(key, seen);
  });
  return keys;
}

function sameTerm(a: TermKeys, b: TermKeys): boolean {
  const sameValues = (x: Set<string>, y: Set<string> | undefined): boolean =>
    y !== undefined && x.size === y.size && [...x].every((value) => y.has(value));
  return a.size === b.size && [...a].every(([key, values]) => sameValues(values, b.get(key)));
}

function checkTopologies(found: ErrorList, terms: readonly TopologySelectorTerm[]): void {
  // Kubernetes compares with an empty term for each that there is: one without expressions is always a duplicate.
  const before: TermKeys[] = terms.map(() => new Map());
  terms.forEach((term, i) => {
    const path = FieldPath.of('allowedTopologies').index(i);
    const keys = checkTerm(found, term, path);
    for (const other of before) if (sameTerm(keys, other)) found.duplicate(path.child('matchLabelExpressions'), '');
    before.push(keys);
  });
}

function validate(storageClass: StorageClass): ErrorList {
  const found = new ErrorList();
  checkProvisioner(found, storageClass.provisioner, 'provisioner');
  checkParameters(found, storageClass.parameters, true);
  const { reclaimPolicy, volumeBindingMode } = storageClass;
  if ((reclaimPolicy ?? '') !== '')
    found.oneOf(FieldPath.of('reclaimPolicy'), reclaimPolicy ?? '', ['Delete', 'Retain']);
  if (volumeBindingMode === undefined) found.required(FieldPath.of('volumeBindingMode'));
  else found.oneOf(FieldPath.of('volumeBindingMode'), volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']);
  checkTopologies(found, storageClass.allowedTopologies ?? []);
  return found;
}

function validateUpdate(storageClass: StorageClass, old: StorageClass): ErrorList {
  const found = validate(storageClass);
  for (const field of ['parameters', 'provisioner', 'reclaimPolicy'] as const)
    if (!semanticEqual(storageClass[field], old[field]))
      found.forbidden(FieldPath.of(field), `updates to ${field} are forbidden.`);
  found.unchanged(FieldPath.of('volumeBindingMode'), storageClass.volumeBindingMode, old.volumeBindingMode);
  return found;
}

function warnings(storageClass: StorageClass): string[] {
  return (storageClass.allowedTopologies ?? []).flatMap((term, i) =>
    (term.matchLabelExpressions ?? []).flatMap((expression, j) => {
      const message = oldNodeLabel(expression.key ?? '');
      const path = FieldPath.of('allowedTopologies').index(i).child('matchLabelExpressions').index(j).child('key');
      return message === undefined ? [] : [`${path}: ${expression.key} is ${message}`];
    }),
  );
}

export const storageClasses = defineResource<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  singular: 'storageclass',
  shortNames: ['sc'],
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.storage.v1.StorageClass',
  deleteAnswersObject: true,
  strategy: {
    applyDefaults(draft) {
      draft.reclaimPolicy ??= 'Delete';
      draft.volumeBindingMode ??= 'Immediate';
    },
    validate: (storageClass) => validate(storageClass).errors,
    validateUpdate: (storageClass, old) => validateUpdate(storageClass, old).errors,
    warnings,
  },
  generation: 'none',
  columns: [
    column({
      name: 'Name',
      format: 'name',
      description: ['meta/v1', 'ObjectMeta', 'name'],
      cell: (o) => `${o.metadata.name ?? ''}${isDefaultStorageClass(o) ? ' (default)' : ''}`,
    }),
    column({
      name: 'Provisioner',
      description: ['storage/v1', 'StorageClass', 'provisioner'],
      cell: (o) => o.provisioner ?? '',
    }),
    column({
      name: 'ReclaimPolicy',
      description: ['storage/v1', 'StorageClass', 'reclaimPolicy'],
      cell: (o) => o.reclaimPolicy ?? 'Delete',
    }),
    column({
      name: 'VolumeBindingMode',
      description: ['storage/v1', 'StorageClass', 'volumeBindingMode'],
      cell: (o) => o.volumeBindingMode ?? 'Immediate',
    }),
    column({
      name: 'AllowVolumeExpansion',
      description: ['storage/v1', 'StorageClass', 'allowVolumeExpansion'],
      cell: (o) => o.allowVolumeExpansion ?? false,
    }),
    ageColumn(),
  ],
});
