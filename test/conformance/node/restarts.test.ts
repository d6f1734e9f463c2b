// How containers come to run again, one or all of a pod, and by which signal they are told to end.
import { describe, expect, it } from 'vitest';
import type { Container, Pod } from '../../../src/resources/generated/core-v1.ts';
import { isRoot } from '../../e2e/cluster.ts';
import { busybox, containerStatus, isReady, podOf, restarts, STAY, useLab } from './lab.ts';

describe.skipIf(!isRoot)('a container (needs root)', { concurrent: true }, () => {
  const lab = useLab({ namespace: 'restarts', images: { signalled: { StopSignal: 'SIGUSR1' } } });
  const parts = { restartPolicy: 'Never', volumes: [{ name: 'shared', emptyDir: {} }] };
  const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
  /** Counts its runs in a file and then goes on by their number. */
  const counting = (name: string, script: string, more: Partial<Container> = {}): Container => ({
    name,
    ...busybox,
    command: ['sh', '-c', `echo x >> /shared/${name}; n=$(wc -l < /shared/${name}); ${script}`],
    volumeMounts,
    ...more,
  });
  const rule = (action: string, operator: string, ...values: number[]) => ({
    action,
    exitCodes: { operator, values },
  });

  it('of a pod that never restarts runs again when a rule says so, and only then', async () => {
    const main = counting('main', '[ $n = 1 ] && exit 42; exit 7', {
      restartPolicy: 'Never',
      restartPolicyRules: [rule('Restart', 'In', 42)],
    });
    const pod = await lab().over(podOf('rule-in', main, parts));
    expect(containerStatus(pod)).toMatchObject({ restartCount: 1, state: { terminated: { exitCode: 7 } } });
    expect(pod.status?.phase).toBe('Failed');
  });

  it('runs again unless it ends with what a rule leaves out', async () => {
    const main = counting('main', '[ $n = 1 ] && exit 1; exit 3', {
      restartPolicy: 'Never',
      restartPolicyRules: [rule('Restart', 'NotIn', 0, 3)],
    });
    const pod = await lab().over(podOf('rule-not-in', main, parts));
    expect(containerStatus(pod)).toMatchObject({ restartCount: 1, state: { terminated: { exitCode: 3 } } });
  });

  it('may have a restart policy of its own, the first of a pod too', async () => {
    const main = counting('main', '[ $n = 1 ] && exit 1; exit 0', { restartPolicy: 'OnFailure' });
    const pod = await lab().over(podOf('own-policy', main, parts));
    expect([pod.status?.phase, restarts(pod)]).toEqual(['Succeeded', 1]);
    const first = counting('first', '[ $n = 1 ] && exit 42; exit 0', {
      restartPolicy: 'Never',
      restartPolicyRules: [rule('Restart', 'In', 42)],
    });
    const after = counting('main', 'exit 0');
    const begun = await lab().over(podOf('own-policy-init', after, { ...parts, initContainers: [first] }));
    expect([begun.status?.phase, restarts(begun, 'first'), restarts(begun, 'main')]).toEqual(['Succeeded', 1, 0]);
  });

  it('may have all of its pod start over, in the same place and without hooks', async () => {
    const initContainers = [
      counting('first', 'true'),
      counting('side', STAY, {
        restartPolicy: 'Always',
        lifecycle: { preStop: { exec: { command: ['touch', '/shared/stopped'] } } },
      }),
    ];
    const watcher = counting('watcher', `[ $n = 1 ] && { sleep 1; exit 88; }; ${STAY}`, {
      restartPolicy: 'Never',
      restartPolicyRules: [rule('RestartAllContainers', 'In', 88)],
    });
    const deaf = counting('main', 'trap "" TERM; while true; do sleep 0.1; done');
    await lab().create(
      podOf('all', deaf, { ...parts, terminationGracePeriodSeconds: 600, initContainers, more: [watcher] }),
    );
    const before = await lab().seen('all', isReady);
    const names = ['first', 'side', 'main', 'watcher'];
    const after = await lab().seen('all', (p) => isReady(p) && names.every((n) => restarts(p, n) === 1), 60_000);
    expect(after.status?.podIP).toBe(before.status?.podIP);
    const removed = { terminated: { exitCode: 137, reason: 'RestartingAllContainers' } };
    for (const name of names) expect(containerStatus(after, name)?.lastState, name).toMatchObject(removed);
    // What was in the volume is there still: every container has run twice, and no hook was called.
    expect(
      await lab().sh('all', 'cd /shared; wc -l first side main watcher | head -4; ls stopped 2>&1; true', 'main'),
    ).toMatch(/2 first\s+2 side\s+2 main\s+2 watcher\n.*No such file/);
    const restarting = (p: Pod) => p.status?.conditions?.find((c) => c.type === 'AllContainersRestarting');
    const told = lab()
      .history.of('all')
      .map((p) => restarting(p)?.status);
    expect(told.filter((s, i) => s !== told[i - 1])).toEqual(['False', 'True', 'False']);
    const during = lab()
      .history.of('all')
      .find((p) => restarting(p)?.status === 'True');
    expect(during && restarting(during)).toMatchObject({
      reason: 'RestartAllContainersStarted',
      message: 'container exited with restart policy rule',
    });
    expect(during?.status?.conditions?.find((c) => c.type === 'Initialized')?.status).toBe('True');
    const phases = lab()
      .history.of('all')
      .map((p) => p.status?.phase);
    expect(phases.lastIndexOf('Pending')).toBeLessThan(phases.indexOf('Running'));
    await lab().delete('all', 1);
  });

  it('keeps those that were added for debugging when all others start over', async () => {
    const watcher = counting(
      'main',
      `[ $n = 1 ] && { while [ ! -e /shared/go ]; do sleep 0.1; done; exit 88; }; ${STAY}`,
      {
        restartPolicy: 'Never',
        restartPolicyRules: [rule('RestartAllContainers', 'In', 88)],
      },
    );
    await lab().ready(podOf('all-debug', watcher, parts));
    const path = `${lab().path('pods')}/all-debug/ephemeralcontainers`;
    const pod = (await lab().client.raw('GET', path)) as Pod;
    const ephemeralContainers = [{ name: 'debug', ...busybox, command: ['sh', '-c', STAY] }];
    await lab().client.raw('PUT', path, { ...pod, spec: { ...pod.spec, ephemeralContainers } });
    const seen = await lab().seen('all-debug', (p) => containerStatus(p, 'debug')?.state?.running !== undefined);
    await lab().sh('all-debug', 'touch /shared/go', 'main');
    const after = await lab().seen('all-debug', (p) => restarts(p) === 1 && isReady(p));
    expect(containerStatus(after, 'debug')?.containerID).toBe(containerStatus(seen, 'debug')?.containerID);
    expect(containerStatus(after, 'debug')?.state?.running).toBeDefined();
  });

  it('is told to end by the signal of its image, or by that of the pod', async () => {
    const script =
      'for s in TERM USR1 USR2; do trap "echo $s > /dev/termination-log; exit 0" $s; done; echo heeds; while true; do sleep 0.1; done';
    const command = ['sh', '-c', script];
    const long = { terminationGracePeriodSeconds: 20 };
    await Promise.all([
      lab().ready(podOf('signal-none', { command }, long)),
      lab().ready(podOf('signal-image', { command, image: 'signalled' }, long)),
      lab().ready(
        podOf(
          'signal-pod',
          { command, image: 'signalled', lifecycle: { stopSignal: 'SIGUSR2' } },
          { ...long, os: { name: 'linux' } },
        ),
      ),
    ]);
    const last = async (name: string) => {
      // The first process hears no signal that it has not asked for.
      await lab().logged(name, 'heeds\n');
      await lab().delete(name);
      const pod = await lab().seen(name, (p) => containerStatus(p)?.state?.terminated !== undefined);
      return containerStatus(pod)?.state?.terminated?.message?.trim();
    };
    expect(await Promise.all(['signal-none', 'signal-image', 'signal-pod'].map(last))).toEqual([
      'TERM',
      'USR1',
      'USR2',
    ]);
    const shown = lab()
      .history.of('signal-pod')
      .map((p) => containerStatus(p)?.stopSignal);
    expect(shown).toContain('SIGUSR2');
  });
});
