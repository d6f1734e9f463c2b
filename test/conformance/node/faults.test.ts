// The known holes of other runtimes: pods that mean harm, and pods that cannot be brought to an end.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { isRoot } from '../../e2e/cluster.ts';
import { busybox, containerStatus, isReady, podOf, restarts, STAY, scriptPod, useLab } from './lab.ts';

const SECRET = 'a secret of the host';

describe.skipIf(!isRoot)('a pod that means harm (needs root)', { concurrent: true }, () => {
  const victim = mkdtempSync(join(tmpdir(), 'minke-victim-'));
  const secret = join(victim, 'secret');
  // In the format of logs, so that it would show.
  writeFileSync(secret, `2026-01-01T00:00:00.0Z stdout F ${SECRET}\n`);
  const up = '../../../../../../../../../..';
  const lab = useLab({
    namespace: 'faults',
    images: { misplaced: { WorkingDir: '/proc/self/fd/7' } },
    links: {
      'etc/hosts': `${up}${victim}/hosts`,
      'etc/resolv.conf': `${victim}/resolv.conf`,
      'etc/hostname': `${up}${victim}/hostname`,
      'etc/mtab': `${up}${victim}/mtab`,
      'etc/passwd': `${up}${secret}`,
      'etc/group': secret,
      out: `${up}${victim}`,
    },
  });
  afterAll(() => rmSync(victim, { recursive: true, force: true }));
  const stay = { command: ['sh', '-c', STAY] };
  const logs = () => join(lab().cluster.dir, 'pod-logs', '0');

  it('whose image has links for files that the runtime makes gets them inside of it, and the host keeps its own', async () => {
    const script = 'cat /etc/hosts /etc/resolv.conf; echo x >> /etc/hosts; cat /etc/passwd /out/secret; true';
    const log = await lab().output(scriptPod('links', `${script} 2>&1`));
    expect(log).toContain('# Kubernetes-managed hosts file.');
    expect(log).toContain('nameserver ');
    expect(log).not.toContain(SECRET);
    for (const name of ['hosts', 'resolv.conf', 'hostname', 'mtab']) expect(existsSync(join(victim, name))).toBe(false);
    expect(readFileSync(secret, 'utf8')).toContain(SECRET);
  });

  it('whose user is looked up in files that lead out finds nobody there', async () => {
    await lab().create(podOf('named', { ...stay, image: 'busybox', securityContext: { runAsUser: 1000 } }));
    await lab().seen('named', isReady);
    expect(await lab().sh('named', 'id -u; id -G')).toBe('1000\n0\n');
  });

  it('whose mounts go through links of the image stays inside', async () => {
    const volumes = [{ name: 'v', emptyDir: {} }];
    const volumeMounts = [{ name: 'v', mountPath: '/out/made' }];
    await lab().over(scriptPod('mounted', 'touch /out/made/x', { volumeMounts }, { volumes }));
    expect(existsSync(join(victim, 'made'))).toBe(false);
  });

  it('whose working directory is an open file of the runtime does not get out', async () => {
    const file = `${up}${secret}`;
    const pods = [
      ...[3, 7, 8, 9].map((fd) => ({ name: `fd-${fd}`, workingDir: `/proc/self/fd/${fd}` })),
      { name: 'fd-image', image: 'misplaced' },
    ];
    await Promise.all(
      pods.map(async ({ name, ...container }) => {
        await lab().create(scriptPod(name, `cat ${file}; cat ./${file}`, container));
        const stopped = (p: Parameters<typeof containerStatus>[0]) =>
          containerStatus(p)?.state?.terminated ?? containerStatus(p)?.state?.waiting?.message;
        await lab().seen(name, (p) => stopped(p) !== undefined);
        expect(
          await lab()
            .log(name)
            .catch(() => ''),
        ).not.toContain(SECRET);
      }),
    );
  });

  it('cannot be shown what lies behind a link in the place of its log, nor have it written', async () => {
    const written = join(victim, 'written');
    // It has the logs of the node, and puts links where its own are and where those of its next run will be.
    const script = `d=/logs/$(ls /logs | grep faults_log-links_)/main; rm $d/0.log; ln -s ${secret} $d/0.log; ln -s ${written} $d/1.log; touch /logs/done; echo harm; sleep 1; exit 1`;
    const volumes = [{ name: 'logs', hostPath: { path: logs(), type: 'Directory' } }];
    const container = {
      command: ['sh', '-c', script],
      volumeMounts: [{ name: 'logs', mountPath: '/logs' }],
      terminationMessagePolicy: 'FallbackToLogsOnError',
    };
    await lab().create(podOf('log-links', container, { volumes, restartPolicy: 'OnFailure' }));
    await lab().seen('log-links', (p) => restarts(p) >= 1);
    await lab().seen('log-links', (p) => containerStatus(p)?.lastState?.terminated !== undefined);
    expect(await lab().log('log-links', 'previous=true').catch(String)).not.toContain(SECRET);
    expect(JSON.stringify(lab().history.of('log-links'))).not.toContain(SECRET);
    expect(existsSync(written)).toBe(false);
    await lab().delete('log-links', 1);
  });

  it('cannot set one sysctl by the value of another', async () => {
    const sysctls = [{ name: 'kernel.shm_rmid_forced', value: '1+kernel.core_pattern=|/bin/harm' }];
    const pod = await lab().over(scriptPod('plus', 'true', {}, { securityContext: { sysctls } }));
    expect(pod.status).toMatchObject({ phase: 'Failed', reason: 'SysctlForbidden' });
    expect(readFileSync('/proc/sys/kernel/core_pattern', 'utf8')).not.toContain('harm');
  });

  it('that forks without end harms no other, within the limit of its cgroup', async () => {
    const bomb = 'f() { f | f & }; f; sleep 1000';
    await lab().ready(podOf('neighbour', stay));
    await lab().create(
      podOf('bomb', { command: ['sh', '-c', bomb], resources: { limits: { memory: '64Mi', cpu: '200m' } } }),
    );
    await sleep(1_000);
    expect(await lab().sh('neighbour', 'echo well')).toBe('well\n');
    await lab().remove('bomb', 1);
    expect(restarts(await lab().get('neighbour'))).toBe(0);
  });

  it('that does not listen to SIGTERM is killed when its time is over', async () => {
    await lab().ready(
      podOf(
        'deaf',
        { command: ['sh', '-c', 'trap "" TERM INT HUP; while true; do sleep 0.1; done'] },
        { terminationGracePeriodSeconds: 3 },
      ),
    );
    const began = Date.now();
    await lab().delete('deaf');
    const pod = await lab().seen('deaf', (p) => containerStatus(p)?.state?.terminated !== undefined);
    expect(containerStatus(pod)?.state?.terminated).toMatchObject({ exitCode: 137, reason: 'Error' });
    expect(Date.now() - began).toBeGreaterThanOrEqual(2_900);
    await lab().history.deleted('deaf');
  });

  it('is gone at once when it is deleted by force, and its processes soon after', async () => {
    await lab().ready(
      podOf(
        'forced',
        { command: ['sh', '-c', 'trap "" TERM; while true; do sleep 0.1; done'] },
        { terminationGracePeriodSeconds: 600 },
      ),
    );
    const marker = await lab().sh('forced', 'cat /proc/sys/kernel/hostname');
    expect(marker).toBe('forced\n');
    await lab().remove('forced', 0);
    await expect(lab().get('forced')).rejects.toMatchObject({ reason: 'NotFound' });
  });

  it('that leaves zombies has them reaped where the pod shares its processes', async () => {
    // An orphan whose parent ends without asking for it goes to the first process of the namespace.
    const script = `sh -c 'sh -c "sleep 0.2" & exec true'; ${STAY}`;
    const second = { name: 'second', ...busybox, ...stay };
    await lab().ready(
      podOf('zombies', { command: ['sh', '-c', script] }, { shareProcessNamespace: true, more: [second] }),
    );
    await sleep(1_500);
    expect(await lab().sh('zombies', 'cat /proc/1/comm', 'main')).toBe('pause\n');
    expect(
      await lab().sh('zombies', 'cat /proc/[0-9]*/stat 2>/dev/null | cut -d" " -f3 | sort -u', 'main'),
    ).not.toContain('Z');
    // And each sees the others; a shell that is just about to run something else is seen twice.
    const seen = 'for i in 1 2 3 4 5; do n=$(ps | grep -c "[t]rap"); [ $n = 2 ] && break; sleep 0.1; done; echo $n';
    expect(await lab().sh('zombies', seen, 'second')).toBe('2\n');
  });
});
