// PodTemplates: a template of a pod as an object of its own.
import { FieldPath } from '../../machinery/field-error.ts';
import { column, nameColumn } from '../checks/index.ts';
import {
  containersColumn,
  defaultPodTemplateSpec,
  formatLabels,
  imagesColumn,
  podTemplateWarnings,
  validateObjectMetaUpdate,
  validatePodTemplateSpec,
} from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { PodTemplate } from '../generated/core-v1.ts';

const TEMPLATE = FieldPath.of('template');

export const podTemplates = defineResource<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  singular: 'podtemplate',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.PodTemplate',
  generation: 'spec',
  deleteAnswersObject: true,
  strategy: {
    applyDefaults: (object) => {
      object.template ??= {};
      defaultPodTemplateSpec(object.template);
    },
    validate: (object) => validatePodTemplateSpec(object.template ?? {}, TEMPLATE),
    validateUpdate: (object, old) => [
      ...validateObjectMetaUpdate(object.metadata, old.metadata),
      ...validatePodTemplateSpec(object.template ?? {}, TEMPLATE, { old: old.template }),
    ],
    warnings: (object, old) =>
      old === undefined || old.metadata.generation !== object.metadata.generation
        ? podTemplateWarnings(object.template, TEMPLATE)
        : [],
  },
  columns: [
    nameColumn(),
    containersColumn((object) => object.template?.spec, 0),
    imagesColumn((object) => object.template?.spec, 0),
    column({
      name: 'Pod Labels',
      description: 'The labels for the pod template.',
      cell: (object) => formatLabels(object.template?.metadata?.labels),
    }),
  ],
});
