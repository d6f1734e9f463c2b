// The rows of metrics.k8s.io: what nodes and pods use, asked of the kubelets. Apart from the table of Kubernetes' own groups,
// since a genuine API server has them only where a metrics server is installed.
// Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/
import { parseQuantity } from '../../machinery/quantity.ts';
import { column, nameColumn } from '../checks/index.ts';
import { type AnyResource, type Column, defineResource } from '../definition.ts';
import type { NodeMetrics, PodMetrics } from '../generated/metrics-v1beta1.ts';

type Usage = Readonly<Record<string, string>>;

function total(usages: readonly Usage[], resource: string): string {
  const values = usages.flatMap((usage) => (Object.hasOwn(usage, resource) ? [usage[resource] ?? '0'] : []));
  if (resource !== 'cpu') return `${values.reduce((sum, v) => sum + Number(parseQuantity(v).value()), 0) / 1024}Ki`;
  return `${values.reduce((sum, v) => sum + Number(parseQuantity(v).milliValue()), 0)}m`;
}

function columnsOf<T extends NodeMetrics | PodMetrics>(usages: (object: T) => readonly Usage[]): Column<T>[] {
  return [
    nameColumn<T>(),
    column<T>({ name: 'cpu', description: 'CPU in use', cell: (object) => total(usages(object), 'cpu') }),
    column<T>({ name: 'memory', description: 'Memory in use', cell: (object) => total(usages(object), 'memory') }),
    column<T>({ name: 'Window', description: 'Time the figures were taken over', cell: (object) => object.window }),
  ];
}

const COMMON = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  verbs: ['get', 'list'],
  generation: 'none',
  virtual: true,
  strategy: {},
} as const;

const nodeMetrics = defineResource<NodeMetrics>({
  ...COMMON,
  kind: 'NodeMetrics',
  plural: 'nodes',
  singular: '',
  namespaced: false,
  schema: 'io.k8s.metrics.pkg.apis.metrics.v1beta1.NodeMetrics',
  columns: columnsOf<NodeMetrics>((object) => [object.usage]),
});

const podMetrics = defineResource<PodMetrics>({
  ...COMMON,
  kind: 'PodMetrics',
  plural: 'pods',
  singular: '',
  namespaced: true,
  schema: 'io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetrics',
  columns: columnsOf<PodMetrics>((object) => object.containers.map((c) => c.usage)),
});

export const METRICS_ROWS: readonly AnyResource[] = [nodeMetrics, podMetrics];
