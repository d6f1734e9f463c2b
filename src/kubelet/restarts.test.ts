// Restarts over minutes and hours, on a clock that is moved by hand.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createInformerFactory, HandClock } from '../client/index.ts';
import type { Container, ContainerStatus, Event, Pod } from '../resources/generated/core-v1.ts';
import { createKubelet, noMounts } from './index.ts';
import { Backoff, CRASH_LOOP } from './pod/restart.ts';
import { networkReach } from './probes/reach.ts';
import { FakeApi } from './test-support/fake-client.ts';
import { type FakeContainer, FakeImages, FakeRuntime } from './test-support/fake-runtime.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe('the back-off of a container', () => {
  const begin = 1_000_000;
  it('is nothing at first, then ten seconds, doubled each time, five minutes at most', () => {
    const backoff = new Backoff(CRASH_LOOP);
    let now = begin;
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      const until = backoff.until('c', now);
      waits.push((until - now) / SECOND);
      backoff.next('c', now, until);
      now = until + SECOND; // It runs for a second and ends.
    }
    expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 300, 300]);
  });

  it('is forgotten when the container has run for ten minutes', () => {
    const backoff = new Backoff(CRASH_LOOP);
    for (let i = 0; i < 5; i++) backoff.next('c', begin, begin);
    expect(backoff.until('c', begin + 10 * MINUTE)).toBeGreaterThan(begin + 10 * MINUTE);
    const after = begin + 10 * MINUTE + 1;
    expect(backoff.until('c', after)).toBe(after);
    backoff.next('c', after, after);
    expect(backoff.until('c', after) - after).toBe(10 * SECOND);
  });
});

