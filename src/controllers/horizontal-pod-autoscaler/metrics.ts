// Reads measures from the metrics APIs and makes recommendations of them.
import type { Client } from '../../client/index.ts';
import { selectorFromObject } from '../../machinery/label-selector.ts';
import { tryParseQuantity } from '../../machinery/quantity.ts';
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
} from '../../resources/generated/autoscaling-v2.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { discover } from '../shared/discovery.ts';
import { isReady } from '../shared/pods.ts';
import { byUsage, byValue, DEFAULT_TOLERANCE, type Recommendation, type Tolerance } from './replicas.ts';

export interface MetricContext {
  readonly client: Client;
  readonly hpa: HorizontalPodAutoscaler;
  readonly current: number;
  /** The target's selector, as text. */
  readonly selector: string;
  readonly pods: readonly Pod[];
  readonly now: number;
}

export interface Proposal {
  readonly replicas: number;
  readonly status: MetricStatus;
  /** `cpu resource utilization (percentage of request)`. */
  readonly name: string;
}

/** A measure that could not be had; `reason` goes into condition and event. */
export class MetricError extends Error {
  constructor(
    readonly reason: string,
    message: string,
    /** What was wanted, for the event that tells of all measures. */
    readonly within = '',
  ) {
    super(message);
    this.name = 'MetricError';
  }
}

export function withinMetric(spec: MetricSpec): string {
  if (spec.type === 'Resource') return `failed to get ${spec.resource?.name} resource metric value: `;
  if (spec.type === 'ContainerResource')
    return `failed to get ${spec.containerResource?.container} container metric value: `;
  if (spec.type === 'External') return `failed to get ${spec.external?.metric.name} external metric value: `;
  if (spec.type === 'Pods' || spec.type === 'Object') return `failed to get ${spec.type.toLowerCase()} metric value: `;
  return '';
}

interface PodMetricsList {
  readonly items?: readonly {
    readonly metadata: { readonly name: string };
    readonly containers?: readonly { readonly name: string; readonly usage?: Record<string, string> }[];
  }[];
}

interface ValueList {
  readonly items?: readonly { readonly describedObject?: { readonly name?: string }; readonly value?: string }[];
}

const milli = (text: string | undefined): number => Number(tryParseQuantity(text ?? '0')?.milliValue() ?? 0n);
const quantity = (value: number): string => (value % 1000 === 0 ? String(value / 1000) : `${Math.trunc(value)}m`);
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function toleranceOf(hpa: HorizontalPodAutoscaler): Tolerance {
  const { scaleUp, scaleDown } = hpa.spec?.behavior ?? {};
  const of = (text: string | undefined): number => (text === undefined ? DEFAULT_TOLERANCE : milli(text) / 1000);
  return { up: of(scaleUp?.tolerance), down: of(scaleDown?.tolerance) };
}

export function propose(context: MetricContext, spec: MetricSpec): Promise<Proposal> {
  if (spec.type === 'Resource' && spec.resource !== undefined)
    return resource(context, { ...spec.resource, container: undefined });
  if (spec.type === 'ContainerResource' && spec.containerResource !== undefined)
    return resource(context, spec.containerResource);
  if (spec.type === 'Pods') return podsMetric(context, spec);
  if (spec.type === 'Object') return objectMetric(context, spec);
  if (spec.type === 'External') return externalMetric(context, spec);
  return Promise.reject(new MetricError('InvalidMetricSourceType', `unknown metric source type "${spec.type}"`));
}

