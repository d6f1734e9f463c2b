// Validation of the metrics that an autoscaler goes by.
import type { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label, isPathSegmentName } from '../../machinery/names.ts';
import { parseQuantity } from '../../machinery/quantity.ts';
import type { ErrorList } from '../checks/index.ts';
import { checkContainerResourceName } from '../common/index.ts';
import type { MetricIdentifier, MetricSpec, MetricTarget } from '../generated/autoscaling-v2.ts';
import { checkObjectReference, type VersionRule } from './object-reference.ts';

const TYPES = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
/** Where the facts of each type of metric stand, in the order in which Kubernetes looks. */
const SOURCES = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;
type Source = (typeof SOURCES)[number];
const SOURCE_OF = new Map<string, Source>([
  ['Object', 'object'],
  ['Pods', 'pods'],
  ['Resource', 'resource'],
  ['External', 'external'],
  ['ContainerResource', 'containerResource'],
]);

function isPositive(quantity: string | undefined): boolean {
  return quantity !== undefined && parseQuantity(quantity).cmp(parseQuantity('0')) > 0;
}

function checkTarget(found: ErrorList, target: MetricTarget | undefined, path: FieldPath): void {
  const { type = '', value, averageValue, averageUtilization } = target ?? {};
  if (type === '') found.required(path.child('type'), 'must specify a metric target type');
  if (type !== 'Utilization' && type !== 'Value' && type !== 'AverageValue')
    found.invalid(path.child('type'), type, 'must be either Utilization, Value, or AverageValue');
  if (value !== undefined && !isPositive(value)) found.invalid(path.child('value'), value, 'must be positive');
  if (averageValue !== undefined && !isPositive(averageValue))
    found.invalid(path.child('averageValue'), averageValue, 'must be positive');
  if (averageUtilization !== undefined && averageUtilization < 1)
    found.invalid(path.child('averageUtilization'), averageUtilization, 'must be greater than 0');
}

function checkIdentifier(found: ErrorList, metric: MetricIdentifier | undefined, path: FieldPath): void {
  const name = metric?.name ?? '';
  if (name === '') found.required(path.child('name'), 'must specify a metric name');
  else found.text(path.child('name'), name, isPathSegmentName);
}

/** For resources: a share of the request, or a value. */
function checkUtilizationChoice(found: ErrorList, target: MetricTarget | undefined, path: FieldPath): void {
  const { averageUtilization, averageValue } = target ?? {};
  if (averageUtilization === undefined && averageValue === undefined)
    found.required(path.child('averageUtilization'), 'must set either a target raw value or a target utilization');
  if (averageUtilization !== undefined && averageValue !== undefined)
    found.forbidden(path.child('averageValue'), 'may not set both a target raw value and a target utilization');
}

type Check = (found: ErrorList, spec: MetricSpec, path: FieldPath, rule: VersionRule) => void;

const CHECKS: Readonly<Record<Source, Check>> = {
  object: (found, { object }, path, rule) => {
    checkObjectReference(found, object?.describedObject, { path: path.child('describedObject'), rule });
    checkIdentifier(found, object?.metric, path.child('metric'));
    checkTarget(found, object?.target, path.child('target'));
    if (object?.target?.value === undefined && object?.target?.averageValue === undefined)
      found.required(path.child('target', 'averageValue'), 'must set either a target value or averageValue');
  },
  external: (found, { external }, path) => {
    const target = path.child('target');
    const { value, averageValue } = external?.target ?? {};
    checkIdentifier(found, external?.metric, path.child('metric'));
    checkTarget(found, external?.target, target);
    if (value === undefined && averageValue === undefined)
      found.required(target.child('averageValue'), 'must set either a target value for metric or a per-pod target');
    if (value !== undefined && averageValue !== undefined)
      found.forbidden(target.child('value'), 'may not set both a target value for metric and a per-pod target');
  },
  pods: (found, { pods }, path) => {
    checkIdentifier(found, pods?.metric, path.child('metric'));
    checkTarget(found, pods?.target, path.child('target'));
    if (pods?.target?.averageValue === undefined)
      found.required(path.child('target', 'averageValue'), 'must specify a positive target averageValue');
  },
  resource: (found, { resource }, path) => {
    if ((resource?.name ?? '') === '') found.required(path.child('name'), 'must specify a resource name');
    checkTarget(found, resource?.target, path.child('target'));
    checkUtilizationChoice(found, resource?.target, path.child('target'));
  },
  containerResource: (found, { containerResource }, path) => {
    const { name = '', container = '' } = containerResource ?? {};
    if (name === '') found.required(path.child('name'), 'must specify a resource name');
    else checkContainerResourceName(name, path.child('name'), found.errors);
    if (container === '') found.required(path.child('container'), 'must specify a container');
    else found.text(path.child('container'), container, isDns1123Label);
    checkTarget(found, containerResource?.target, path.child('target'));
    checkUtilizationChoice(found, containerResource?.target, path.child('target'));
  },
};

function checkMetric(found: ErrorList, spec: MetricSpec, path: FieldPath, rule: VersionRule): void {
  const type = spec.type ?? '';
  if (type === '') found.required(path.child('type'), 'must specify a metric source type');
  found.oneOf(path.child('type'), type, TYPES);
  const present = SOURCES.filter((source) => spec[source] !== undefined);
  const [first] = present;
  if (first !== undefined) CHECKS[first](found, spec, path.child(first), rule);
  const expected = SOURCE_OF.get(type);
  if (expected !== undefined && spec[expected] === undefined)
    found.required(path.child(expected), 'must populate information for the given metric source');
  // Kubernetes says so twice.
  if (expected === undefined) found.notSupported(path.child('type'), type, TYPES);
  if (present.length <= 1) return;
  for (const source of present)
    if (source !== expected) found.forbidden(path.child(source), 'must populate the given metric source only');
}

export function checkMetrics(
  found: ErrorList,
  metrics: readonly MetricSpec[],
  where: { readonly path: FieldPath; readonly minReplicas: number | undefined; readonly rule: VersionRule },
): void {
  metrics.forEach((metric, i) => {
    checkMetric(found, metric, where.path.index(i), where.rule);
  });
  const wakes = metrics.some(({ type }) => type === 'Object' || type === 'External');
  if (where.minReplicas === 0 && !wakes)
    found.forbidden(
      where.path,
      'must specify at least one Object or External metric to support scaling to zero replicas',
    );
}
