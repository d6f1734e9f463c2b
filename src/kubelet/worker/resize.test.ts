// Resizes in place: what is granted, what the runtime is told, and what is said of it.
import { describe, expect, it } from 'vitest';
import { HandClock } from '../../client/index.ts';
import type { LinuxResources, PodSandboxStats } from '../../cri/port.ts';
import type { Pod, PodSpec, ResourceRequirements } from '../../resources/generated/core-v1.ts';
import { container, observed, pod, run } from '../test-support/pods.ts';
import { Resizer } from './resize.ts';

const MIB = 1024 ** 2;

function limited(cpu: string, memory: string): ResourceRequirements {
  return { limits: { cpu, memory }, requests: { cpu, memory } };
}

class Bench {
  readonly said: string[] = [];
  readonly calls: string[] = [];
  readonly updates = new Map<string, LinuxResources>();
  room: string | undefined;
  used = 0;
  killed = 0;
  readonly replaced = new Set<string>();
  readonly clock = new HandClock();
  readonly seen = observed([run('c')]);

  make(): Resizer {
    const note = (id: string, resources: LinuxResources) => {
      this.calls.push(id);
      this.updates.set(id, resources);
      return Promise.resolve();
    };
    const stats = {
      memoryUsageBytes: this.used,
      containers: [{ id: 'c-0', memoryUsageBytes: this.used }],
    } as unknown as PodSandboxStats;
    return new Resizer(
      {
        clock: this.clock,
        node: () => ({
          name: 'n',
          ips: [],
          memoryCapacity: 1024 ** 3,
          unifiedCgroups: true,
          allocatable: { cpu: '4', memory: '1Gi' },
        }),
        noRoomFor: () => this.room,
        podPidsLimit: -1,
        runtime: {
          podSandboxStats: () => Promise.resolve(stats),
          updateContainerResources: note,
          updatePodSandboxResources: note,
        },
      },
      { kill: () => Promise.resolve(void this.killed++) },
      (type, reason, message) => this.said.push(`${type} ${reason} ${message}`),
      this.replaced,
    );
  }
}

const of = (resources: ResourceRequirements, more: Partial<PodSpec> = {}): Pod =>
  pod({ containers: [container('c', { resources })], ...more });

/** A resizer that knows the pod with its first resources. */
async function begun(bench: Bench, first: Pod): Promise<Resizer> {
  const resizer = bench.make();
  expect(await resizer.look(first, bench.seen)).toBe(false);
  expect(bench.said).toEqual([]);
  return resizer;
}

