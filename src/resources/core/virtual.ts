// Kinds that are never stored: bindings of pods to nodes, and the health of components.
import { column, nameColumn } from '../checks/index.ts';
import { defineResource } from '../definition.ts';
import type { Binding, ComponentStatus } from '../generated/core-v1.ts';

export const bindings = defineResource<Binding>({
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'bindings',
  singular: 'binding',
  namespaced: true,
  verbs: ['create'],
  schema: 'io.k8s.api.core.v1.Binding',
  generation: 'none',
  virtual: true,
  strategy: {},
  columns: [nameColumn()],
});

function healthy(component: ComponentStatus): { status: string; message: string; error: string } {
  const condition = (component.conditions ?? []).find((c) => c.type === 'Healthy');
  const status = condition?.status === 'True' ? 'Healthy' : condition?.status === 'False' ? 'Unhealthy' : 'Unknown';
  return { status, message: condition?.message ?? '', error: condition?.error ?? '' };
}

export const componentStatuses = defineResource<ComponentStatus>({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  singular: 'componentstatus',
  shortNames: ['cs'],
  namespaced: false,
  verbs: ['get', 'list'],
  schema: 'io.k8s.api.core.v1.ComponentStatus',
  generation: 'none',
  virtual: true,
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  strategy: {},
  columns: [
    nameColumn(),
    column({ name: 'Status', description: 'Status of the component conditions', cell: (c) => healthy(c).status }),
    column({ name: 'Message', description: 'Message of the component conditions', cell: (c) => healthy(c).message }),
    column({ name: 'Error', description: 'Error of the component conditions', cell: (c) => healthy(c).error }),
  ],
});
