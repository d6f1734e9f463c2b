// Tests of the times that say since when addresses are out of date.
import { expect, test } from 'vitest';
import type { Pod, Service } from '../../resources/generated/core-v1.ts';
import { TRIGGER_TIME, TriggerTimes, withTriggerTime } from './trigger-times.ts';

const service: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's', creationTimestamp: '2026-01-01T00:00:00Z' },
};
const pod = (name: string, lastTransitionTime: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] },
});

test('a Service that is new tells of its own beginning, later its pods tell of theirs, the earliest first', () => {
  const times = new TriggerTimes();
  const first = pod('a', '2026-01-01T00:01:00Z');
  expect(times.next('n/s', service, [first])).toBe('2026-01-01T00:00:00Z');
  expect(times.next('n/s', service, [first])).toBeUndefined();
  const both = [pod('a', '2026-01-01T00:03:00Z'), pod('b', '2026-01-01T00:02:00Z')];
  expect(times.next('n/s', service, both)).toBe('2026-01-01T00:02:00Z');
  expect(times.next('n/s', service, [])).toBeUndefined();
  times.forget('n/s');
  expect(times.next('n/s', service, both)).toBe('2026-01-01T00:00:00Z');
});

test('the annotation goes when nothing is known to have changed', () => {
  expect(withTriggerTime({ a: 'b', [TRIGGER_TIME]: 'old' }, undefined)).toEqual({ a: 'b' });
  expect(withTriggerTime(undefined, 'new')).toEqual({ [TRIGGER_TIME]: 'new' });
});
