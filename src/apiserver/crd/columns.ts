// The columns of a custom resource's Table, read by JSONPath from its objects.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#additional-printer-columns

import { humanDuration } from '../../machinery/duration.ts';
import { jsonText } from '../../machinery/exact-json.ts';
import { compileJsonPath, JsonPathError } from '../../machinery/json-path.ts';
import { isJsonObject, type KubeObject } from '../../machinery/object.ts';
import { compareText } from '../../machinery/order.ts';
import { parseTime } from '../../machinery/time.ts';
import type { Column } from '../../resources/definition.ts';
import type { CustomResourceColumnDefinition } from '../../resources/generated/apiextensions-v1.ts';

type Cell = string | number | bigint | boolean | null;

const NAME_DESCRIPTION =
  'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names';

const AGE: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description:
    'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
};

/** As Go writes maps: by their keys. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => compareText(a, b));
  return Object.fromEntries(entries.map(([key, item]) => [key, inOrder(item)]));
}

function textCell(value: unknown): Cell {
  if (value === null) return '<no value>';
  return typeof value === 'object' ? jsonText(inOrder(value)) : String(value);
}

function dateCell(value: unknown, now: Date): Cell {
  if (typeof value !== 'string') return null;
  const ms = parseTime(value);
  return ms === undefined ? '<invalid>' : humanDuration(now.getTime() - ms);
}

function cellOf(type: string, value: unknown, now: Date): Cell {
  switch (type) {
    case 'string':
      return textCell(value);
    case 'integer':
      if (typeof value === 'bigint') return value;
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return dateCell(value, now);
    default:
      return null;
  }
}

function columnType(type: string): Column<KubeObject>['type'] {
  return type === 'integer' || type === 'number' || type === 'boolean' || type === 'date' ? type : 'string';
}

/** A path that cannot be read gives empty cells, as in Kubernetes. */
function finder(path: string): (value: unknown) => unknown[] {
  try {
    return compileJsonPath(path);
  } catch (error) {
    if (error instanceof JsonPathError) return () => [];
    throw error;
  }
}

function column(definition: CustomResourceColumnDefinition): Column<KubeObject> {
  const find = finder(definition.jsonPath);
  const description = definition.description ?? '';
  return {
    name: definition.name,
    type: columnType(definition.type),
    format: (definition.format ?? '') as Column<KubeObject>['format'] & string,
    description:
      description === ''
        ? `Custom resource definition column (in JSONPath format): ${definition.jsonPath}`
        : description,
    priority: (definition.priority ?? 0) === 0 ? 0 : 1,
    cell(object, now) {
      const found = find(object);
      return found.length === 0 ? null : cellOf(definition.type, found[0], now);
    },
  };
}

export function columnsOf(definitions: readonly CustomResourceColumnDefinition[] | undefined): Column<KubeObject>[] {
  const own = definitions === undefined || definitions.length === 0 ? [AGE] : definitions;
  const name: Column<KubeObject> = {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: NAME_DESCRIPTION,
    priority: 0,
    cell: (object) => object.metadata.name ?? '',
  };
  return [name, ...own.map(column)];
}
