// The kind that scale subresources speak, as a row that is served nowhere by itself.
import { defineResource } from '../../resources/definition.ts';
import type { CatalogEntry } from '../registry/catalog.ts';

const row = defineResource({
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  plural: 'scales',
  singular: 'scale',
  namespaced: true,
  verbs: [],
  schema: 'io.k8s.api.autoscaling.v1.Scale',
  strategy: {},
  generation: 'none',
  columns: [],
});

export const SCALE_ENTRY: CatalogEntry = { row, custom: false, storage: row, prefix: '' };
