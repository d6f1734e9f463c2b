// Table answers: the columns that `kubectl get` shows, filled in by the row of the resource.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables

import { humanDuration } from '../../machinery/duration.ts';
import { badRequest } from '../../machinery/errors.ts';
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import { parseTime } from '../../machinery/time.ts';
import type { Column } from '../../resources/definition.ts';
import type { OutputType } from '../http/negotiation.ts';
import type { CatalogEntry } from '../registry/catalog.ts';
import type { RequestContext } from '../registry/context.ts';
import { partialMetadata } from './partial.ts';

export interface TableRequest {
  readonly objects: readonly KubeObject[];
  readonly output: OutputType;
  /** Metadata of the list, when a list is shown. */
  readonly list: JsonObject | undefined;
  /** Watch events after the first leave the column definitions out. */
  readonly withoutColumns?: boolean;
}

const NAME_DESCRIPTION =
  'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names';
const CREATED_DESCRIPTION =
  'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata';

/** What kinds without columns of their own show. */
const DEFAULT_COLUMNS: readonly Column<KubeObject>[] = [
  {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: NAME_DESCRIPTION,
    priority: 0,
    cell: (object) => object.metadata.name ?? '',
  },
  {
    name: 'Created At',
    type: 'date',
    description: CREATED_DESCRIPTION,
    priority: 0,
    cell: (object) => object.metadata.creationTimestamp ?? '0001-01-01T00:00:00Z',
  },
];

/** `<unknown>` for objects without a time. */
export function ageOf(timestamp: string | null | undefined, now: Date): string {
  const ms = timestamp === null || timestamp === undefined ? undefined : parseTime(timestamp);
  return ms === undefined ? '<unknown>' : humanDuration(now.getTime() - ms);
}

function includeObject(context: RequestContext): string {
  const value = context.request.query.get('includeObject');
  if (value === null || value === '') return 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(value)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}

function columnDefinition(column: Column<KubeObject>): JsonObject {
  return {
    name: column.name,
    type: column.type,
    format: column.format ?? '',
    description: column.description,
    priority: column.priority,
  };
}

function conditionsOf(entry: CatalogEntry, object: KubeObject): { conditions?: unknown } {
  const conditions = entry.row.rowConditions?.(object);
  return conditions === undefined || conditions.length === 0 ? {} : { conditions };
}

export function tableOf(context: RequestContext, entry: CatalogEntry, request: TableRequest): JsonObject {
  const plain = entry.row.columns.length === 0;
  const columns = plain ? DEFAULT_COLUMNS : entry.row.columns;
  const version = request.output.metaVersion ?? 'v1';
  const include = includeObject(context);
  const now = new Date(context.kernel.clock.now());
  const { tableOrder } = entry.row;
  const objects = tableOrder === undefined ? request.objects : [...request.objects].sort(tableOrder);
  const rows = objects.map((object) => ({
    cells: columns.map((column) => column.cell(object, now)),
    ...conditionsOf(entry, object),
    object: include === 'None' ? null : include === 'Object' ? object : partialMetadata(object, version),
  }));
  const single = request.objects.length === 1 ? request.objects[0] : undefined;
  const objectVersion = single?.metadata.resourceVersion;
  const metadata = request.list ?? (objectVersion === undefined ? {} : { resourceVersion: objectVersion });
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    columnDefinitions: request.withoutColumns === true ? null : columns.map(columnDefinition),
    // Go leaves the slice nil where nothing was shown.
    rows: plain && rows.length === 0 ? null : rows,
  };
}
