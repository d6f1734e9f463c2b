// Events: two ways of writing them (core and events.k8s.io), one object in the store.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { isDns1123Subdomain, isQualifiedName } from '../../machinery/names.ts';
import { column } from '../checks/index.ts';
import { addInvalid, age, type Findings } from '../common/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type { Event } from '../generated/core-v1.ts';

const MAX_TEXT = 128;
const MAX_NOTE = 1024;
const NAMESPACE = FieldPath.of('involvedObject', 'namespace');

function limit(text: string, field: string, max: number, out: Findings): void {
  if (Buffer.byteLength(text) > max)
    out.push(fieldErrors.invalid(FieldPath.of(field), '', `can have at most ${max} characters`));
}

/** The rules that every event keeps. Stricter ones hold for events with `eventTime`, the newer form. */
export function checkEvent(event: Event, out: Findings, reporter = 'reportingComponent'): void {
  const namespace = event.metadata.namespace ?? '';
  const ofObject = event.involvedObject?.namespace ?? '';
  if (!event.eventTime) {
    const matches = ofObject === '' ? namespace === '' || namespace === 'default' : namespace === ofObject;
    if (!matches) out.push(fieldErrors.invalid(NAMESPACE, ofObject, 'does not match event.namespace'));
  } else {
    if (ofObject === '' && namespace !== 'default' && namespace !== 'kube-system')
      out.push(fieldErrors.invalid(NAMESPACE, ofObject, 'does not match event.namespace'));
    checkReport(event, FieldPath.of(reporter), out);
  }
  addInvalid(namespace, FieldPath.of('namespace'), isDns1123Subdomain(namespace), out);
}

function checkReport(event: Event, reporter: FieldPath, out: Findings): void {
  const component = event.reportingComponent ?? '';
  const instance = event.reportingInstance ?? '';
  if (component === '') out.push(fieldErrors.required(reporter));
  addInvalid(component, reporter, isQualifiedName(component), out);
  if (instance === '') out.push(fieldErrors.required(FieldPath.of('reportingInstance')));
  limit(instance, 'reportingInstance', MAX_TEXT, out);
  if (!event.action) out.push(fieldErrors.required(FieldPath.of('action')));
  limit(event.action ?? '', 'action', MAX_TEXT, out);
  if (!event.reason) out.push(fieldErrors.required(FieldPath.of('reason')));
  limit(event.reason ?? '', 'reason', MAX_TEXT, out);
  limit(event.message ?? '', 'message', MAX_NOTE, out);
}

function validate(event: Event): FieldError[] {
  const out: Findings = [];
  checkEvent(event, out);
  return out;
}

function firstSeen(event: Event, now: Date): string {
  return age(event.firstTimestamp || event.eventTime, now);
}

function lastSeen(event: Event, now: Date): string {
  if (event.series) return age(event.series.lastObservedTime, now);
  return event.lastTimestamp ? age(event.lastTimestamp, now) : firstSeen(event, now);
}

function target(event: Event): string {
  const kind = (event.involvedObject?.kind ?? '').toLowerCase();
  return event.involvedObject?.name ? `${kind}/${event.involvedObject.name}` : kind;
}

function source(event: Event): string {
  const component = event.source?.component || (event.reportingComponent ?? '');
  const instance = event.source?.host || (event.reportingInstance ?? '');
  return instance === '' ? component : `${component}, ${instance}`;
}

export const EVENT_COLUMNS: readonly Column<Event>[] = [
  column<Event>({ name: 'Last Seen', description: ['core/v1', 'Event', 'lastTimestamp'], cell: lastSeen }),
  column<Event>({ name: 'Type', description: ['core/v1', 'Event', 'type'], cell: (event) => event.type ?? '' }),
  column<Event>({ name: 'Reason', description: ['core/v1', 'Event', 'reason'], cell: (event) => event.reason ?? '' }),
  column<Event>({ name: 'Object', description: ['core/v1', 'Event', 'involvedObject'], cell: target }),
  column<Event>({
    name: 'Subobject',
    wide: true,
    description: ['core/v1', 'ObjectReference', 'fieldPath'],
    cell: (event) => event.involvedObject?.fieldPath ?? '',
  }),
  column<Event>({ name: 'Source', wide: true, description: ['core/v1', 'Event', 'source'], cell: source }),
  column<Event>({
    name: 'Message',
    description: ['core/v1', 'Event', 'message'],
    cell: (event) => (event.message ?? '').trim(),
  }),
  column<Event>({
    name: 'First Seen',
    wide: true,
    description: ['core/v1', 'Event', 'firstTimestamp'],
    cell: firstSeen,
  }),
  column<Event>({
    name: 'Count',
    wide: true,
    description: ['core/v1', 'Event', 'count'],
    cell: (event) => event.series?.count ?? (event.count || 1),
  }),
  column<Event>({
    name: 'Name',
    format: 'name',
    wide: true,
    description: ['meta/v1', 'ObjectMeta', 'name'],
    cell: (event) => event.metadata.name ?? '',
  }),
];

const OBJECT_FIELDS = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const;

export const EVENT_FIELD_LABELS: readonly string[] = [
  ...OBJECT_FIELDS.map((field) => `involvedObject.${field}`),
  'reason',
  'reportingComponent',
  'source',
  'type',
];

export function eventFieldValues(event: Event): Record<string, string> {
  const values: Record<string, string> = {
    reason: event.reason ?? '',
    reportingComponent: event.reportingComponent ?? '',
    source: event.source?.component || (event.reportingComponent ?? ''),
    type: event.type ?? '',
  };
  for (const field of OBJECT_FIELDS) values[`involvedObject.${field}`] = event.involvedObject?.[field] ?? '';
  return values;
}

export const events = defineResource<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  namespaced: true,
  verbs: ALL_VERBS,
  plainMetadata: true,
  schema: 'io.k8s.api.core.v1.Event',
  nameRule: 'path-segment',
  anyFinalizer: true,
  generation: 'none',
  createOnUpdate: true,
  selectableFields: { labels: EVENT_FIELD_LABELS, values: eventFieldValues },
  strategy: { validate, validateUpdate: validate },
  columns: EVENT_COLUMNS,
});
