// The stages of a pod: init containers, containers that are added to it later, and paths made of variables.
import { describe, expect, it } from 'vitest';
import type { Container, EphemeralContainer, Pod } from '../../../src/resources/generated/core-v1.ts';
import { isRoot } from '../../e2e/cluster.ts';
import { covers } from '../covers.ts';
import { busybox, containerStatus, isReady, podOf, restarts, STAY, scriptPod, useLab } from './lab.ts';

describe.skipIf(!isRoot)('a pod (needs root)', { concurrent: true }, () => {
  const lab = useLab({ namespace: 'stages' });
  const stay = { command: ['sh', '-c', STAY] };
  const init = (name: string, ...command: string[]): Container => ({ name, ...busybox, command });
  const condition = (pod: Pod, type: string) => pod.status?.conditions?.find((c) => c.type === type);
  const ran = (pod: Pod) => pod.status?.initContainerStatuses?.map((s) => s.state?.terminated?.exitCode);

  describe('with init containers', () => {
    it(covers('init-container-starts-app-restartnever-pod'), async () => {
      const initContainers = [init('init1', '/bin/true'), init('init2', '/bin/true')];
      const pod = await lab().over(
        podOf('init-never', { command: ['/bin/true'] }, { restartPolicy: 'Never', initContainers }),
      );
      expect(pod.status?.phase).toBe('Succeeded');
      expect(condition(pod, 'Initialized')).toMatchObject({ status: 'True' });
      expect(ran(pod)).toEqual([0, 0]);
      expect(pod.status?.initContainerStatuses?.every((s) => s.ready)).toBe(true);
    });

    it(covers('init-container-starts-app-restartalways-pod'), async () => {
      const initContainers = [init('init1', '/bin/true'), init('init2', '/bin/true')];
      const pod = await lab().ready(podOf('init-always', stay, { initContainers }));
      expect(pod.status?.phase).toBe('Running');
      expect(condition(pod, 'Initialized')).toMatchObject({ status: 'True' });
      expect(ran(pod)).toEqual([0, 0]);
      expect(containerStatus(pod)?.state?.running).toBeDefined();
      // One after the other, and before the app.
      const times = (pod.status?.initContainerStatuses ?? []).map((s) => s.state?.terminated);
      expect(Date.parse(times[1]?.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(times[0]?.finishedAt ?? ''));
      expect(
        lab()
          .history.of('init-always')
          .some((p) => condition(p, 'Initialized')?.status === 'False'),
      ).toBe(true);
    });

    it(covers('init-container-fails-stops-app-restartnever-pod'), async () => {
      const initContainers = [init('init1', '/bin/true'), init('init2', '/bin/false')];
      const pod = await lab().over(
        podOf('init-fails-never', { command: ['/bin/true'] }, { restartPolicy: 'Never', initContainers }),
      );
      expect(pod.status?.phase).toBe('Failed');
      expect(condition(pod, 'Initialized')).toMatchObject({
        status: 'False',
        reason: 'ContainersNotInitialized',
        message: 'containers with incomplete status: [init2]',
      });
      expect(ran(pod)).toEqual([0, 1]);
      expect(containerStatus(pod, 'main')?.state?.waiting?.reason).toBe('PodInitializing');
      expect(
        lab()
          .history.of('init-fails-never')
          .some((p) => containerStatus(p, 'main')?.started === true),
      ).toBe(false);
    });

    it(covers('init-container-fails-stops-app-restartalways-pod'), async () => {
      const initContainers = [init('init1', '/bin/false'), init('init2', '/bin/true')];
      await lab().create(podOf('init-fails-always', { command: ['/bin/true'] }, { initContainers }));
      const pod = await lab().seen('init-fails-always', (p) => restarts(p, 'init1') >= 2, 40_000);
      expect(pod.status?.phase).toBe('Pending');
      expect(condition(pod, 'Initialized')?.message).toBe('containers with incomplete status: [init1 init2]');
      const states = lab().history.of('init-fails-always');
      for (const later of ['init2', 'main']) {
        expect(states.map((p) => containerStatus(p, later)?.state).filter((s) => s?.running ?? s?.terminated)).toEqual(
          [],
        );
      }
      expect(states.some((p) => containerStatus(p, 'init1')?.state?.waiting?.reason === 'CrashLoopBackOff')).toBe(true);
    });

    it('starts a sidecar before the next init container, and ends it after the app', async () => {
      const sidecar: Container = {
        ...init('side', 'sh', '-c', `touch /shared/up; ${STAY}`),
        restartPolicy: 'Always',
        startupProbe: { exec: { command: ['cat', '/shared/up'] }, periodSeconds: 1, failureThreshold: 30 },
        volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
      };
      const second: Container = {
        ...init('second', 'cat', '/shared/up'),
        volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
      };
      const parts = {
        restartPolicy: 'Never',
        initContainers: [sidecar, second],
        volumes: [{ name: 'shared', emptyDir: {} }],
      };
      const pod = await lab().over(podOf('sidecar', { command: ['/bin/true'] }, parts));
      expect(pod.status?.phase).toBe('Succeeded');
      expect(containerStatus(pod, 'second')?.state?.terminated?.exitCode).toBe(0);
      expect(containerStatus(pod, 'side')?.state?.terminated).toBeDefined();
    });
  });

  describe('with ephemeral containers', () => {
    const path = (name: string) => `${lab().path('pods')}/${name}/ephemeralcontainers`;
    const add = async (name: string, ...added: EphemeralContainer[]) => {
      const pod = (await lab().client.raw('GET', path(name))) as Pod;
      const spec = {
        ...pod.spec,
        containers: pod.spec?.containers ?? [],
        ephemeralContainers: [...(pod.spec?.ephemeralContainers ?? []), ...added],
      };
      return (await lab().client.raw('PUT', path(name), { ...pod, spec })) as Pod;
    };
    const debug = (name: string): EphemeralContainer => ({
      name,
      ...busybox,
      command: ['sh', '-c', `echo polo ${name}; ${STAY}`],
      targetContainerName: 'main',
    });
    const runs = (name: string, container: string) =>
      lab().seen(
        name,
        (p) => p.status?.ephemeralContainerStatuses?.some((s) => s.name === container && s.state?.running) === true,
      );

    it(covers('Ephemeral Container Creation'), async () => {
      await lab().ready(podOf('ephemeral', stay));
      await add('ephemeral', debug('debugger'));
      await runs('ephemeral', 'debugger');
      await lab().logged('ephemeral', 'polo debugger\n', 'container=debugger');
      // It sees the processes of its target.
      expect(await lab().sh('ephemeral', 'ps', 'debugger')).toContain('trap "exit 0"');
      expect(isReady(await lab().get('ephemeral'))).toBe(true);
    });

    it(covers('Ephemeral Container, update ephemeral containers'), async () => {
      await lab().ready(podOf('ephemeral-two', stay));
      const count = async () => (await lab().get('ephemeral-two')).spec?.ephemeralContainers?.map((c) => c.name);
      await add('ephemeral-two', debug('one'));
      await runs('ephemeral-two', 'one');
      expect(await count()).toEqual(['one']);
      await add('ephemeral-two', debug('two'));
      await runs('ephemeral-two', 'two');
      expect(await count()).toEqual(['one', 'two']);
      // What is there stays as it is.
      const pod = await lab().get('ephemeral-two');
      const changed = { ...pod, spec: { ...pod.spec, ephemeralContainers: [debug('two')] } };
      await expect(lab().client.raw('PUT', path('ephemeral-two'), changed)).rejects.toMatchObject({
        reason: 'Invalid',
      });
    });

    it('never starts one again that has ended', async () => {
      await lab().ready(podOf('ephemeral-ends', stay));
      await add('ephemeral-ends', { ...debug('short'), command: ['sh', '-c', 'exit 4'] });
      const pod = await lab().seen(
        'ephemeral-ends',
        (p) => containerStatus(p, 'short')?.state?.terminated !== undefined,
      );
      expect(containerStatus(pod, 'short')).toMatchObject({ restartCount: 0, state: { terminated: { exitCode: 4 } } });
      expect(isReady(await lab().get('ephemeral-ends'))).toBe(true);
    });
  });

  describe('with a subPathExpr', () => {
    const parts = { volumes: [{ name: 'work', emptyDir: {} }] };
    const env = [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'ANNOTATION', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['mysubpath']" } } },
    ];
    const mount = (subPathExpr: string, mountPath = '/sub') => ({ name: 'work', mountPath, subPathExpr });
    const whole = { name: 'work', mountPath: '/whole' };

    it(covers('VolumeSubpathEnvExpansion, subpath expansion'), async () => {
      const script = 'test -d /whole/foo/subpath-expand && echo there; touch /sub/x; ls /whole/foo/subpath-expand';
      const container = { env, volumeMounts: [mount('foo/$(POD_NAME)'), whole] };
      expect(await lab().output(scriptPod('subpath-expand', script, container, parts))).toBe('there\nx\n');
    });

    const refused = async (name: string, env: Container['env'], message: RegExp) => {
      const container = { ...stay, env, volumeMounts: [mount('$(NAME_)')] };
      await lab().create(podOf(name, container, parts));
      const pod = await lab().seen(name, (p) => containerStatus(p)?.state?.waiting?.message !== undefined);
      expect(containerStatus(pod)?.state?.waiting).toMatchObject({
        reason: 'CreateContainerConfigError',
        message: expect.stringMatching(message) as string,
      });
      expect(pod.status?.phase).toBe('Pending');
    };

    it(covers('VolumeSubpathEnvExpansion, subpath with absolute path'), () =>
      refused(
        'subpath-absolute',
        [{ name: 'NAME_', value: '/tmp' }],
        /^error SubPath `\/tmp` must not be an absolute path$/,
      ),
    );

    it(covers('VolumeSubpathEnvExpansion, subpath with backticks'), () =>
      refused(
        'subpath-backticks',
        [{ name: 'NAME_', value: '..' }],
        /^unable to provision SubPath `\.\.`: must not contain '\.\.'$/,
      ).then(async () => {
        // Backticks are characters like others: no shell sees them.
        const container = { env: [{ name: 'POD_', value: '`ls`' }], volumeMounts: [mount('$(POD_)'), whole] };
        expect(await lab().output(scriptPod('subpath-ticks', 'ls /whole', container, parts))).toBe('`ls`\n');
      }),
    );

    it(covers('VolumeSubpathEnvExpansion, subpath test writes'), async () => {
      const container = { ...stay, env, volumeMounts: [mount('$(ANNOTATION)'), whole] };
      const pod = podOf('subpath-writes', container, { ...parts, annotations: { mysubpath: 'mypath' } });
      await lab().ready(pod);
      expect(await lab().sh('subpath-writes', 'echo hi > /sub/test.log; cat /whole/mypath/test.log')).toBe('hi\n');
      // A change of what it was made of moves nothing, and the volume goes with the pod all the same.
      const ran = await lab().kubectl('annotate', '--overwrite', 'pod/subpath-writes', 'mysubpath=mynewpath');
      expect(ran).toMatchObject({ code: 0 });
      expect(await lab().sh('subpath-writes', 'cat /sub/test.log; ls /whole')).toBe('hi\nmypath\n');
      await lab().remove('subpath-writes');
    });

    it(covers('VolumeSubpathEnvExpansion, subpath ready from failed state'), async () => {
      const container = { ...stay, env, volumeMounts: [mount('$(ANNOTATION)'), whole] };
      await lab().create(podOf('subpath-mended', container, { ...parts, annotations: { notmysubpath: 'mypath' } }));
      const stuck = await lab().seen(
        'subpath-mended',
        (p) => containerStatus(p)?.state?.waiting?.message !== undefined,
      );
      expect(stuck.status?.phase).toBe('Pending');
      expect(containerStatus(stuck)?.state?.waiting).toEqual({
        reason: 'CreateContainerConfigError',
        message: 'missing value for ANNOTATION',
      });
      const ran = await lab().kubectl('annotate', 'pod/subpath-mended', 'mysubpath=mypath');
      expect(ran).toMatchObject({ code: 0 });
      await lab().seen('subpath-mended', isReady);
      expect(await lab().sh('subpath-mended', 'ls /whole')).toBe('mypath\n');
    });
  });
});
