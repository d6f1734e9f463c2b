// What all runtimes must do with sandboxes and containers, whether they run processes or not.
import { expect, test } from 'vitest';
import { RuntimeError, type RuntimeEvent } from '../port.ts';
import type { Bench } from './bench.ts';
import type { ConformanceOptions } from './options.ts';

export function lifecycles(options: ConformanceOptions, bench: () => Bench): void {
  test('a sandbox runs, has an address, stops and goes; doing it again is no error', async () => {
    const b = bench();
    const { id, config } = await b.sandbox();
    const status = await b.runtime.podSandboxStatus(id);
    expect(status).toMatchObject({ id, name: config.name, uid: config.uid, state: 'ready', labels: config.labels });
    expect(status.annotations).toMatchObject({ note: 'kept' });
    expect(status.ips).toHaveLength(1);
    expect((await b.runtime.listPodSandboxes()).map((s) => s.id)).toContain(id);
    await b.runtime.stopPodSandbox(id);
    await b.runtime.stopPodSandbox(id);
    expect((await b.runtime.podSandboxStatus(id)).state).toBe('notready');
    await b.runtime.removePodSandbox(id);
    await b.runtime.removePodSandbox(id);
    await expect(b.runtime.podSandboxStatus(id)).rejects.toThrow(RuntimeError);
    expect((await b.runtime.listPodSandboxes()).map((s) => s.id)).not.toContain(id);
  });

  test('no two pods have the same address', async () => {
    const b = bench();
    const pods = await Promise.all([1, 2, 3, 4, 5].map(() => b.sandbox()));
    const ips = await Promise.all(pods.map(async (p) => (await b.runtime.podSandboxStatus(p.id)).ips[0]));
    expect(new Set(ips).size).toBe(5);
  });

  test('a container is created, runs, ends with its exit code and is removed', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const config = b.containerConfig(options.exit(7));
    const id = await b.runtime.createContainer(pod.id, config, pod.config);
    expect(await b.runtime.containerStatus(id)).toMatchObject({ state: 'created', startedAt: 0, finishedAt: 0 });
    await b.runtime.startContainer(id);
    const status = await b.exited(id);
    expect(status).toMatchObject({
      exitCode: 7,
      reason: 'Error',
      name: 'main',
      sandboxId: pod.id,
      labels: { role: 'main' },
    });
    expect(status.startedAt).toBeGreaterThan(0);
    expect(status.finishedAt).toBeGreaterThanOrEqual(status.startedAt - 1000);
    await b.runtime.removeContainer(id);
    await b.runtime.removeContainer(id);
    await expect(b.runtime.containerStatus(id)).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('an end without error is Completed', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, options.exit(0));
    expect(await b.exited(id)).toMatchObject({ exitCode: 0, reason: 'Completed' });
  });

  test('a command that is not there: the start fails and says so', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.runtime.createContainer(pod.id, b.containerConfig(options.missing), pod.config);
    await expect(b.runtime.startContainer(id)).rejects.toMatchObject({ kind: 'run-container' });
    expect(await b.runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 128, reason: 'StartError' });
  });

  test('stopping a container ends it; stopping it again is no error', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, options.forever);
    expect((await b.runtime.containerStatus(id)).state).toBe('running');
    await b.runtime.stopContainer(id, 100);
    expect((await b.runtime.containerStatus(id)).state).toBe('exited');
    expect((await b.runtime.containerStatus(id)).exitCode).not.toBe(0);
    await b.runtime.stopContainer(id, 100);
  });

  test('stopping a sandbox ends its containers, removing it removes them', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, options.forever);
    await b.runtime.stopPodSandbox(pod.id);
    expect((await b.runtime.containerStatus(id)).state).toBe('exited');
    await b.runtime.removePodSandbox(pod.id);
    await expect(b.runtime.containerStatus(id)).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('events tell of starts and ends', async () => {
    if (options.events === false) return;
    const b = bench();
    const seen: RuntimeEvent[] = [];
    const stop = b.runtime.onEvent((event) => seen.push(event));
    const pod = await b.sandbox();
    const id = await b.start(pod, options.exit(3));
    const status = await b.exited(id);
    await expect
      .poll(() => seen.filter((e) => e.containerId === id).map((e) => e.type))
      .toEqual(['created', 'started', 'stopped']);
    expect(status.exitCode).toBe(3);
    expect(seen.every((e) => e.podUid === pod.config.uid)).toBe(true);
    stop();
  });

  test('unknown ids are not found', async () => {
    const b = bench();
    await expect(b.runtime.containerStatus('nothing')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(b.runtime.startContainer('nothing')).rejects.toMatchObject({ kind: 'not-found' });
    await b.runtime.stopContainer('nothing', 0);
    await b.runtime.removeContainer('nothing');
    await b.runtime.stopPodSandbox('nothing');
    await b.runtime.removePodSandbox('nothing');
  });

  test('stats of a running pod have a time and its containers', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, options.forever);
    const stats = await b.runtime.podSandboxStats(pod.id);
    expect(stats).toMatchObject({ id: pod.id, uid: pod.config.uid });
    expect(stats.containers.map((c) => c.id)).toEqual([id]);
    expect((await b.runtime.listPodSandboxStats()).map((s) => s.id)).toContain(pod.id);
  });
}
