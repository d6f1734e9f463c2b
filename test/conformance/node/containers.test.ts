// What a container runs, as whom, with what rights, and the words it leaves behind.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Container, Pod, VolumeMount } from '../../../src/resources/generated/core-v1.ts';
import { isRoot } from '../../e2e/cluster.ts';
import { covers } from '../covers.ts';
import { busybox, containerStatus, isReady, podOf, restarts, STAY, scriptPod, useLab } from './lab.ts';

const NEVER = { restartPolicy: 'Never' } as const;

describe.skipIf(!isRoot)('a container (needs root)', { concurrent: true }, () => {
  const lab = useLab({
    namespace: 'containers',
    images: {
      // Shows its own arguments, each in brackets.
      shower: { Entrypoint: ['/bin/printf', '[%s]', 'entry'], Cmd: ['default', 'arguments'] },
      worker: { Cmd: ['id'], User: 'www-data', WorkingDir: '/tmp', Env: ['PATH=/bin', 'FROM_IMAGE=yes'] },
    },
  });

  describe('and its image', () => {
    const shown = (name: string, container: Partial<Container>) =>
      lab().output(podOf(name, { image: 'shower', ...container }, NEVER));

    it(covers('Containers, without command and arguments'), async () => {
      expect(await shown('both-default', {})).toBe('[entry][default][arguments]');
    });

    it(covers('Containers, with arguments'), async () => {
      expect(await shown('own-args', { args: ['override', 'arguments', ''] })).toBe('[entry][override][arguments][]');
    });

    it(covers('Containers, with command'), async () => {
      // The arguments of the image belong to its entrypoint: they go with it.
      expect(await shown('own-command', { command: ['/bin/printf', '(%s)', 'x'] })).toBe('(x)');
    });

    it(covers('Containers, with command and arguments'), async () => {
      expect(await shown('own-both', { command: ['/bin/printf', '(%s)'], args: ['override', 'arguments'] })).toBe(
        '(override)(arguments)',
      );
    });

    it('takes user, directory and variables from the image where the pod says nothing', async () => {
      const script = 'id -u; id -g; pwd; echo $FROM_IMAGE';
      const container = { image: 'worker', command: ['sh', '-c', script] };
      expect(await lab().output(podOf('of-image', container, NEVER))).toBe('33\n33\n/tmp\nyes\n');
      const own = { ...container, workingDir: '/new/dir', env: [{ name: 'FROM_IMAGE', value: 'no' }] };
      expect(await lab().output(podOf('of-pod', own, NEVER))).toBe('33\n33\n/new/dir\nno\n');
    });
  });

  describe('when it has ended', () => {
    const ended = async (name: string, script: string, container: Partial<Container>) => {
      const pod = await lab().over(scriptPod(name, script, container));
      return containerStatus(pod)?.state?.terminated;
    };
    const fallback = { terminationMessagePolicy: 'FallbackToLogsOnError' };

    it(covers('Container Runtime, TerminationMessage, from log output of succeeding container'), async () => {
      const state = await ended('words-none', 'printf DONE; exit 0', fallback);
      expect(state).toMatchObject({ exitCode: 0, reason: 'Completed' });
      expect(state?.message).toBeUndefined();
    });

    it(covers('Container Runtime, TerminationMessage, from file of succeeding container'), async () => {
      const state = await ended('words-file', 'printf OK > /dev/termination-log; printf DONE; exit 0', fallback);
      expect(state).toMatchObject({ exitCode: 0, message: 'OK' });
    });

    it(covers("Container Runtime, TerminationMessage, from container's log output of failing container"), async () => {
      expect(await ended('words-log', 'printf DONE; exit 1', fallback)).toMatchObject({
        exitCode: 1,
        reason: 'Error',
        message: 'DONE',
      });
      const long = await ended('words-long', 'seq 1 10000; exit 1', fallback);
      const lines = (long?.message ?? '').split('\n');
      expect(Buffer.byteLength(long?.message ?? '')).toBeLessThanOrEqual(2048);
      expect(lines.length).toBeLessThanOrEqual(81);
      expect(lines.at(-2)).toBe('10000');
    });

    it(covers('Container Runtime, TerminationMessagePath, non-root user and non-default path'), async () => {
      const path = '/dev/termination-custom-log';
      const container = { terminationMessagePath: path, securityContext: { runAsUser: 10_000 } };
      expect(await ended('words-custom', `printf DONE > ${path}`, container)).toMatchObject({ message: 'DONE' });
    });

    it('leaves at most 4096 bytes of last words', async () => {
      const script = 'head -c 10000 /dev/zero | tr "\\0" x > /dev/termination-log';
      expect((await ended('words-many', script, {}))?.message).toBe('x'.repeat(4096));
    });

    it(covers('Container Runtime, Restart Policy, Pod Phases'), async () => {
      // Fails the first time, ends well the second, and then stays.
      const script = `n=$(cat /shared/n 2>/dev/null || echo 0); echo $((n+1)) > /shared/n; [ $n = 0 ] && exit 1; [ $n = 1 ] && exit 0; ${STAY}`;
      const parts = { volumes: [{ name: 'shared', emptyDir: {} }] };
      const container = {
        command: ['sh', '-c', script],
        volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
      };
      const make = (name: string, restartPolicy: string) => podOf(name, container, { ...parts, restartPolicy });
      const [onFailure, never, always] = await Promise.all([
        lab().over(make('phase-on-failure', 'OnFailure')),
        lab().over(make('phase-never', 'Never')),
        lab()
          .create(make('phase-always', 'Always'))
          .then(() => lab().seen('phase-always', (p) => restarts(p) === 2 && isReady(p), 40_000)),
      ]);
      expect([onFailure.status?.phase, restarts(onFailure)]).toEqual(['Succeeded', 1]);
      expect([never.status?.phase, restarts(never)]).toEqual(['Failed', 0]);
      expect(always.status?.phase).toBe('Running');
      expect(containerStatus(always)?.lastState?.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
      expect(containerStatus(always)?.state?.running).toBeDefined();
    });

    it(covers('Kubelet, failed pod, terminated reason'), async () => {
      const pod = await lab().over(podOf('reason', { command: ['/bin/false'] }, NEVER));
      expect(pod.status?.containerStatuses).toHaveLength(1);
      expect(containerStatus(pod)?.state?.terminated).toMatchObject({ reason: 'Error', exitCode: 1 });
    });

    it(covers('Kubelet, failed pod, delete'), async () => {
      await lab().over(podOf('failed-delete', { command: ['/bin/false'] }, NEVER));
      await lab().remove('failed-delete');
      await expect(lab().get('failed-delete')).rejects.toMatchObject({ reason: 'NotFound' });
    });
  });

  it(covers('Kubelet, log output, default'), async () => {
    const log = await lab().output(scriptPod('logs', "echo 'Hello World'; echo problem >&2"));
    expect(log.split('\n').sort()).toEqual(['', 'Hello World', 'problem']);
  });

  describe('and its root', () => {
    const write = 'echo hello > /file && cat /file';
    it(covers('Kubelet, pod with read only root file system'), async () => {
      const pod = scriptPod('root-read-only', write, { securityContext: { readOnlyRootFilesystem: true } });
      expect((await lab().over(pod)).status?.phase).toBe('Failed');
      expect(await lab().log('root-read-only')).toContain('Read-only file system');
    });
    it(covers('Security Context, readOnlyRootFilesystem=false.'), async () => {
      const securityContext = { readOnlyRootFilesystem: false };
      expect(await lab().output(scriptPod('root-writable', write, { securityContext }))).toBe('hello\n');
    });
  });

  describe('and its hosts file', () => {
    const MANAGED = '# Kubernetes-managed hosts file';
    it(covers('Kubelet, hostAliases'), async () => {
      const hostAliases = [
        { ip: '123.45.67.89', hostnames: ['foo', 'bar'] },
        { ip: '10.1.2.3', hostnames: ['later'] },
      ];
      const hosts = await lab().output(scriptPod('aliases', 'cat /etc/hosts', {}, { hostAliases }));
      expect(hosts).toContain('\n# Entries added by HostAliases.\n123.45.67.89\tfoo\tbar\n10.1.2.3\tlater\n');
    });
    it(covers('Kubelet, managed etc hosts'), async () => {
      const mount = { name: 'host', mountPath: '/etc/hosts' };
      const own: Container = { name: 'own', ...busybox, command: ['sh', '-c', STAY], volumeMounts: [mount] };
      const volumes = [{ name: 'host', hostPath: { path: '/etc/hosts', type: 'File' } }];
      const stay = { command: ['sh', '-c', STAY] };
      await Promise.all([
        lab().ready(podOf('hosts', stay, { volumes, more: [own] })),
        lab().ready(podOf('hosts-of-host', stay, { hostNetwork: true })),
      ]);
      const cat = (pod: string, container: string) => lab().sh(pod, 'cat /etc/hosts', container);
      const managed = await cat('hosts', 'main');
      expect(managed).toContain(MANAGED);
      expect(managed).toContain(`${(await lab().get('hosts')).status?.podIP}\thosts\n`);
      expect(await cat('hosts', 'own')).toBe(readFileSync('/etc/hosts', 'utf8'));
      // What the kubelet copies for host-network pods says that it is a copy.
      expect(await cat('hosts-of-host', 'main')).not.toContain(`${MANAGED}.`);
      expect(await cat('hosts-of-host', 'main')).toContain(readFileSync('/etc/hosts', 'utf8'));
    });
  });

  describe('and its rights', () => {
    const ids = (name: string, pod: Partial<Pod['spec']>, container: Partial<Container>) =>
      lab().output(scriptPod(name, 'id -u; id -g; id -G', container, pod));

    it(covers('Security Context, runAsUser=65534'), async () => {
      const log = await ids('user-65534', {}, { securityContext: { runAsUser: 65_534 } });
      expect(log.split('\n')[0]).toBe('65534');
    });
    it(covers('Security Context, test RunAsGroup at pod level'), async () => {
      const securityContext = { runAsUser: 1001, runAsGroup: 2002 };
      expect(await ids('group-pod', { securityContext }, {})).toBe('1001\n2002\n2002\n');
    });
    it(covers('Security Context, test RunAsGroup at container level'), async () => {
      const securityContext = { runAsUser: 1001, runAsGroup: 2002 };
      const pod = { securityContext: { runAsUser: 1, runAsGroup: 1 } };
      expect(await ids('group-container', pod, { securityContext })).toBe('1001\n2002\n2002\n');
    });

    it(covers('Security Context, privileged=false.'), async () => {
      const script = 'ip link add dummy9 type dummy || true';
      const make = (name: string, privileged: boolean) => scriptPod(name, script, { securityContext: { privileged } });
      expect(await lab().output(make('unprivileged', false))).toContain('Operation not permitted');
      expect(await lab().output(make('privileged', true))).not.toContain('Operation not permitted');
    });

    it(covers('Security Context, allowPrivilegeEscalation=false.'), async () => {
      // The host's `id`, owned by root and made set-user-ID: it shows who it may become.
      const host = ['/usr', '/lib', '/lib64'].filter((path) => existsSync(path));
      const volumeOf = (path: string) => `host${path.replace('/', '-')}`;
      const mounts: VolumeMount[] = [
        { name: 'shared', mountPath: '/shared' },
        ...host.map((path) => ({ name: volumeOf(path), mountPath: path, readOnly: true })),
      ];
      const parts = {
        volumes: [
          { name: 'shared', emptyDir: {} },
          ...host.map((path) => ({ name: volumeOf(path), hostPath: { path } })),
        ],
        initContainers: [
          {
            name: 'prepare',
            ...busybox,
            command: ['sh', '-c', 'cp /usr/bin/id /shared/id && chmod 4755 /shared/id'],
            volumeMounts: mounts,
          },
        ],
      };
      const effective = (name: string, allowPrivilegeEscalation?: boolean) => {
        const own = allowPrivilegeEscalation === undefined ? {} : { allowPrivilegeEscalation };
        const container = { volumeMounts: mounts, securityContext: { runAsUser: 1000, ...own } };
        return lab().output(scriptPod(name, '/shared/id -u', container, parts));
      };
      const [no, yes, unsaid] = await Promise.all([
        effective('escalate-no', false),
        effective('escalate-yes', true),
        effective('escalate-unsaid'),
      ]);
      expect({ no, yes, unsaid }).toEqual({ no: '1000\n', yes: '0\n', unsaid: '0\n' });
    });
  });

  describe('and the sysctls of its pod', () => {
    const sysctls = (...all: [string, string][]) => ({ sysctls: all.map(([name, value]) => ({ name, value })) });

    it(covers('Sysctl, test sysctls'), async () => {
      const securityContext = sysctls(['kernel.shm_rmid_forced', '1'], ['net/ipv4/tcp_fin_timeout', '17']);
      const script = 'cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/tcp_fin_timeout';
      expect(await lab().output(scriptPod('sysctls', script, {}, { securityContext }))).toBe('1\n17\n');
    });

    it(covers('Sysctls, reject invalid sysctls'), async () => {
      const securityContext = sysctls(
        ['foo-', 'bar'],
        ['kernel.shmmax', '100000000'],
        ['safe-and-unsafe', '100000000'],
        ['bar..', '42'],
      );
      const error = await lab()
        .create(scriptPod('sysctls-bad', 'true', {}, { securityContext }))
        .catch((e: unknown) => e as Error);
      expect(error).toMatchObject({ reason: 'Invalid' });
      expect(String(error)).toMatch(/Invalid value: "foo-"[\s\S]*Invalid value: "bar\.\."/);
      expect(String(error)).not.toMatch(/safe-and-unsafe|kernel\.shmmax/);
    });

    it('is refused by the kubelet where a sysctl is not safe, and fails', async () => {
      const pod = scriptPod('sysctls-unsafe', 'true', {}, { securityContext: sysctls(['kernel.msgmax', '8192']) });
      const ended = await lab().over(pod);
      expect(ended.status).toMatchObject({
        phase: 'Failed',
        reason: 'SysctlForbidden',
        message: 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted',
      });
    });
  });
});
