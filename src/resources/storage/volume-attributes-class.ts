// VolumeAttributesClass: attributes of a volume that may change. https://kubernetes.io/docs/concepts/storage/volume-attributes-classes/
import { FieldPath } from '../../machinery/field-error.ts';
import { ageColumn, column, ErrorList, nameColumn, twinOf } from '../checks/index.ts';
import { semanticEqual } from '../common/index.ts';
import { ALL_VERBS, defineResource, type ResourceDefinition } from '../definition.ts';
import type { VolumeAttributesClass } from '../generated/storage-v1.ts';
import { checkParameters, checkProvisioner } from './parameters.ts';

function validate(attributes: VolumeAttributesClass): ErrorList {
  const found = new ErrorList();
  checkProvisioner(found, attributes.driverName, 'driverName');
  checkParameters(found, attributes.parameters, false);
  return found;
}

function validateUpdate(attributes: VolumeAttributesClass, old: VolumeAttributesClass): ErrorList {
  const found = new ErrorList();
  for (const field of ['driverName', 'parameters'] as const)
    if (!semanticEqual(attributes[field], old[field]))
      found.forbidden(FieldPath.of(field), `updates to ${field} are forbidden.`);
  return found.add(validate(attributes).errors);
}

function row(version: 'v1' | 'v1beta1'): ResourceDefinition<VolumeAttributesClass> {
  const stored = 'storage.k8s.io/v1/volumeattributesclasses';
  return defineResource<VolumeAttributesClass>({
    group: 'storage.k8s.io',
    version,
    kind: 'VolumeAttributesClass',
    plural: 'volumeattributesclasses',
    singular: 'volumeattributesclass',
    shortNames: ['vac'],
    namespaced: false,
    verbs: ALL_VERBS,
    schema: `io.k8s.api.storage.${version}.VolumeAttributesClass`,
    deleteAnswersObject: true,
    strategy: {
      validate: (attributes) => validate(attributes).errors,
      validateUpdate: (attributes, old) => validateUpdate(attributes, old).errors,
    },
    generation: 'none',
    columns: [
      nameColumn(),
      column({
        name: 'DriverName',
        description: ['storage/v1', 'VolumeAttributesClass', 'driverName'],
        cell: (o) => o.driverName ?? '',
      }),
      ageColumn(),
    ],
    ...(version === 'v1' ? {} : { storedAs: twinOf<VolumeAttributesClass>(stored, `storage.k8s.io/${version}`) }),
  });
}

export const volumeAttributesClassRows = [row('v1'), row('v1beta1')];
