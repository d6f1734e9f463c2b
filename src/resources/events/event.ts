// events.k8s.io/v1 Events: the newer face of the events that are stored as core events.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ and KEP-383
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { type Findings, immutable, semanticEqual, validateObjectMetaUpdate } from '../common/index.ts';
import { checkEvent, EVENT_COLUMNS, eventFieldValues } from '../core/event.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type { Event as CoreEvent } from '../generated/core-v1.ts';
import type { Event } from '../generated/events-v1.ts';

/** Names of fields here and in the store. */
const RENAMED = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
] as const;

function renamed(object: KubeObject, direction: 'toStored' | 'fromStored'): KubeObject {
  const names = new Map<string, string>(
    RENAMED.map(([here, there]) => (direction === 'toStored' ? [here, there] : [there, here])),
  );
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(object)) result[names.get(key) ?? key] = value;
  // The conversion only renames: what was an object of the API stays one.
  return result as unknown as KubeObject;
}

export function toCoreEvent(event: Event): CoreEvent {
  const core = { ...renamed(event, 'toStored'), apiVersion: 'v1' } as CoreEvent;
  core.involvedObject ??= {};
  core.source ??= {};
  core.reportingComponent ??= '';
  core.reportingInstance ??= '';
  return core;
}

export function fromCoreEvent(stored: KubeObject): Event {
  const event = { ...renamed(stored, 'fromStored'), apiVersion: 'events.k8s.io/v1' } as Event;
  // Core events always send these, events.k8s.io only where they say something.
  for (const field of ['reportingController', 'reportingInstance'] as const)
    if (event[field] === '') delete event[field];
  return event;
}

function checkSeries(event: CoreEvent, out: Findings): void {
  if (!event.series) return;
  if ((event.series.count ?? 0) < 2)
    out.push(fieldErrors.invalid(FieldPath.of('series.count'), '', 'should be at least 2'));
  if (!event.series.lastObservedTime) out.push(fieldErrors.required(FieldPath.of('series.lastObservedTime')));
}

/** Errors name the fields of the stored form: so Kubernetes does. */
function validate(event: Event): FieldError[] {
  const core = toCoreEvent(event);
  const out: Findings = [];
  checkEvent(core, out, 'reportingController');
  checkSeries(core, out);
  if (!core.eventTime) out.push(fieldErrors.required(FieldPath.of('eventTime')));
  if (core.type !== 'Normal' && core.type !== 'Warning')
    out.push(fieldErrors.invalid(FieldPath.of('type'), '', `has invalid value: ${core.type ?? ''}`));
  const unset: readonly (readonly [string, boolean])[] = [
    ['firstTimestamp', !core.firstTimestamp],
    ['lastTimestamp', !core.lastTimestamp],
    ['count', !core.count],
    ['source', !core.source?.component && !core.source?.host],
  ];
  for (const [field, isUnset] of unset)
    if (!isUnset) out.push(fieldErrors.invalid(FieldPath.of(field), '', 'needs to be unset'));
  return out;
}

const FIXED = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'reason',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const satisfies readonly (keyof CoreEvent)[];

function validateUpdate(event: Event, old: Event): FieldError[] {
  const core = toCoreEvent(event);
  const oldCore = toCoreEvent(old);
  const out: Findings = [];
  checkEvent(core, out, 'reportingController');
  out.push(...validateObjectMetaUpdate(core.metadata, oldCore.metadata));
  if (!semanticEqual(core.series, oldCore.series)) checkSeries(core, out);
  for (const field of FIXED) {
    const path = FieldPath.of(field === 'reportingComponent' ? 'reportingController' : field);
    out.push(...immutable(core[field], oldCore[field], path));
  }
  return out;
}

const FIELD_LABELS: readonly (readonly [string, string])[] = [
  ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map(
    (field) => [`regarding.${field}`, `involvedObject.${field}`] as const,
  ),
  ['reason', 'reason'],
  ['reportingController', 'reportingComponent'],
  ['type', 'type'],
];

function fieldValues(event: Event): Record<string, string> {
  const core = eventFieldValues(toCoreEvent(event));
  return Object.fromEntries(FIELD_LABELS.map(([here, there]) => [here, core[there] ?? '']));
}

function convertedColumn(column: Column<CoreEvent>): Column<Event> {
  return {
    name: column.name,
    type: column.type,
    format: column.format ?? '',
    priority: column.priority,
    cell: (event, now) => column.cell(toCoreEvent(event), now),
    get description() {
      return column.description;
    },
  };
}

export const newEvents = defineResource<Event>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.events.v1.Event',
  storedAs: { of: '/v1/events', toStored: toCoreEvent, fromStored: fromCoreEvent },
  generation: 'none',
  createOnUpdate: true,
  selectableFields: { labels: FIELD_LABELS.map(([here]) => here), values: fieldValues },
  strategy: { validate, validateUpdate },
  columns: EVENT_COLUMNS.map(convertedColumn),
});
