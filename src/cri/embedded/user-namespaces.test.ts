// Pods with user ids of their own, as real containers: who is root inside is nobody outside.
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Bench } from '../conformance/bench.ts';
import type { PodSandboxConfig } from '../port.ts';
import type { EmbeddedRuntime } from './runtime.ts';
import { leftovers, openTestbed, type Testbed, whyNoContainers } from './testbed.ts';

const skip = whyNoContainers();
const OCTET = 229;
const FIRST = 7 * 65_536;
const range = [{ hostId: FIRST, containerId: 0, length: 65_536 }];
const namespaces: PodSandboxConfig['namespaces'] = {
  network: 'pod',
  pid: 'container',
  ipc: 'pod',
  user: { uids: range, gids: range },
};

describe.skipIf(skip !== undefined)('user namespaces', () => {
  let bed: Testbed;
  let opened: EmbeddedRuntime;
  let bench: Bench;
  let directory: string;
  beforeAll(async () => {
    bed = await openTestbed({ name: 'mkuserns', octet: OCTET });
    opened = await bed.open();
    directory = await mkdtemp(join(tmpdir(), 'minke-userns-'));
    bench = new Bench({ runtime: opened.runtime, image: bed.image, close: async () => {} }, directory);
  });
  afterEach(() => bench.cleanUp());
  afterAll(async () => {
    await opened?.destroy();
    if (bed !== undefined) expect(await leftovers(bed, OCTET)).toEqual([]);
    await bed?.remove();
    await rm(directory, { recursive: true, force: true });
  });

  test('root is root inside and an id of the pod outside; the image is its own, and so is the network', async () => {
    const pod = await bench.sandbox({ namespaces });
    const id = await bench.start(pod, ['sh', '-c', 'touch /made; chown 33:34 /made; touch /done; sleep 1000']);
    const { pid = 0 } = await opened.runtime.containerStatus(id);
    expect(await readFile(`/proc/${pid}/uid_map`, 'utf8')).toMatch(new RegExp(`^\\s*0\\s+${FIRST}\\s+65536\\s*$`));
    expect(await readFile(`/proc/${pid}/status`, 'utf8')).toContain(`Uid:\t${FIRST}\t`);
    const run = async (line: string) => {
      const done = await opened.runtime.execSync(id, ['sh', '-c', line], 20_000);
      return Buffer.from(done.stdout).toString() + Buffer.from(done.stderr).toString();
    };
    expect(await run('until [ -e /done ]; do usleep 10000; done; id -u; stat -c %u:%g /bin/busybox /made')).toBe(
      '0\n0:0\n33:34\n',
    );
    expect(await run('ip -4 -o addr show dev eth0')).toContain(` 10.${OCTET}.0.`);
    expect(await run('ping -c 1 -W 2 10.229.0.1 >/dev/null && echo reached')).toBe('reached\n');
    expect((await opened.runtime.podSandboxStatus(pod.id)).ips).toHaveLength(1);
  });

  test('no capability of the pod holds outside: no setting of the host, no device', async () => {
    const pod = await bench.sandbox({ namespaces });
    const security = { ...bench.containerConfig([]).security, capabilities: { add: ['ALL'], drop: [] } };
    const { out } = await bench.shell(
      'echo 1 >/proc/sys/kernel/panic && echo reached; mknod /dev/x b 8 0 && echo made; hwclock -w && echo set',
      { security },
      pod,
    );
    expect(out).not.toMatch(/reached|made|^set/m);
  });

  test('volumes show who owns the files on the disk, and what is written belongs to the same', async () => {
    const volume = await mkdtemp(join(directory, 'volume-'));
    await chmod(volume, 0o755);
    await writeFile(join(volume, 'there'), 'x');
    const pod = await bench.sandbox({ namespaces });
    const { out } = await bench.shell(
      'stat -c %u /data/there; echo hi >/data/new; chown 1000 /data/new; stat -c %u /data/new',
      { mounts: [{ containerPath: '/data', hostPath: volume, readonly: false, propagation: 'private' }] },
      pod,
    );
    expect(out).toBe('0\n1000\n');
    expect((await stat(join(volume, 'new'))).uid).toBe(1000);
  });

  test('an image volume is readable as well, whole and in part', async () => {
    const pod = await bench.sandbox({ namespaces });
    const image = { hostPath: '', readonly: true, propagation: 'private' as const, image: bed.image };
    const mounts = [
      { ...image, containerPath: '/whole' },
      { ...image, containerPath: '/part', imageSubPath: 'etc' },
    ];
    const { out } = await bench.shell('stat -c %u /whole/bin/busybox /part/passwd; touch /whole/x', { mounts }, pod);
    expect(out).toMatch(/^0\n0\ntouch: .*Read-only/);
  });

  test('pods of the host and pods of their own share an image, side by side; a runtime that starts anew takes them over', async () => {
    const pod = await bench.sandbox({ namespaces });
    const first = await bench.start(pod, ['sleep', '1000']);
    await opened.close();
    opened = await bed.open();
    bench.runtime = opened.runtime;
    expect((await opened.runtime.containerStatus(first)).state).toBe('running');
    const again = await bench.shell('stat -c %u /bin/busybox; id -u', { name: 'second' }, pod);
    expect(again.out).toBe('0\n0\n');
    const plain = await bench.shell('stat -c %u /bin/busybox; cat /proc/self/uid_map');
    expect(plain.out).toMatch(/^0\n\s+0\s+0\s+4294967295/);
  });

  test('the first process of a shared PID namespace is the pause of the pod, and limits hold', async () => {
    const pod = await bench.sandbox({ namespaces: { ...namespaces, pid: 'pod' } });
    const security = { ...bench.containerConfig([]).security, pidMode: 'pod' as const };
    const { out } = await bench.shell('cat /proc/1/comm', { security }, pod);
    expect(out).toBe('pause\n');
    const killed = await bench.shell(
      'dd if=/dev/zero of=/dev/null bs=200M count=1',
      { name: 'big', security, resources: { memoryLimitBytes: 20 * 1024 * 1024 } },
      pod,
    );
    expect(killed.status.reason).toBe('OOMKilled');
  });
});
