// The Targets cell of an autoscaler: current value over target, two metrics at most.
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '../generated/autoscaling-v2.ts';

const SHOWN = 2;
const UNKNOWN = '<unknown>';

function percent(value: number | undefined, otherwise: string): string {
  return value === undefined ? otherwise : `${value}%`;
}

/** `current` is undefined until the controller has looked. */
function resourceText(
  name: string | undefined,
  target: MetricTarget | undefined,
  current: MetricValueStatus | undefined,
): string {
  const values =
    target?.averageValue === undefined
      ? `${percent(current?.averageUtilization, UNKNOWN)}/${percent(target?.averageUtilization, '<auto>')}`
      : `${current?.averageValue ?? UNKNOWN}/${target.averageValue}`;
  return `${name ?? ''}: ${values}`;
}

function valueText(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  return target?.averageValue === undefined
    ? `${current?.value ?? UNKNOWN}/${target?.value ?? ''}`
    : `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`;
}

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'External':
      return valueText(spec.external?.target, status?.external?.current);
    case 'Object':
      return valueText(spec.object?.target, status?.object?.current);
    case 'Pods':
      return `${status?.pods?.current?.averageValue ?? UNKNOWN}/${spec.pods?.target?.averageValue ?? ''}`;
    case 'Resource':
      return resourceText(spec.resource?.name, spec.resource?.target, status?.resource?.current);
    case 'ContainerResource': {
      const source = spec.containerResource;
      return resourceText(source?.name, source?.target, status?.containerResource?.current);
    }
    default:
      return '<unknown type>';
  }
}

export function targetsText(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return '<none>';
  const shown = specs.slice(0, SHOWN).map((spec, i) => metricText(spec, statuses[i]));
  const rest = specs.length - SHOWN;
  return rest > 0 ? `${shown.join(', ')} + ${rest} more...` : shown.join(', ');
}
