// Rules of the two faces of events that differ: names, finalizers, and what an error calls the reporter.
import { expect, test } from 'vitest';
import { events } from '../core/event.ts';
import type { ResourceDefinition } from '../definition.ts';
import { readObject, tryCreate } from '../row-trial.ts';
import { newEvents } from './event.ts';

const CORE = { involvedObject: { namespace: 'default' } };
const NEW = {
  regarding: { namespace: 'default' },
  eventTime: '2024-01-01T00:00:00.000000Z',
  reportingInstance: 'i',
  reportingController: 'a b',
  action: 'a',
  reason: 'r',
  type: 'Normal',
};

function fields(row: ResourceDefinition, object: object, metadata: object): string[] {
  const draft = readObject(row, JSON.stringify({ ...object, metadata: { namespace: 'default', ...metadata } }));
  return tryCreate(row, draft).errors.map((error) => error.field);
}

test.each([
  ['core events take any finalizer', events, CORE, { name: 'a', finalizers: ['plain'] }, []],
  ['core events take any name that fits in a path', events, CORE, { name: 'A_b' }, []],
  [
    'events.k8s.io wants known finalizers, a DNS name, and calls the reporter a controller',
    newEvents,
    NEW,
    { name: 'A_b', finalizers: ['plain'] },
    ['metadata.name', 'metadata.finalizers[0]', 'reportingController'],
  ],
] as [string, ResourceDefinition, object, object, string[]][])('%s', (_what, row, object, metadata, want) => {
  expect(fields(row, object, metadata)).toEqual(want);
});
