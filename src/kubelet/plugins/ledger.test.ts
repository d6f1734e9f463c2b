// Counting devices: what is free, what init containers pass on, and what is said when there is too little.
import { expect, it } from 'vitest';
import { container, pod } from '../test-support/pods.ts';
import { DeviceLedger, type Wish, wishesOf } from './ledger.ts';

const R = 'example.com/gadget';
const GRANT = { envs: {}, mounts: [], devices: [], annotations: {}, cdi_devices: [] };
const limits = (count: string) => ({ resources: { limits: { [R]: count } } });
const wish = (count: number): Wish => ({ container: 'c', resource: R, count, passing: false });

function ledger(...ids: string[]): DeviceLedger {
  const made = new DeviceLedger();
  made.set(
    R,
    ids.map((id) => ({ id, healthy: !id.startsWith('ill'), nodes: [] })),
  );
  return made;
}

it('wishes are those for known resources, init containers first; only a sidecar keeps what it has', () => {
  const initContainers = [container('i', limits('1')), container('s', { ...limits('1'), restartPolicy: 'Always' })];
  const made = pod({
    initContainers,
    containers: [container('c', limits('2k')), container('d', { resources: { limits: { cpu: '1' } } })],
  });
  expect(wishesOf(made, (r) => r === R)).toEqual([
    { container: 'i', resource: R, count: 1, passing: true },
    { container: 's', resource: R, count: 1, passing: false },
    { container: 'c', resource: R, count: 2000, passing: false },
  ]);
});

it('ailing devices count as capacity and are given to nobody', () => {
  const made = ledger('a', 'ill');
  expect(made.amounts()).toEqual({ capacity: { [R]: '2' }, allocatable: { [R]: '1' } });
  expect(made.choice(wish(1), new Set()).free).toEqual(['a']);
  made.ail(R);
  expect(() => made.choice(wish(1), new Set())).toThrow(
    `no healthy devices present; cannot allocate unhealthy devices ${R}`,
  );
});

it('what an init container had goes to a later container of the pod, and to no other pod', () => {
  const made = ledger('a', 'b');
  made.hold({ podUid: 'u1', container: 'i', resource: R, ids: ['a'], grant: GRANT });
  const passing = new Set(['i']);
  expect(made.choice(wish(2), made.passedOn('u1', R, passing))).toEqual({ must: ['a'], free: ['b'] });
  expect(() => made.choice(wish(2), made.passedOn('u2', R, passing))).toThrow('Requested: 2, Available: 1');
  made.hold({ podUid: 'u1', container: 'c', resource: R, ids: ['a', 'b'], grant: GRANT });
  expect(made.passedOn('u1', R, passing)).toEqual(new Set());
  expect(made.release('u1')).toBe(true);
  expect(made.release('u1')).toBe(false);
  expect(made.choice(wish(2), new Set()).free).toEqual(['a', 'b']);
});
