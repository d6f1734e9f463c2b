// Cells of tables: ages, labels, selectors, containers, printed as Kubernetes' server prints them.
import { humanDuration } from '../../machinery/duration.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Column } from '../definition.ts';
import type { PodSpec } from '../generated/core-v1.ts';
import type { LabelSelector } from '../generated/meta-v1.ts';
import { sortedKeys } from './collect.ts';

const NAME_DESCRIPTION =
  'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names';

const AGE_DESCRIPTION =
  'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata';

/** How long ago a time was: `5m`, `2d12h`, `<unknown>` without one. */
export function age(timestamp: string | null | undefined, now: Date): string {
  if (!timestamp) return '<unknown>';
  return humanDuration(now.getTime() - Date.parse(timestamp));
}

export function nameColumn<T extends KubeObject>(priority: 0 | 1 = 0): Column<T> {
  return {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: NAME_DESCRIPTION,
    priority,
    cell: (object) => object.metadata.name ?? '',
  };
}

export function ageColumn<T extends KubeObject>(): Column<T> {
  return {
    name: 'Age',
    type: 'string',
    description: AGE_DESCRIPTION,
    priority: 0,
    cell: (object, now) => age(object.metadata.creationTimestamp, now),
  };
}

/** `a=1,b=2`, sorted; `<none>` for nothing. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const text = sortedKeys(labels)
    .map((key) => `${key}=${labels?.[key] ?? ''}`)
    .join(',');
  return text === '' ? '<none>' : text;
}

function requirementText(key: string, operator: string, values: readonly string[]): string {
  switch (operator) {
    case 'In':
      return `${key} in (${[...values].sort().join(',')})`;
    case 'NotIn':
      return `${key} notin (${[...values].sort().join(',')})`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
    default:
      return '';
  }
}

/** A selector on one line, sorted by key. `<error>` where it cannot be one. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  if (!selector) return '<none>';
  const parts: [key: string, text: string][] = [];
  for (const key of Object.keys(selector.matchLabels ?? {}))
    parts.push([key, `${key}=${selector.matchLabels?.[key] ?? ''}`]);
  for (const expression of selector.matchExpressions ?? []) {
    const text = requirementText(expression.key, expression.operator, expression.values ?? []);
    if (text === '') return '<error>';
    parts.push([expression.key, text]);
  }
  if (parts.length === 0) return '<none>';
  parts.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return parts.map(([, text]) => text).join(',');
}

export function containerNames(spec: PodSpec | undefined): string {
  return (spec?.containers ?? []).map((c) => c.name ?? '').join(',');
}

export function containerImages(spec: PodSpec | undefined): string {
  return (spec?.containers ?? []).map((c) => c.image ?? '').join(',');
}

/** `Containers` and `Images` of a pod template: wide columns of all workloads. */
export function containersColumn<T extends KubeObject>(
  spec: (object: T) => PodSpec | undefined,
  priority: 0 | 1 = 1,
): Column<T> {
  return {
    name: 'Containers',
    type: 'string',
    description: 'Names of each container in the template.',
    priority,
    cell: (object) => containerNames(spec(object)),
  };
}

export function imagesColumn<T extends KubeObject>(
  spec: (object: T) => PodSpec | undefined,
  priority: 0 | 1 = 1,
): Column<T> {
  return {
    name: 'Images',
    type: 'string',
    description: 'Images referenced by each container in the template.',
    priority,
    cell: (object) => containerImages(spec(object)),
  };
}
