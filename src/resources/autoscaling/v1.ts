// Conversion between autoscaling/v1 and v2: what v1 has no fields for travels in annotations, as Kubernetes writes them.
import type { ObjectMeta } from '../../machinery/object.ts';
import type { HorizontalPodAutoscaler as HpaV1 } from '../generated/autoscaling-v1.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricSpec,
  MetricStatus,
} from '../generated/autoscaling-v2.ts';
import { behaviorFromAnnotation, behaviorToAnnotation } from './v1-behavior.ts';
import { specFromV1, specToV1, statusFromV1, statusToV1 } from './v1-metrics.ts';

const PREFIX = 'autoscaling.alpha.kubernetes.io/';
const METRICS = `${PREFIX}metrics`;
const CURRENT_METRICS = `${PREFIX}current-metrics`;
const CONDITIONS = `${PREFIX}conditions`;
const BEHAVIOR = `${PREFIX}behavior`;
const OURS = [METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR];

/** A list in an annotation; what cannot be read is as good as absent. */
function listIn(annotations: Readonly<Record<string, string>>, key: string): unknown[] {
  try {
    const value: unknown = JSON.parse(annotations[key] ?? '[]');
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function withoutOurs(metadata: ObjectMeta): ObjectMeta {
  if (metadata.annotations === undefined) return { ...metadata };
  const annotations = Object.fromEntries(Object.entries(metadata.annotations).filter(([key]) => !OURS.includes(key)));
  const rest: ObjectMeta = { ...metadata, annotations };
  if (Object.keys(annotations).length === 0) delete rest.annotations;
  return rest;
}

function isCpuShare(metric: MetricSpec): boolean {
  return (
    metric.type === 'Resource' &&
    metric.resource?.name === 'cpu' &&
    metric.resource.target?.averageUtilization !== undefined
  );
}

function cpuMetric(percent: number): MetricSpec {
  return {
    type: 'Resource',
    resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
  };
}

function currentCpuMetric(percent: number): MetricStatus {
  return { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: percent } } };
}

function without<T extends object>(object: T): T {
  for (const key of Object.keys(object) as (keyof T)[]) if (object[key] === undefined) delete object[key];
  return object;
}

export function toV2(object: HpaV1): HorizontalPodAutoscaler {
  const annotations = object.metadata.annotations ?? {};
  const { scaleTargetRef, minReplicas, maxReplicas, targetCPUUtilizationPercentage } = object.spec ?? {};
  const metrics = listIn(annotations, METRICS).map(specFromV1);
  if (targetCPUUtilizationPercentage !== undefined) metrics.push(cpuMetric(targetCPUUtilizationPercentage));
  const status = object.status;
  const currentMetrics = listIn(annotations, CURRENT_METRICS).map(statusFromV1);
  const currentCpu = status?.currentCPUUtilizationPercentage;
  if (currentMetrics.length === 0 && currentCpu !== undefined) currentMetrics.push(currentCpuMetric(currentCpu));
  const conditions = listIn(annotations, CONDITIONS) as HorizontalPodAutoscalerCondition[];
  return without<HorizontalPodAutoscaler>({
    apiVersion: 'autoscaling/v2',
    kind: object.kind,
    metadata: withoutOurs(object.metadata),
    spec: without({
      scaleTargetRef: scaleTargetRef ?? { kind: '', name: '' },
      minReplicas,
      maxReplicas: maxReplicas ?? 0,
      metrics: metrics.length > 0 ? metrics : undefined,
      behavior: behaviorFromAnnotation(annotations[BEHAVIOR]),
    }),
    status: {
      // Always sent in v2, null for none.
      ...({ currentMetrics: null } as unknown as HorizontalPodAutoscalerStatus),
      ...without<HorizontalPodAutoscalerStatus>({
        observedGeneration: status?.observedGeneration,
        lastScaleTime: status?.lastScaleTime,
        currentReplicas: status?.currentReplicas || undefined,
        desiredReplicas: status?.desiredReplicas ?? 0,
        currentMetrics: currentMetrics.length > 0 ? currentMetrics : undefined,
        conditions: conditions.length > 0 ? conditions : undefined,
      }),
    },
  });
}

/** In the order in which Go writes the fields. */
function conditionToV1(condition: HorizontalPodAutoscalerCondition): object {
  const { type, status, lastTransitionTime = null, reason, message } = condition;
  return without({ type, status, lastTransitionTime, reason: reason || undefined, message: message || undefined });
}

function annotationsFor(object: HorizontalPodAutoscaler): Record<string, string> {
  const out: Record<string, string> = {};
  const others = (object.spec?.metrics ?? []).filter((metric) => !isCpuShare(metric));
  const current = object.status?.currentMetrics ?? [];
  const conditions = object.status?.conditions ?? [];
  if (others.length > 0) out[METRICS] = JSON.stringify(others.map(specToV1));
  if (current.length > 0) out[CURRENT_METRICS] = JSON.stringify(current.map(statusToV1));
  if (object.spec?.behavior !== undefined) out[BEHAVIOR] = behaviorToAnnotation(object.spec.behavior);
  if (conditions.length > 0) out[CONDITIONS] = JSON.stringify(conditions.map(conditionToV1));
  return out;
}

export function fromV2(object: HorizontalPodAutoscaler): HpaV1 {
  const metadata = withoutOurs(object.metadata);
  const annotations = annotationsFor(object);
  if (Object.keys(annotations).length > 0) metadata.annotations = { ...metadata.annotations, ...annotations };
  const { spec, status } = object;
  const cpu = spec?.metrics?.find((metric) => metric.type === 'Resource' && metric.resource?.name === 'cpu');
  const currentCpu = status?.currentMetrics?.find((m) => m.type === 'Resource' && m.resource?.name === 'cpu');
  return {
    apiVersion: 'autoscaling/v1',
    kind: object.kind,
    metadata,
    spec: without({
      scaleTargetRef: spec?.scaleTargetRef ?? { kind: '', name: '' },
      minReplicas: spec?.minReplicas,
      maxReplicas: spec?.maxReplicas ?? 0,
      targetCPUUtilizationPercentage: cpu?.resource?.target?.averageUtilization,
    }),
    status: without({
      observedGeneration: status?.observedGeneration,
      lastScaleTime: status?.lastScaleTime,
      currentReplicas: status?.currentReplicas ?? 0,
      desiredReplicas: status?.desiredReplicas ?? 0,
      currentCPUUtilizationPercentage: currentCpu?.resource?.current?.averageUtilization,
    }),
  };
}
