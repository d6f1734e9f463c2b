// How often statuses are written: the newest only, and a pod's address with what comes right after it.
import { expect, test } from 'vitest';
import { type Clock, systemClock, type Timer } from '../../host/clock.ts';
import type { Pod, PodStatus } from '../../resources/generated/core-v1.ts';
import { FakeApi } from '../test-support/fake-client.ts';
import { pod } from '../test-support/pods.ts';
import { StatusWriter } from './writer.ts';

/** A clock whose timers ring when told. */
function handClock(): Clock & { ring(): void } {
  const timers = new Set<() => void>();
  return {
    ...systemClock,
    setTimer(_ms, callback): Timer {
      timers.add(callback);
      return { cancel: () => timers.delete(callback) };
    },
    ring() {
      for (const t of [...timers]) {
        timers.delete(t);
        t();
      }
    },
  };
}

const WAITING: PodStatus = { phase: 'Pending', conditions: [{ type: 'Ready', status: 'False' }] };
const WITH_ADDRESS: PodStatus = {
  ...WAITING,
  podIP: '10.0.0.1',
  podIPs: [{ ip: '10.0.0.1' }],
  conditions: [...(WAITING.conditions ?? []), { type: 'PodReadyToStartContainers', status: 'True' }],
};
const RUNNING: PodStatus = { ...WITH_ADDRESS, phase: 'Running' };

function bench() {
  const api = new FakeApi();
  const clock = handClock();
  const made = api.put('pods', pod({}, WAITING) as never) as unknown as Pod;
  const writer = new StatusWriter(api.client(), clock, (error) => {
    throw error;
  });
  const before = api.version;
  return { api, clock, made, writer, writes: () => api.version - before };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('a pod’s address goes with the status that follows', async () => {
  const { api, made, writer, writes } = bench();
  writer.set('u1', made, WITH_ADDRESS);
  await settled();
  expect(writes()).toBe(0);
  writer.set('u1', made, RUNNING);
  await writer.flushed('u1');
  expect(writes()).toBe(1);
  expect(api.read<Pod>('pods', 'ns', 'p')?.status).toMatchObject({ phase: 'Running', podIP: '10.0.0.1' });
});

test('a pod’s address is written by itself when nothing follows, and when the status is waited for', async () => {
  const { api, clock, made, writer, writes } = bench();
  writer.set('u1', made, WITH_ADDRESS);
  await settled();
  clock.ring();
  await settled();
  expect(writes()).toBe(1);
  expect(api.read<Pod>('pods', 'ns', 'p')?.status?.podIP).toBe('10.0.0.1');
  const other = bench();
  other.writer.set('u1', other.made, WITH_ADDRESS);
  await other.writer.flushed('u1');
  expect(other.writes()).toBe(1);
});

test('a pod that is forgotten is written no more', async () => {
  const { clock, made, writer, writes } = bench();
  writer.set('u1', made, WITH_ADDRESS);
  writer.forget('u1');
  clock.ring();
  await settled();
  expect(writes()).toBe(0);
});
