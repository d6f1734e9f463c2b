// What a container's processes see, share and leave behind.
import { readFile, rename } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { SECURITY } from '../test-configs.ts';
import type { Bench } from './bench.ts';
import { type ConformanceOptions, missingWords } from './options.ts';

export function processes(options: ConformanceOptions, bench: () => Bench): void {
  test('output goes to the log with its stream, partial lines too', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const { status } = await b.shell('echo out; echo err >&2; printf end', {}, pod);
    const log = await readFile(status.logPath, 'utf8');
    expect(log).toMatch(/^\d{4}-\d\d-\d\dT\S+ stdout F out$/m);
    expect(log).toMatch(/ stderr F err$/m);
    expect(log).toMatch(/ stdout [FP] end$/m);
  });

  test('a command that is not there is named in the words everybody knows', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.runtime.createContainer(pod.id, b.containerConfig(['nosuch']), pod.config);
    await expect(b.runtime.startContainer(id)).rejects.toThrow(missingWords(options));
  });

  test('a container that heeds SIGTERM ends at once, one that ignores it is killed after its time', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const polite = await b.start(pod, ['sh', '-c', 'trap "exit 5" TERM; while :; do sleep 0.05; done'], {
      name: 'polite',
    });
    const deaf = await b.start(pod, ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'], { name: 'deaf' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const begun = Date.now();
    await b.runtime.stopContainer(polite, 20_000);
    expect(Date.now() - begun).toBeLessThan(5000);
    expect(await b.runtime.containerStatus(polite)).toMatchObject({ exitCode: 5, reason: 'Error' });
    await b.runtime.stopContainer(deaf, 300);
    expect(await b.runtime.containerStatus(deaf)).toMatchObject({ state: 'exited', exitCode: 137 });
  });

  test('containers of a pod share network, hostname and IPC, and see only their own processes', async () => {
    const b = bench();
    const pod = await b.sandbox();
    await b.start(pod, ['sh', '-c', 'echo shared > /dev/shm/x; exec httpd -f -p 8080 -h /etc'], { name: 'server' });
    const { out } = await b.shell(
      'for i in 1 2 3 4 5 6 7 8 9; do wget -q -O - http://127.0.0.1:8080/resolv.conf && break; sleep 0.1; done; hostname; cat /dev/shm/x; ps | grep -c "[h]ttpd"',
      { name: 'client' },
      pod,
    );
    expect(out).toContain('nameserver 192.0.2.53');
    expect(out).toContain('search example.test');
    expect(out).toContain(`${pod.config.hostname}\nshared\n0\n`);
  });

  test('with a shared PID namespace the pause process is the first of all', async () => {
    const b = bench();
    const pod = await b.sandbox({ namespaces: { network: 'pod', pid: 'pod', ipc: 'pod' } });
    const { out } = await b.shell('ps -o pid,comm', { security: { ...SECURITY, pidMode: 'pod' } }, pod);
    expect(out).toMatch(/^\s*1 pause$/m);
  });

  test('orphans are reaped by pause', async () => {
    const b = bench();
    const pod = await b.sandbox({ namespaces: { network: 'pod', pid: 'pod', ipc: 'pod' } });
    const shared = { security: { ...SECURITY, pidMode: 'pod' as const } };
    const { out } = await b.shell('(sleep 0.05 &) ; sleep 0.3; ps -o stat,comm | grep -c "^Z" ; true', shared, pod);
    expect(out.trim()).toBe('0');
  });

  test('environment, user, groups, working directory and default capabilities', async () => {
    const b = bench();
    const { out } = await b.shell('echo $GREETING; id -u; id -g; id -G; pwd; grep CapEff /proc/self/status', {
      env: [{ key: 'GREETING', value: 'hi there' }],
      workingDir: '/tmp',
      security: { ...SECURITY, runAsUser: 1000, runAsGroup: 3000, supplementalGroups: [4000] },
    });
    const [greeting, uid, gid, groups, cwd, caps] = out.split('\n');
    expect([greeting, uid, gid, cwd]).toEqual(['hi there', '1000', '3000', '/tmp']);
    expect(groups?.split(' ')).toEqual(expect.arrayContaining(['3000', '4000']));
    expect(caps).toMatch(/0000000000000000$/);
  });

  test('no new privileges, a read-only root, dropped capabilities', async () => {
    const b = bench();
    const { out } = await b.shell(
      'grep NoNewPrivs /proc/self/status; touch /x || echo refused; grep CapBnd /proc/self/status',
      {
        security: {
          ...SECURITY,
          noNewPrivs: true,
          readonlyRootfs: true,
          capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
        },
      },
    );
    expect(out).toMatch(/NoNewPrivs:\s+1/);
    expect(out).toContain('refused');
    expect(out).toMatch(/CapBnd:\s+0000000000001000$/m);
  });

  test('a log moved away is opened anew', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, ['sh', '-c', 'while :; do echo tick; sleep 0.05; done']);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { logPath } = await b.runtime.containerStatus(id);
    await rename(logPath, `${logPath}.1`);
    await b.runtime.reopenContainerLog(id);
    await expect.poll(() => readFile(logPath, 'utf8').catch(() => ''), { timeout: 3000 }).toContain('tick');
  });
}