describe('a container on a clock by hand', () => {
  let dir: string;
  let clock: HandClock;
  let api: FakeApi;
  let runtime: FakeRuntime;
  let stop: AbortController;
  let running: Promise<void>;

  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'restarts-test-'));
    clock = new HandClock();
    api = new FakeApi();
    runtime = new FakeRuntime(clock);
    const images = new FakeImages();
    images.add('busybox');
    const client = api.client();
    stop = new AbortController();
    const kubelet = createKubelet({
      client,
      informers: createInformerFactory(client, { clock }),
      runtime,
      images,
      clock,
      nodeName: 'n1',
      nodeIps: ['192.0.2.7'],
      rootDir: path.join(dir, 'kubelet'),
      logDir: path.join(dir, 'logs'),
      secretDir: path.join(dir, 'secrets'),
      mounts: noMounts(),
      reach: networkReach(),
    });
    running = kubelet.run(stop.signal);
    await kubelet.registered;
  });

  afterEach(async () => {
    stop.abort();
    await clock.advance(MINUTE);
    await running;
    await rm(dir, { recursive: true, force: true });
  });

  const create = (container: Partial<Container>, restartPolicy = 'Always'): void => {
    api.put('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'ns', uid: 'u1' },
      spec: {
        nodeName: 'n1',
        restartPolicy,
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'c', image: 'busybox', imagePullPolicy: 'IfNotPresent', ...container }],
      },
      status: { phase: 'Pending' },
    } as Pod);
  };
  const container = (): ContainerStatus | undefined => api.read<Pod>('pods', 'ns', 'p')?.status?.containerStatuses?.[0];

  /** Moves the clock on in steps, with time for files and promises, until it holds. Answers how long it took by the clock. */
  async function passed(good: () => boolean, limit: number, step = SECOND): Promise<number> {
    const began = clock.now();
    while (!good()) {
      if (clock.now() - began > limit) throw new Error(`not within ${limit} ms: ${JSON.stringify(container())}`);
      await clock.advance(step);
      await settled();
    }
    return clock.now() - began;
  }
  /** Until the file system has answered all that it was asked, however slow the machine is, and nothing was asked since. */
  async function settled(): Promise<void> {
    for (let quiet = 0; quiet < 50; quiet++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (process.getActiveResourcesInfo().some((name) => /^(FSReq|CloseReq)/.test(name))) quiet = -1;
    }
  }
  /** Waits while the clock stands still. */
  async function atOnce(good: () => boolean): Promise<void> {
    for (let i = 0; !good(); i++) {
      if (i > 2_000) throw new Error(`it waits for the clock: ${JSON.stringify(container())}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  const isRunning = (restarts: number) => (): boolean =>
    container()?.restartCount === restarts && container()?.state?.running !== undefined;

  it('that a probe finds ill five times is counted five times, later each time', async () => {
    runtime.execResult = () => ({ exitCode: 1, stdout: Buffer.from('ill\n'), stderr: new Uint8Array() });
    create({ livenessProbe: { exec: { command: ['check'] }, periodSeconds: 1, failureThreshold: 1 } });
    const runs: FakeContainer[] = [];
    for (let n = 0; n <= 5; n++) {
      await passed(() => runtime.calls.includes(`start c ${n}`), 5 * MINUTE);
      const run = [...runtime.containers.values()].find((c) => c.attempt === n);
      if (run !== undefined) runs.push(run);
    }
    expect(runs.map((r) => r.attempt)).toEqual([0, 1, 2, 3, 4, 5]);
    const waits = runs.slice(1).map((r, i) => (r.startedAt - (runs[i]?.finishedAt ?? 0)) / SECOND);
    // Ended by the kubelet itself, it is started again at once, unless the run before it has ended just now as well.
    for (const [i, least] of [0, 0, 10, 20, 40].entries()) {
      expect(waits[i]).toBeGreaterThanOrEqual(least);
      expect(waits[i]).toBeLessThan(least + 5);
    }
    await passed(() => (container()?.restartCount ?? 0) >= 5, MINUTE);
    const told = api.all<Event>('events').filter((e) => e.reason === 'Killing');
    expect(told.map((e) => e.message)).toContain('Container c failed liveness probe, will be restarted');
  });

  it('whose postStart hook fails says so, for a moment, before its back-off is told', async () => {
    runtime.execResult = () => ({ exitCode: 3, stdout: Buffer.from('oops\n'), stderr: new Uint8Array() });
    create({ lifecycle: { postStart: { exec: { command: ['sh', '-c', 'x'] } } } });
    const reason = (): string | undefined => container()?.state?.waiting?.reason;
    await passed(() => reason() === 'PostStartHookError', 20 * SECOND, 500);
    const why = 'error: command \'sh -c x\' exited with 3: oops\n, message: "oops\\n"';
    expect(container()?.state?.waiting?.message).toBe(
      `Exec lifecycle hook ([sh -c x]) for Container "c" in Pod "p_ns(u1)" failed - ${why}`,
    );
    await passed(() => reason() === 'CrashLoopBackOff', 20 * SECOND, 500);
    expect(container()?.restartCount).toBe(1);
    expect(api.all<Event>('events').filter((e) => e.reason === 'Failed')).toEqual([]);
  });

  it('that a probe ends is not done when it ends well, whatever its policy', async () => {
    runtime.execResult = () => ({ exitCode: 1, stdout: Buffer.from('ill\n'), stderr: new Uint8Array() });
    create({ livenessProbe: { exec: { command: ['check'] }, periodSeconds: 1, failureThreshold: 1 } }, 'OnFailure');
    runtime.stopExitCode = 0;
    await passed(() => runtime.calls.includes('start c 1'), MINUTE);
    expect(api.read<Pod>('pods', 'ns', 'p')?.status?.phase).toBe('Running');
  });

  it('that fails after ten good minutes is started again at once', async () => {
    create({});
    await passed(isRunning(0), MINUTE);
    const fail = (): void => runtime.exit(runtime.byName('c')?.id ?? '', 1);
    fail();
    await atOnce(isRunning(1));
    fail();
    expect(await passed(isRunning(2), MINUTE)).toBeGreaterThanOrEqual(9 * SECOND);
    fail();
    expect(await passed(isRunning(3), MINUTE)).toBeGreaterThanOrEqual(19 * SECOND);
    await clock.advance(11 * MINUTE);
    fail();
    await atOnce(isRunning(4));
  });

  it('is ended when the deadline of its pod has come, though nobody asks', async () => {
    create({});
    await passed(isRunning(0), MINUTE);
    const pod = api.read<Pod>('pods', 'ns', 'p');
    if (pod?.spec === undefined) throw new Error('no pod');
    const bounded: Pod = { ...pod, spec: { ...pod.spec, activeDeadlineSeconds: 600 } };
    api.put('pods', bounded);
    const took = await passed(
      () => api.read<Pod>('pods', 'ns', 'p')?.status?.phase === 'Failed',
      20 * MINUTE,
      10 * SECOND,
    );
    expect(took).toBeGreaterThan(9 * MINUTE);
    expect(took).toBeLessThan(11 * MINUTE);
    expect(api.read<Pod>('pods', 'ns', 'p')?.status?.reason).toBe('DeadlineExceeded');
  });
});
