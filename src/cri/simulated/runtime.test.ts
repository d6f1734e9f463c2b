// The simulated runtime under the suite that all runtimes share, and its rules on a clock that only the test moves.
import { expect, test } from 'vitest';
import { type Clock, systemClock, systemRandom } from '../../host/clock.ts';
import { runtimeConformance } from '../conformance/index.ts';
import { RUNS_TO_COMPLETION } from '../port.ts';
import { containerConfig, podConfig } from '../test-configs.ts';
import { SimulatedImages } from './images.ts';
import { ANNOTATIONS } from './rules.ts';
import { SimulatedRuntime } from './runtime.ts';

runtimeConformance({
  name: 'simulated runtime',
  processes: false,
  forever: ['serve'],
  exit: (code) => ['sh', '-c', `exit ${code}`],
  missing: ['missing'],
  open: async () => ({
    runtime: new SimulatedRuntime({
      clock: systemClock,
      random: systemRandom,
      rule: (config) => (config.command[0] === 'missing' ? { startError: 'no such program' } : {}),
    }),
    image: 'sha256:simulated',
    close: async () => undefined,
  }),
});

class HandClock implements Clock {
  time = 1_000_000;
  readonly timers: { at: number; callback: () => void }[] = [];
  now(): number {
    return this.time;
  }
  setTimer(ms: number, callback: () => void): { cancel(): void } {
    const timer = { at: this.time + ms, callback };
    this.timers.push(timer);
    return { cancel: () => this.timers.splice(this.timers.indexOf(timer), 1) };
  }
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.setTimer(ms, resolve));
  }
  move(ms: number): void {
    this.time += ms;
    for (const timer of this.timers.filter((t) => t.at <= this.time)) {
      this.timers.splice(this.timers.indexOf(timer), 1);
      timer.callback();
    }
  }
}

const sandbox = (annotations: Record<string, string>) => podConfig('u', { logDirectory: '/nowhere', annotations });

test('a container ends when the clock says so, and not before', async () => {
  const clock = new HandClock();
  const runtime = new SimulatedRuntime({ clock, random: systemRandom });
  const config = sandbox({ [`${ANNOTATIONS.runFor}.c`]: '3600', [ANNOTATIONS.exitCode]: '4' });
  const pod = await runtime.runPodSandbox(config);
  const id = await runtime.createContainer(pod, containerConfig('x', []));
  await runtime.startContainer(id);
  clock.move(3_599_000);
  expect((await runtime.containerStatus(id)).state).toBe('running');
  clock.move(1000);
  expect(await runtime.containerStatus(id)).toMatchObject({
    state: 'exited',
    exitCode: 4,
    reason: 'Error',
    finishedAt: 4_600_000,
  });
});

test('what others wait for ends at once, unless it is told to run', async () => {
  const clock = new HandClock();
  const runtime = new SimulatedRuntime({ clock, random: systemRandom });
  const pod = await runtime.runPodSandbox(sandbox({ [`${ANNOTATIONS.runFor}.slow`]: '60' }));
  const started = async (name: string): Promise<string> => {
    const config = { ...containerConfig(name, []), name, annotations: { [RUNS_TO_COMPLETION]: 'true' } };
    const id = await runtime.createContainer(pod, config);
    await runtime.startContainer(id);
    return id;
  };
  const [quick, slow] = [await started('quick'), await started('slow')];
  clock.move(0);
  expect(await runtime.containerStatus(quick)).toMatchObject({ state: 'exited', exitCode: 0 });
  expect((await runtime.containerStatus(slow)).state).toBe('running');
});

test('one that ignores the stop signal is killed when its time is over', async () => {
  const clock = new HandClock();
  const runtime = new SimulatedRuntime({ clock, random: systemRandom });
  const pod = await runtime.runPodSandbox(sandbox({ [ANNOTATIONS.ignoreStop]: 'true' }));
  const id = await runtime.createContainer(pod, containerConfig('x', []));
  await runtime.startContainer(id);
  const stopped = runtime.stopContainer(id, 30_000);
  clock.move(29_000);
  expect((await runtime.containerStatus(id)).state).toBe('running');
  clock.move(1000);
  await stopped;
  expect(await runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 137 });
});

test('images come by name and are refused by name', async () => {
  const images = new SimulatedImages({ clock: systemClock });
  expect(await images.imageStatus('nginx')).toBeUndefined();
  const id = await images.pullImage('nginx', undefined);
  expect((await images.imageStatus('docker.io/library/nginx:latest'))?.id).toBe(id);
  await expect(images.pullImage('Bad Name', undefined)).rejects.toMatchObject({ kind: 'invalid-image-name' });
  await images.removeImage('nginx');
  expect(await images.listImages()).toEqual([]);
});
