// What the status of a DaemonSet says.
import { expect, it } from 'vitest';
import type { DaemonSet } from '../../resources/generated/apps-v1.ts';
import type { Node } from '../../resources/generated/core-v1.ts';
import { daemonStatus } from './reconcile.ts';

const node = (name: string) => ({ metadata: { name } }) as Node;

it('counts nodes without a pod, and leaves conditions that somebody else has set', () => {
  const conditions = [{ type: 'Watched', status: 'True' }];
  const set = {
    metadata: { name: 'd', generation: 2 },
    spec: { selector: {}, template: { spec: { containers: [] } } },
    status: { conditions, collisionCount: 1, numberReady: 7 },
  } as unknown as DaemonSet;
  const input = { set, nodes: [node('a'), node('b')], pods: [], hash: 'h', now: 0, random: () => 0 };
  expect(daemonStatus(input)).toEqual({
    status: {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 2,
      numberReady: 0,
      observedGeneration: 2,
      numberUnavailable: 2,
      collisionCount: 1,
      conditions,
    },
    requeueAfterMs: undefined,
  });
});