async function resource(
  context: MetricContext,
  source: { readonly name: string; readonly target: MetricTarget; readonly container: string | undefined },
): Promise<Proposal> {
  const { client, hpa, selector } = context;
  const { name, target, container } = source;
  const namespace = hpa.metadata.namespace ?? '';
  const percent = target.averageUtilization;
  const what = percent === undefined ? `${name} resource` : `${name} utilization`;
  try {
    const query = new URLSearchParams({ labelSelector: selector });
    const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods?${query}`;
    const list = await rawOr<PodMetricsList>(
      client,
      path,
      `unable to get metrics for resource ${name}: unable to fetch metrics from resource metrics API`,
    );
    const usage = usageOf(list, name, container);
    if (usage.size === 0)
      throw new Error(`unable to get metrics for resource ${name}: no metrics returned from resource metrics API`);
    const goal = percent === undefined ? { average: milli(target.averageValue) } : { utilization: percent };
    const found = byUsage({
      ...context,
      usage,
      resource: name,
      target: goal,
      tolerance: toleranceOf(hpa),
      ...(container === undefined ? {} : { container }),
    });
    return resourceProposal(source, found);
  } catch (error) {
    const kind = container === undefined ? 'FailedGetResourceMetric' : 'FailedGetContainerResourceMetric';
    throw new MetricError(kind, `failed to get ${what}: ${reasonOf(error)}`);
  }
}

function usageOf(list: PodMetricsList, name: string, container: string | undefined): Map<string, number> {
  const usage = new Map<string, number>();
  for (const pod of list.items ?? []) {
    const containers = (pod.containers ?? []).filter((one) => container === undefined || one.name === container);
    if (containers.length === 0 || containers.some((one) => one.usage?.[name] === undefined)) continue;
    usage.set(
      pod.metadata.name,
      containers.reduce((sum, one) => sum + milli(one.usage?.[name]), 0),
    );
  }
  return usage;
}

function resourceProposal(
  source: { readonly name: string; readonly target: MetricTarget; readonly container: string | undefined },
  found: Recommendation,
): Proposal {
  const current = {
    averageValue: quantity(found.average),
    ...(found.utilization === undefined ? {} : { averageUtilization: found.utilization }),
  };
  const { name, container } = source;
  const kind = container === undefined ? 'resource' : 'container resource';
  const suffix = found.utilization === undefined ? '' : ' utilization (percentage of request)';
  const status: MetricStatus =
    container === undefined
      ? { type: 'Resource', resource: { name, current } }
      : { type: 'ContainerResource', containerResource: { name, container, current } };
  return { replicas: found.replicas, status, name: `${name} ${kind}${suffix}` };
}

async function podsMetric(context: MetricContext, spec: MetricSpec): Promise<Proposal> {
  const { client, hpa, selector } = context;
  const { metric, target } = spec.pods ?? { metric: { name: '' }, target: { type: '' } };
  const query = new URLSearchParams({ labelSelector: selector });
  if (metric.selector !== undefined) query.set('metricLabelSelector', selectorFromObject(metric.selector).toString());
  const path = `/apis/custom.metrics.k8s.io/v1beta1/namespaces/${hpa.metadata.namespace}/pods/*/${metric.name}?${query}`;
  try {
    const list = await rawOr<ValueList>(
      client,
      path,
      `unable to get metric ${metric.name}: unable to fetch metrics from custom metrics API`,
    );
    const usage = new Map((list.items ?? []).map((item) => [item.describedObject?.name ?? '', milli(item.value)]));
    if (usage.size === 0)
      throw new Error(`unable to get metric ${metric.name}: no metrics returned from custom metrics API`);
    const goal = { average: milli(target.averageValue) };
    const found = byUsage({ ...context, usage, resource: '', target: goal, tolerance: toleranceOf(hpa) });
    const status = { type: 'Pods', pods: { metric, current: { averageValue: quantity(found.average) } } };
    return { replicas: found.replicas, status, name: `pods metric ${metric.name}` };
  } catch (error) {
    throw new MetricError('FailedGetPodsMetric', `failed to get pods metric value: ${reasonOf(error)}`);
  }
}

async function objectMetric(context: MetricContext, spec: MetricSpec): Promise<Proposal> {
  const { client, hpa } = context;
  const source = spec.object;
  try {
    if (source === undefined) throw new Error('the metric names no object');
    const { describedObject: about, metric, target } = source;
    const { resources } = await discover(client);
    const group = about.apiVersion?.includes('/') ? about.apiVersion.split('/')[0] : '';
    const ref = resources.find((one) => one.ref.kind === about.kind && one.ref.group === group)?.ref;
    if (ref === undefined) throw new Error(`no matches for kind "${about.kind}"`);
    const plural = group === '' ? ref.plural : `${ref.plural}.${group}`;
    const path = `/apis/custom.metrics.k8s.io/v1beta1/namespaces/${hpa.metadata.namespace}/${plural}/${about.name}/${metric.name}`;
    const list = await rawOr<ValueList>(client, path, `unable to get metric ${metric.name}`);
    const value = milli(list.items?.[0]?.value);
    const found = fromValue(context, target, value);
    const current =
      target.type === 'AverageValue' ? { averageValue: quantity(found.average) } : { value: quantity(value) };
    const status = { type: 'Object', object: { metric, describedObject: about, current } };
    return { replicas: found.replicas, status, name: `${about.kind} metric ${metric.name}` };
  } catch (error) {
    throw new MetricError('FailedGetObjectMetric', `failed to get object metric value: ${reasonOf(error)}`);
  }
}

async function externalMetric(context: MetricContext, spec: MetricSpec): Promise<Proposal> {
  const { client, hpa } = context;
  const { metric, target } = spec.external ?? { metric: { name: '' }, target: { type: '' } };
  const query = new URLSearchParams();
  if (metric.selector !== undefined) query.set('labelSelector', selectorFromObject(metric.selector).toString());
  const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${hpa.metadata.namespace}/${metric.name}?${query}`;
  try {
    const list = await rawOr<ValueList>(
      client,
      path,
      `unable to get external metric ${hpa.metadata.namespace}/${metric.name}`,
    );
    const value = (list.items ?? []).reduce((sum, item) => sum + milli(item.value), 0);
    const found = fromValue(context, target, value);
    const current =
      target.type === 'AverageValue' ? { averageValue: quantity(found.average) } : { value: quantity(value) };
    return {
      replicas: found.replicas,
      status: { type: 'External', external: { metric, current } },
      name: `external metric ${metric.name}`,
    };
  } catch (error) {
    throw new MetricError(
      'FailedGetExternalMetric',
      `failed to get external metric ${metric.name}: ${reasonOf(error)}`,
    );
  }
}

function fromValue({ pods, current, hpa }: MetricContext, target: MetricTarget, value: number): Recommendation {
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isReady(pod)).length;
  const goal =
    target.type === 'AverageValue' ? { average: milli(target.averageValue) } : { value: milli(target.value) };
  return byValue({ current, ready, value, target: goal, tolerance: toleranceOf(hpa) });
}

async function rawOr<T>(client: Client, path: string, otherwise: string): Promise<T> {
  try {
    return (await client.raw('GET', path)) as T;
  } catch (error) {
    throw new Error(`${otherwise}: ${reasonOf(error)}`);
  }
}
