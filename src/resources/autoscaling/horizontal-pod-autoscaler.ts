// HorizontalPodAutoscaler: stored as autoscaling/v2; autoscaling/v1 is another view of the same object.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
import { ageColumn, column, keepSpec, nameColumn, statusKept, statusSubresource } from '../checks/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type { HorizontalPodAutoscaler as HpaV1 } from '../generated/autoscaling-v1.ts';
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec } from '../generated/autoscaling-v2.ts';
import { applyDefaults } from './defaults.ts';
import { validateAutoscaler, validateAutoscalerStatus } from './rules.ts';
import { targetsText } from './targets-text.ts';
import { fromV2, toV2 } from './v1.ts';

const NAMES = {
  group: 'autoscaling',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  singular: 'horizontalpodautoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  verbs: ALL_VERBS,
  generation: 'none',
} as const;

const spec = (field: keyof HorizontalPodAutoscalerSpec): readonly [string, string, string] => [
  'autoscaling/v2',
  'HorizontalPodAutoscalerSpec',
  field,
];

const COLUMNS: readonly Column<HorizontalPodAutoscaler>[] = [
  nameColumn(),
  column({
    name: 'Reference',
    description: spec('scaleTargetRef'),
    cell: (o) => `${o.spec?.scaleTargetRef?.kind ?? ''}/${o.spec?.scaleTargetRef?.name ?? ''}`,
  }),
  column({
    name: 'Targets',
    description: spec('metrics'),
    cell: (o) => targetsText(o.spec?.metrics ?? [], o.status?.currentMetrics ?? []),
  }),
  column({
    name: 'MinPods',
    description: spec('minReplicas'),
    cell: (o) => String(o.spec?.minReplicas ?? '<unset>'),
  }),
  column({ name: 'MaxPods', description: spec('maxReplicas'), cell: (o) => o.spec?.maxReplicas ?? 0 }),
  column({
    name: 'Replicas',
    description: ['autoscaling/v2', 'HorizontalPodAutoscalerStatus', 'currentReplicas'],
    cell: (o) => o.status?.currentReplicas ?? 0,
  }),
  ageColumn(),
];

export const autoscalersV2 = defineResource<HorizontalPodAutoscaler>({
  ...NAMES,
  version: 'v2',
  schema: 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  resetFields: ['status'],
  strategy: {
    applyDefaults,
    ...statusKept<HorizontalPodAutoscaler>(),
    validate: (object) => validateAutoscaler(object),
    validateUpdate: (object, old) => validateAutoscaler(object, old),
  },
  subresources: {
    status: statusSubresource<HorizontalPodAutoscaler>({ applyDefaults, validateUpdate: validateAutoscalerStatus }),
  },
  columns: COLUMNS,
});

/** Changes an object in its v2 form: what v1 keeps in annotations changes with it. */
function throughV2(draft: HpaV1, change: (stored: HorizontalPodAutoscaler) => void): void {
  const stored = toV2(draft);
  change(stored);
  Object.assign(draft, fromV2(stored));
}

const applyV1Defaults = (draft: HpaV1): void => throughV2(draft, applyDefaults);
const keptV2 = statusKept<HorizontalPodAutoscaler>();

export const autoscalersV1 = defineResource<HpaV1>({
  ...NAMES,
  version: 'v1',
  schema: 'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler',
  storedAs: {
    of: 'autoscaling/v2/horizontalpodautoscalers',
    toStored: toV2,
    // The stored row holds this kind and nothing else.
    fromStored: (object) => fromV2(object as HorizontalPodAutoscaler),
  },
  resetFields: ['status'],
  strategy: {
    applyDefaults: applyV1Defaults,
    prepareForCreate: (draft, context) => throughV2(draft, (stored) => keptV2.prepareForCreate(stored, context)),
    prepareForUpdate: (draft, old, context) =>
      throughV2(draft, (stored) => keptV2.prepareForUpdate(stored, toV2(old), context)),
    validate: (object) => validateAutoscaler(toV2(object)),
    validateUpdate: (object, old) => validateAutoscaler(toV2(object), toV2(old)),
  },
  subresources: {
    status: statusSubresource<HpaV1>({
      applyDefaults: applyV1Defaults,
      prepare: (draft, old) => throughV2(draft, (stored) => keepSpec(stored, toV2(old))),
      validateUpdate: (object) => validateAutoscalerStatus(toV2(object)),
    }),
  },
  columns: COLUMNS.map((one) => ({
    name: one.name,
    type: one.type,
    format: one.format ?? '',
    priority: one.priority,
    get description() {
      return one.description;
    },
    cell: (object: HpaV1, now: Date) => one.cell(toV2(object), now),
  })),
});
