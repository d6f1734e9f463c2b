// Scale: the kind that scale subresources speak, as a row that is served nowhere by itself.
import { ageColumn, column, nameColumn } from '../checks/index.ts';
import { defineResource } from '../definition.ts';
import type { Scale } from '../generated/autoscaling-v1.ts';

export const SCALE_ROW = defineResource<Scale>({
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
  columns: [
    // Kubernetes does not say that this one is a name.
    { ...nameColumn<Scale>(), format: '' },
    column({
      name: 'Desired',
      type: 'integer',
      description: ['autoscaling/v1', 'ScaleSpec', 'replicas'],
      cell: (scale) => scale.spec?.replicas ?? 0,
    }),
    column({
      name: 'Available',
      type: 'integer',
      description: ['autoscaling/v1', 'ScaleStatus', 'replicas'],
      cell: (scale) => scale.status?.replicas ?? 0,
    }),
    ageColumn(),
  ],
});
