// Metrics of autoscaling/v1, which has them only in annotations: one flat object a metric, in Go's order of fields.
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import type {
  CrossVersionObjectReference,
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../generated/autoscaling-v2.ts';

/** The field of each type of metric. */
const SOURCE: Readonly<Record<string, string>> = {
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
  External: 'external',
};

function defined(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

function reference(ref: CrossVersionObjectReference | undefined): JsonObject {
  return defined({ kind: ref?.kind ?? '', name: ref?.name ?? '', apiVersion: ref?.apiVersion || undefined });
}

interface Flat {
  /** `target` or `current`. */
  readonly prefix: 'target' | 'current';
  readonly values: MetricTarget | MetricValueStatus | undefined;
}

function flatSource(type: string, source: JsonObject, { prefix, values }: Flat): JsonObject {
  const metric = source.metric as MetricIdentifier | undefined;
  const average = `${prefix}AverageValue`;
  switch (type) {
    case 'Object':
      return defined({
        target: reference(source.describedObject as CrossVersionObjectReference | undefined),
        metricName: metric?.name ?? '',
        [`${prefix}Value`]: values?.value ?? '0',
        selector: metric?.selector,
        averageValue: values?.averageValue,
      });
    case 'Pods':
      return defined({
        metricName: metric?.name ?? '',
        [average]: values?.averageValue ?? '0',
        selector: metric?.selector,
      });
    case 'External':
      return defined({
        metricName: metric?.name ?? '',
        metricSelector: metric?.selector,
        [`${prefix}Value`]: values?.value ?? (prefix === 'current' ? '0' : undefined),
        [average]: values?.averageValue,
      });
    default:
      return defined({
        name: source.name ?? '',
        [`${prefix}AverageUtilization`]: values?.averageUtilization,
        [average]: values?.averageValue ?? (prefix === 'current' ? '0' : undefined),
        container: source.container,
      });
  }
}

function sourceOf(metric: MetricSpec | MetricStatus): { field: string; source: JsonObject } | undefined {
  const field = SOURCE[metric.type ?? ''];
  if (field === undefined) return undefined;
  const source = Object.entries(metric).find(([key]) => key === field)?.[1];
  return isJsonObject(source) ? { field, source } : undefined;
}

function toV1(metric: MetricSpec | MetricStatus, prefix: Flat['prefix']): JsonObject {
  const found = sourceOf(metric);
  if (found === undefined) return { type: metric.type };
  const values = found.source[prefix] as MetricTarget | MetricValueStatus | undefined;
  return { type: metric.type, [found.field]: flatSource(metric.type ?? '', found.source, { prefix, values }) };
}

export function specToV1(metric: MetricSpec): JsonObject {
  return toV1(metric, 'target');
}

export function statusToV1(metric: MetricStatus): JsonObject {
  return toV1(metric, 'current');
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

/** v1 always sends a value: beside an average, nought is none. */
function valuesOf(flat: JsonObject, prefix: Flat['prefix']): JsonObject {
  const averageValue = text(flat[`${prefix}AverageValue`] ?? flat.averageValue);
  const value = text(flat[`${prefix}Value`]);
  return defined({
    averageUtilization: flat[`${prefix}AverageUtilization`],
    averageValue,
    value: averageValue !== undefined && value === '0' ? undefined : value,
  });
}

/** v1 does not say what type a target has: the field that is there does. */
function targetType(type: string, values: JsonObject): string {
  if (type === 'Object') return values.averageValue === undefined ? 'Value' : 'AverageValue';
  if (type === 'External') return values.value === undefined ? 'AverageValue' : 'Value';
  if (type === 'Pods') return 'AverageValue';
  return values.averageUtilization === undefined ? 'AverageValue' : 'Utilization';
}

function fromV1(value: unknown, prefix: Flat['prefix']): JsonObject {
  const metric = isJsonObject(value) ? value : {};
  const type = text(metric.type) ?? '';
  const field = SOURCE[type];
  if (field === undefined) return { type };
  const flat = metric[field];
  if (!isJsonObject(flat)) return { type };
  const values = valuesOf(flat, prefix);
  const named = type === 'Resource' || type === 'ContainerResource';
  return {
    type,
    [field]: defined({
      describedObject: type === 'Object' ? flat.target : undefined,
      name: named ? flat.name : undefined,
      container: flat.container,
      metric: named ? undefined : defined({ name: flat.metricName, selector: flat.selector ?? flat.metricSelector }),
      [prefix]: prefix === 'target' ? { type: targetType(type, values), ...values } : values,
    }),
  };
}

/** Validation looks at the result: nothing is taken for granted here. */
export function specFromV1(value: unknown): MetricSpec {
  return fromV1(value, 'target') as unknown as MetricSpec;
}

export function statusFromV1(value: unknown): MetricStatus {
  return fromV1(value, 'current') as unknown as MetricStatus;
}
