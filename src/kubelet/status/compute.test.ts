// What the API says of a pod, case by case.
import { describe, expect, it } from 'vitest';
import type { Pod, PodStatus } from '../../resources/generated/core-v1.ts';
import type { Observed } from '../pod/observed.ts';
import { container, ended, observed, pod, run } from '../test-support/pods.ts';
import { computeStatus, type StatusInput } from './compute.ts';
import { statusPatch } from './writer.ts';

function said(p: Pod, o: Observed, more: Partial<StatusInput> = {}): PodStatus {
  return computeStatus({
    pod: p,
    observed: o,
    now: 60_000,
    hostIps: ['192.0.2.1'],
    runtimeName: 'minke',
    waiting: new Map(),
    probes: { ready: () => true, started: () => true },
    messages: new Map(),
    held: new Set(),
    replaced: new Set(),
    terminal: false,
    startedAt: 0,
    ...more,
  });
}

const shortly = (s: PodStatus, type: string): string => {
  const c = s.conditions?.find((x) => x.type === type);
  return [c?.status, c?.reason, c?.message].filter((x) => x !== undefined).join(' ');
};

describe('a status', () => {
  it('is Running and Ready when all containers are', () => {
    const s = said(pod({}), observed([run('c')]));
    expect(s.phase).toBe('Running');
    expect(shortly(s, 'Ready')).toBe('True');
    expect(s.podIPs).toEqual([{ ip: '10.0.0.1' }]);
    expect(s.containerStatuses?.[0]).toMatchObject({ ready: true, started: true, containerID: 'minke://c-0' });
  });

  it('lets all containers share what room there is for last words', () => {
    const names = ['a', 'b', 'c', 'd'];
    const p = pod({ containers: names.map((n) => container(n)) });
    const messages = new Map(names.map((n) => [`${n}-0`, `é${'x'.repeat(4000)}`]));
    const s = said(p, observed(names.map((n) => ended(n, 1))), { messages, terminal: true });
    expect(s.containerStatuses?.map((c) => Buffer.byteLength(c.state?.terminated?.message ?? ''))).toEqual([
      3072, 3072, 3072, 3072,
    ]);
  });

  it('lists containers by name, and init containers in their order', () => {
    const p = pod({
      containers: [container('b'), container('a')],
      initContainers: [container('z'), container('y')],
    });
    const s = said(p, observed([ended('z', 0), ended('y', 0), run('a'), run('b')]));
    expect(s.containerStatuses?.map((c) => c.name)).toEqual(['a', 'b']);
    expect(s.initContainerStatuses?.map((c) => c.name)).toEqual(['z', 'y']);
  });

  it('has a container wait until its postStart hook is over', () => {
    const s = said(pod({}), observed([run('c')]), { held: new Set(['c-0']) });
    expect(s.phase).toBe('Pending');
    expect(s.containerStatuses?.[0]).toMatchObject({
      state: { waiting: { reason: 'ContainerCreating' } },
      started: false,
    });
    const again = said(pod({}), observed([run('c', { attempt: 1 }), ended('c', 3)]), { held: new Set(['c-1']) });
    expect(again.containerStatuses?.[0]).toMatchObject({ state: { terminated: { exitCode: 3 } }, restartCount: 0 });
  });

  it('shows a container that is replaced as it was until the other runs', () => {
    const before = said(pod({ restartPolicy: 'Never' }), observed([run('c')]));
    const p = pod({ restartPolicy: 'Never' }, before);
    const replaced = new Set(['c-0']);
    expect(said(p, observed([ended('c', 0)]), { replaced }).containerStatuses).toEqual(before.containerStatuses);
    expect(said(p, observed([ended('c', 0)])).containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(0);
    expect(
      said(p, observed([run('c', { attempt: 1 }), ended('c', 0)]), { replaced }).containerStatuses?.[0],
    ).toMatchObject({
      restartCount: 1,
      state: { running: {} },
      lastState: { terminated: { exitCode: 0 } },
    });
  });

  it('calls lost what was backing off when the pod was ended, unless it was deleted or would not have come back', () => {
    const waiting = new Map([['c', { reason: 'CrashLoopBackOff', message: 'back-off' }]]);
    const more = { waiting, terminal: true, verdict: { reason: 'DeadlineExceeded', message: 'm' } };
    const of = (p: Pod, exitCode: number) => said(p, observed([ended('c', exitCode)]), more).containerStatuses?.[0];
    expect(of(pod({}), 1)).toMatchObject({
      state: { terminated: { exitCode: 137, reason: 'ContainerStatusUnknown' } },
      lastState: { terminated: { exitCode: 1 } },
    });
    expect(of(pod({ restartPolicy: 'OnFailure' }), 0)).toMatchObject({
      state: { terminated: { exitCode: 0 } },
      lastState: {},
    });
    const deleted = pod({});
    deleted.metadata.deletionTimestamp = '2026-01-02T03:04:05Z';
    expect(of(deleted, 1)).toMatchObject({ state: { terminated: { exitCode: 1 } }, lastState: {} });
  });

  it('says of app containers that have not begun that the pod is being initialised, whenever it has init containers', () => {
    const p = pod({ initContainers: [container('i')] });
    const s = said(p, observed([ended('i', 0)]));
    expect(s.containerStatuses?.[0]?.state?.waiting?.reason).toBe('PodInitializing');
  });

  it('shows an ephemeral container that could not be started as waiting where the pod starts things again', () => {
    const waiting = new Map([['e', { reason: 'RunContainerError', message: 'm' }]]);
    const of = (restartPolicy: string) => {
      const p = pod({ restartPolicy, ephemeralContainers: [container('e')] });
      return said(p, observed([run('c'), ended('e', 128)]), { waiting }).ephemeralContainerStatuses?.[0]?.state;
    };
    expect(of('Always')).toEqual({ waiting: { reason: 'RunContainerError', message: 'm' } });
    expect(of('Never')).toMatchObject({ terminated: { exitCode: 128 } });
    const over = pod({ ephemeralContainers: [container('e')] });
    const ends = observed([ended('c', 0), ended('e', 128)]);
    const verdict = { reason: 'DeadlineExceeded', message: 'm' };
    expect(
      said(over, ends, { waiting, terminal: true, verdict }).ephemeralContainerStatuses?.[0]?.state,
    ).toHaveProperty('waiting');
  });

  it('names the containers that are not ready', () => {
    const s = said(pod({}), observed([run('c')]), { probes: { ready: () => false, started: () => true } });
    expect(shortly(s, 'ContainersReady')).toBe('False ContainersNotReady containers with unready status: [c]');
  });

  it('names the init containers that are not done', () => {
    const p = pod({ initContainers: [container('i'), container('j')] });
    const s = said(p, observed([run('i')]));
    expect(s.phase).toBe('Pending');
    expect(shortly(s, 'Initialized')).toBe('False ContainersNotInitialized containers with incomplete status: [i j]');
    expect(s.containerStatuses?.[0]?.state?.waiting?.reason).toBe('PodInitializing');
    expect(s.initContainerStatuses?.[1]?.state?.waiting?.reason).toBe('PodInitializing');
  });

  it('shows why a container waits, and its last end beside it', () => {
    const waiting = new Map([['c', { reason: 'CrashLoopBackOff', message: 'back-off' }]]);
    const s = said(pod({}), observed([ended('c', 3, { attempt: 2 })]), { waiting });
    expect(s.containerStatuses?.[0]).toMatchObject({
      restartCount: 2,
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
      lastState: { terminated: { exitCode: 3 } },
    });
    expect(s.phase).toBe('Running');
  });

  it('hides a run that has not started behind the one before it', () => {
    const s = said(pod({}), observed([ended('c', 1), run('c', { attempt: 1, state: 'created' })]));
    expect(s.containerStatuses?.[0]).toMatchObject({ restartCount: 0, state: { terminated: { exitCode: 1 } } });
  });

  it('ends as Succeeded or Failed by the exit codes, without an address', () => {
    const done = said(pod({}), observed([ended('c', 0)], 'notready'), { terminal: true });
    expect([done.phase, done.podIP, shortly(done, 'Ready')]).toEqual(['Succeeded', undefined, 'False PodCompleted']);
    const failed = said(pod({}), observed([ended('c', 1)], 'notready'), { terminal: true });
    expect([failed.phase, shortly(failed, 'ContainersReady')]).toEqual(['Failed', 'False PodFailed']);
  });

  it('is not over while its containers are only between two runs', () => {
    expect(said(pod({ restartPolicy: 'Always' }), observed([ended('c', 0)])).phase).toBe('Running');
  });

  it('calls what never came ended when the pod ends, once the init containers were behind it', () => {
    const lost = 'ContainerStatusUnknown';
    const states = (spec: Parameters<typeof pod>[0], runs: Parameters<typeof observed>[0]) => {
      const s = said(pod(spec), observed(runs, 'notready'), { terminal: true });
      const all = [...(s.initContainerStatuses ?? []), ...(s.containerStatuses ?? [])];
      const reason = (c: (typeof all)[number]) => c.state?.terminated?.reason ?? c.state?.waiting?.reason;
      return [s.phase, ...all.map(reason), shortly(s, 'Ready').replace(/ containers.*/, '')];
    };
    const init = { initContainers: [container('i'), container('j')] };
    expect(states({}, [])).toEqual(['Failed', lost, 'False ContainersNotReady']);
    const waiting = ['PodInitializing', 'PodInitializing', 'False ContainersNotReady'];
    expect(states(init, [])).toEqual(['Failed', lost, ...waiting]);
    expect(states(init, [ended('i', 137)])).toEqual(['Failed', 'Error', ...waiting]);
    const done = [ended('i', 0), ended('j', 0)];
    expect(states(init, done)).toEqual(['Failed', 'Completed', 'Completed', lost, 'False ContainersNotReady']);
  });

  it("carries the kubelet's verdict", () => {
    const verdict = { reason: 'Evicted', message: 'The node was low on resource: memory. ' };
    const s = said(pod({}), observed([ended('c', 0)], 'notready'), { terminal: true, verdict });
    expect([s.phase, s.reason, s.message]).toEqual(['Failed', 'Evicted', verdict.message]);
  });

  it('waits for readiness gates', () => {
    const p = pod({ readinessGates: [{ conditionType: 'x.io/ok' }] });
    expect(shortly(said(p, observed([run('c')])), 'Ready')).toBe(
      'False ReadinessGatesNotReady corresponding condition of pod readiness gate "x.io/ok" does not exist.',
    );
    const with_ = { ...p, status: { conditions: [{ type: 'x.io/ok', status: 'True' }] } };
    expect(shortly(said(with_, observed([run('c')])), 'Ready')).toBe('True');
  });

  it('keeps the time of a condition that has not changed', () => {
    const before = said(pod({}), observed([run('c')]));
    const after = said({ ...pod({}), status: before }, observed([run('c')]), { now: 120_000 });
    expect(after.conditions).toEqual(before.conditions);
  });
});

describe('a status patch', () => {
  it('is nothing when nothing changed, also when the API writes absent fields as null', () => {
    const s = said(pod({}), observed([run('c')]));
    const conditions = s.conditions?.map((c) => ({ ...c, lastProbeTime: null as unknown as string }));
    expect(statusPatch({ ...s, conditions: conditions ?? [] }, s)).toBeUndefined();
  });

  it('takes addresses back as a whole and clears what is no longer said', () => {
    const from = said(pod({}), observed([run('c')]));
    const to = said({ ...pod({}), status: from }, observed([ended('c', 0)], 'notready'), { terminal: true });
    const patch = statusPatch(from, to);
    expect(patch).toMatchObject({ podIP: null, podIPs: null, phase: 'Succeeded' });
  });

  it('leaves the conditions of others alone', () => {
    const from = { ...said(pod({}), observed([])), conditions: [{ type: 'x.io/ok', status: 'True' }] };
    const to = said({ ...pod({}), status: from }, observed([run('c')]));
    const conditions = statusPatch(from, to)?.conditions as { type: string }[];
    expect(conditions.map((c) => c.type)).not.toContain('x.io/ok');
  });
});
