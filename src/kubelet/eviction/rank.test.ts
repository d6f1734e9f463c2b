// Who goes first when a node runs out.
import { describe, expect, it } from 'vitest';
import type { PodSpec } from '../../resources/generated/core-v1.ts';
import { container, pod } from '../test-support/pods.ts';
import { evictionMessage, nameOf, type PodUse, ranked } from './rank.ts';

function use(name: string, mib: number, spec: Partial<PodSpec> = {}): PodUse {
  const p = pod(spec);
  p.metadata.name = name;
  const memoryBytes = mib * 1024 ** 2;
  return {
    pod: p,
    memoryBytes,
    diskBytes: 0,
    processes: 1,
    containers: [{ name: 'c', memoryBytes, requestBytes: 0, diskBytes: 4096, diskRequestBytes: 0 }],
  };
}

const asks = (memory: string): Partial<PodSpec> => ({
  containers: [container('c', { resources: { requests: { memory } } })],
});

describe('eviction', () => {
  it('takes those over their request first, then low priority, then the most over', () => {
    const uses = [
      use('within', 500, asks('600Mi')),
      use('little', 10),
      use('much', 100),
      use('dear', 900, { priority: 1000 }),
      use('critical', 900, { priority: 2_000_001_000 }),
    ];
    expect(ranked(uses, 'memory').map(nameOf)).toEqual(['ns/much', 'ns/little', 'ns/dear', 'ns/within']);
  });

  it('tells what was short and who used it', () => {
    expect(evictionMessage(use('x', 2), 'memory', { threshold: '100Mi', available: '50Mi' })).toBe(
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container c was using 2Mi, request is 0, has larger consumption of memory. ',
    );
  });
  it('takes by the disk what is over its request for the disk, and says what is on it', () => {
    const asking = (name: string, used: number, asked: number): PodUse => ({
      ...use(name, 1),
      diskBytes: used,
      containers: [{ name: 'c', memoryBytes: 0, requestBytes: 0, diskBytes: used, diskRequestBytes: asked }],
    });
    const uses = [asking('within', 9 << 20, 10 << 20), asking('over', 2 << 20, 1 << 20)];
    expect(ranked(uses, 'ephemeral-storage').map(nameOf)).toEqual(['ns/over', 'ns/within']);
    const [first] = ranked(uses, 'ephemeral-storage');
    if (first === undefined) throw new Error('nothing ranked');
    expect(evictionMessage(first, 'ephemeral-storage', { threshold: '10Gi', available: '1Gi' })).toBe(
      'The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 1Gi. Container c was using 2Mi, request is 1Mi, has larger consumption of ephemeral-storage. ',
    );
  });

  it('takes by processes low priority first, then who has the most of them', () => {
    const uses = [
      { ...use('few', 1), processes: 3 },
      { ...use('many', 1), processes: 300 },
      { ...use('dear', 1, { priority: 10 }), processes: 9000 },
    ];
    expect(ranked(uses, 'pids').map(nameOf)).toEqual(['ns/many', 'ns/few', 'ns/dear']);
    expect(evictionMessage(use('x', 2), 'pids', { threshold: '100', available: '50' })).toBe(
      'The node was low on resource: pids. Threshold quantity: 100, available: 50. ',
    );
  });
});