describe('a resize', () => {
  it('begins, brings pod and container to their new figures, and is completed', async () => {
    const bench = new Bench();
    const resizer = await begun(bench, of(limited('100m', '64Mi')));
    const wanted = of(limited('200m', '96Mi'));
    expect(await resizer.look(wanted, bench.seen)).toBe(true);
    expect(resizer.conditions).toEqual([{ type: 'PodResizeInProgress' }]);
    expect(bench.calls).toEqual(['s0', 'c-0', 's0']);
    expect(bench.updates.get('c-0')).toMatchObject({ cpuQuota: 20_000, memoryLimitBytes: 96 * MIB });
    expect(bench.updates.get('s0')).toMatchObject({ cpuQuota: 20_000, memoryLimitBytes: 96 * MIB });
    expect(await resizer.look(wanted, bench.seen)).toBe(false);
    expect(resizer.conditions).toEqual([]);
    const text =
      '{"containers":[{"name":"c","resources":{"limits":{"cpu":"200m","memory":"96Mi"},"requests":{"cpu":"200m","memory":"96Mi"}}}],"generation":0}';
    expect(bench.said).toEqual([
      `Normal ResizeStarted Pod resize started: ${text}`,
      `Normal ResizeCompleted Pod resize completed: ${text}`,
    ]);
  });

  it('is told from the moment that it is heard of, once the pod has begun', async () => {
    const bench = new Bench();
    const resizer = bench.make();
    resizer.heard(of(limited('100m', '64Mi')));
    expect(resizer.conditions).toEqual([]);
    await resizer.look(of(limited('100m', '64Mi')), bench.seen);
    resizer.heard(of(limited('200m', '64Mi')));
    expect(resizer.conditions).toEqual([{ type: 'PodResizeInProgress' }]);
    bench.room = 'too little';
    resizer.heard(of(limited('3', '64Mi')));
    expect(resizer.conditions[0]).toMatchObject({ type: 'PodResizePending', reason: 'Deferred' });
  });

  it('of memory alone leaves the processor as it is', async () => {
    const bench = new Bench();
    const memory = (text: string): Pod => of({ limits: { memory: text }, requests: { memory: text } });
    const resizer = await begun(bench, memory('64Mi'));
    expect(await resizer.look(memory('96Mi'), bench.seen)).toBe(true);
    expect(bench.updates.get('c-0')?.memoryLimitBytes).toBe(96 * MIB);
    expect(bench.updates.get('c-0')).not.toHaveProperty('cpuQuota');
  });

  it('waits while others hold the room, told once, and the pod keeps what it had', async () => {
    const bench = new Bench();
    const resizer = await begun(bench, of(limited('100m', '64Mi')));
    bench.room = "Node didn't have enough resource: cpu";
    const wanted = of(limited('3', '64Mi'));
    expect(await resizer.look(wanted, bench.seen)).toBe(false);
    await resizer.look(wanted, bench.seen);
    expect(bench.said).toHaveLength(1);
    expect(bench.said[0]).toMatch(
      /^Warning ResizeDeferred Pod resize Deferred: \{.*"error":"Node didn't have enough resource: cpu"\}$/,
    );
    expect(resizer.conditions).toEqual([{ type: 'PodResizePending', reason: 'Deferred', message: bench.room }]);
    expect(resizer.asGranted(wanted).spec?.containers[0]?.resources?.limits?.cpu).toBe('100m');
    expect(resizer.shownWhole(wanted)).toEqual({
      allocatedResources: { cpu: '100m', memory: '64Mi' },
      resources: limited('100m', '64Mi'),
    });
    expect(resizer.wakeAt).toBe(bench.clock.now() + 10_000);
    bench.room = undefined;
    expect(await resizer.look(wanted, bench.seen)).toBe(true);
    expect(resizer.asGranted(wanted)).toBe(wanted);
  });

  it('is refused for good where the node is too small', async () => {
    const bench = new Bench();
    const resizer = await begun(bench, of(limited('100m', '64Mi')));
    await resizer.look(of(limited('5', '64Mi')), bench.seen);
    expect(resizer.conditions).toEqual([
      {
        type: 'PodResizePending',
        reason: 'Infeasible',
        message: "Node didn't have enough capacity: cpu, requested: 5000, capacity: 4000",
      },
    ]);
    expect(bench.said[0]).toMatch(/^Warning ResizeInfeasible Pod resize Infeasible: /);
    expect(resizer.wakeAt).toBeUndefined();
  });

  it('takes no memory away that is in use', async () => {
    const bench = new Bench();
    bench.used = 80 * MIB;
    const resizer = await begun(bench, of(limited('100m', '128Mi')));
    const wanted = of(limited('100m', '64Mi'));
    expect(await resizer.look(wanted, bench.seen)).toBe(false);
    const message = `cannot decrease memory limits: [attempting to set pod memory limit (${64 * MIB}) below current usage (${80 * MIB}), attempting to set container "c" memory limit (${64 * MIB}) below current usage (${80 * MIB})]`;
    expect(resizer.conditions).toEqual([{ type: 'PodResizeInProgress', reason: 'Error', message }]);
    expect(bench.calls).toEqual([]);
    await resizer.look(wanted, bench.seen);
    expect(bench.said.map((text) => text.split(' ')[1])).toEqual(['ResizeStarted', 'ResizeError']);
  });

  it('of a pod as a whole reaches its cgroup and the containers that have no limits of their own', async () => {
    const bench = new Bench();
    const whole = (cpu: string): Pod =>
      pod({
        resources: limited(cpu, '128Mi'),
        containers: [container('c'), container('d', { resources: limited('50m', '32Mi') })],
      });
    const seen = observed([run('c'), run('d')]);
    const resizer = bench.make();
    await resizer.look(whole('500m'), seen);
    expect(await resizer.look(whole('700m'), seen)).toBe(true);
    expect(bench.calls).toEqual(['s0', 'c-0', 's0']);
    expect(bench.updates.get('s0')).toMatchObject({ cpuQuota: 70_000, memoryLimitBytes: 128 * MIB });
    expect(bench.updates.get('c-0')).toMatchObject({ cpuQuota: 70_000 });
    expect(resizer.shownWhole(whole('700m'))).toEqual({
      allocatedResources: { cpu: '700m', memory: '128Mi' },
      resources: limited('700m', '128Mi'),
    });
  });

  it('restarts a container that wishes it', async () => {
    const bench = new Bench();
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
    const with_ = (memory: string): Pod =>
      pod({ containers: [container('c', { resources: limited('100m', memory), resizePolicy })] });
    const resizer = await begun(bench, with_('64Mi'));
    await resizer.look(with_('96Mi'), bench.seen);
    expect(bench.killed).toBe(1);
    expect([...bench.replaced]).toEqual(['c-0']);
    expect(bench.calls).toEqual(['s0', 's0']);
  });

  it('that waited when the kubelet began anew still waits, with what was in force before', async () => {
    const bench = new Bench();
    bench.room = 'full';
    const wanted = of(limited('3', '64Mi'));
    wanted.status = {
      conditions: [{ type: 'PodResizePending', status: 'True', reason: 'Deferred', message: 'full' }],
      containerStatuses: [
        {
          name: 'c',
          image: '',
          imageID: '',
          ready: true,
          restartCount: 0,
          containerID: 'minke://c-0',
          resources: limited('100m', '64Mi'),
        },
      ],
    };
    const resizer = bench.make();
    expect(await resizer.look(wanted, bench.seen)).toBe(false);
    expect(bench.calls).toEqual([]);
    expect(resizer.asGranted(wanted).spec?.containers[0]?.resources).toEqual(limited('100m', '64Mi'));
  });
});
