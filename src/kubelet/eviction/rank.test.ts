// Who goes first when a node runs out, and what is said of it.
import { describe, expect, it } from 'vitest';
import type { PodSpec } from '../../resources/generated/core-v1.ts';
import { ANNOTATION } from '../pod/identity.ts';
import { container, pod } from '../test-support/pods.ts';
import { evictionWords, type PodUse, ranked } from './rank.ts';

const MIB = 1024 ** 2;

function use(name: string, used: number | undefined, spec: Partial<PodSpec> = {}): PodUse {
  const p = pod(spec);
  p.metadata.name = name;
  return { pod: p, used, containers: used === undefined ? [] : [{ name: 'c', used, requested: 0 }] };
}

const nameOf = (u: PodUse): string => u.pod.metadata.name ?? '';
const requests = (list: Record<string, string>): Partial<PodSpec> => ({
  containers: [container('c', { resources: { requests: list } })],
});

describe('eviction', () => {
  it('takes those over their request first, then low priority, then the most over', () => {
    const uses = [
      use('within', 500 * MIB, requests({ memory: '600Mi' })),
      use('little', 10 * MIB),
      use('much', 100 * MIB),
      use('dear', 900 * MIB, { priority: 1000 }),
      use('critical', 900 * MIB, { priority: 2_000_001_000 }),
    ];
    expect(ranked(uses, 'memory').map(nameOf)).toEqual(['much', 'little', 'dear', 'within']);
  });

  it('takes first whom the runtime does not know, and static pods never', () => {
    const own = use('static', 900 * MIB);
    own.pod.metadata.annotations = { [ANNOTATION.configSource]: 'file' };
    expect(ranked([use('known', MIB), use('unknown', undefined), own], 'memory').map(nameOf)).toEqual([
      'unknown',
      'known',
    ]);
  });

  it('counts what a pod requests as a whole, and its overhead', () => {
    const whole = use('whole', 90 * MIB, { resources: { requests: { memory: '100Mi' } } });
    const overhead = use('overhead', 15 * MIB, { ...requests({ memory: '10Mi' }), overhead: { memory: '10Mi' } });
    expect(ranked([whole, overhead, use('over', 1)], 'memory').map(nameOf)).toEqual(['over', 'overhead', 'whole']);
  });

  it('takes by the disk what is over its request for the disk', () => {
    const uses = [
      use('within', 9 * MIB, requests({ 'ephemeral-storage': '10Mi' })),
      use('over', 2 * MIB, requests({ 'ephemeral-storage': '1Mi' })),
    ];
    expect(ranked(uses, 'ephemeral-storage').map(nameOf)).toEqual(['over', 'within']);
    expect(ranked([use('few', 3), use('many', 300)], 'inodes').map(nameOf)).toEqual(['many', 'few']);
  });

  it('takes by processes low priority first, then who has the most of them', () => {
    const uses = [use('few', 3), use('many', 300), use('dear', 9000, { priority: 10 })];
    expect(ranked(uses, 'pids').map(nameOf)).toEqual(['many', 'few', 'dear']);
  });
});

describe('the words of an eviction', () => {
  const memory = { starved: 'memory', threshold: '100Mi', available: '50Mi' } as const;

  it('tell what was short and which containers had more than they asked for', () => {
    const one: PodUse = {
      ...use('x', 6 * MIB),
      containers: [
        { name: 'a', used: 2 * MIB, requested: MIB },
        { name: 'b', used: 1000, requested: 1000 },
        { name: 'c', used: 4 * MIB, requested: 0 },
      ],
    };
    expect(evictionWords(one, memory)).toEqual({
      message:
        'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ' +
        'Container a was using 2Mi, request is 1Mi, has larger consumption of memory. ' +
        'Container c was using 4Mi, request is 0, has larger consumption of memory. ',
      annotations: {
        offending_containers: 'a,c',
        offending_containers_usage: '2Mi,4Mi',
        starved_resource: 'memory',
      },
    });
  });

  it('tell what a pod has that requests memory as a whole', () => {
    const whole: PodUse = { ...use('x', 6 * MIB, { resources: { requests: { memory: '5Mi' } } }), containers: [] };
    const { message, annotations } = evictionWords(whole, memory);
    expect(message).toMatch(/Pod x was using 6Mi, request is 5Mi, has larger consumption of memory\. $/);
    expect(annotations).toMatchObject({ offending_pod: 'x', offending_pod_usage: '6Mi', offending_containers: '' });
  });

  it('blame no container for processes', () => {
    const { message } = evictionWords(
      { ...use('x', 300), containers: [] },
      { starved: 'pids', threshold: '1Ki', available: '1k' },
    );
    expect(message).toBe('The node was low on resource: pids. Threshold quantity: 1Ki, available: 1k. ');
  });
});
