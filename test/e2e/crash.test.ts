// Nothing is lost and nothing is left: kill -9 of the server at any moment, adoption, and down afterwards.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeDockerArchive } from '../../src/cluster/index.ts';
import { findKubectls, isRoot, run, type TestCluster, testCluster } from './cluster.ts';
import { buildImage } from './images.ts';
import { leftovers } from './leftovers.ts';

const reason = !isRoot ? 'needs root' : findKubectls().size === 0 ? 'no kubectl on this host' : undefined;

const pod = (name: string) => `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - {name: a, image: busybox, imagePullPolicy: IfNotPresent, command: [sleep, "100000"]}
    - {name: b, image: busybox, imagePullPolicy: IfNotPresent, command: [sleep, "100000"]}
`;

interface PodView {
  readonly status: {
    readonly podIP: string;
    readonly containerStatuses: readonly {
      readonly containerID: string;
      readonly restartCount: number;
      readonly ready: boolean;
    }[];
  };
}

describe.skipIf(reason !== undefined)(`a server that is killed${reason === undefined ? '' : ` (${reason})`}`, () => {
  let cluster: TestCluster;
  let work: string;
  const serverPid = () => (JSON.parse(readFileSync(join(cluster.dir, 'minke.pid'), 'utf8')) as { pid: number }).pid;
  const kill = async () => {
    const pid = serverPid();
    process.kill(pid, 'SIGKILL');
    for (;;) {
      try {
        process.kill(pid, 0);
        await new Promise((resolve) => setTimeout(resolve, 5));
      } catch {
        return;
      }
    }
  };
  const get = async (name: string): Promise<PodView> =>
    JSON.parse((await cluster.kubectl(['get', 'pod', name, '-o', 'json'])).stdout);

  beforeAll(async () => {
    cluster = await testCluster();
    mkdirSync(cluster.dir, { recursive: true });
    writeFileSync(
      join(cluster.dir, 'registries.yaml'),
      'mirrors:\n  docker.io:\n    endpoint: ["http://127.0.0.1:1"]\n',
    );
    work = mkdtempSync(join(tmpdir(), 'minke-crash-'));
    const archive = join(work, 'busybox.tar');
    await writeDockerArchive(
      await buildImage('busybox', work),
      ['docker.io/library/busybox:latest'],
      archive,
      (file, args) => run(file, args),
    );
    expect(await cluster.up()).toMatchObject({ code: 0 });
    expect(await cluster.minke('image', 'import', archive)).toMatchObject({ code: 0 });
  }, 240_000);

  afterAll(async () => {
    await cluster?.remove();
    rmSync(work, { recursive: true, force: true });
  });

  it('leaves containers running, and the next start adopts them as they are', async () => {
    await cluster.kubectl(['apply', '-f', '-'], { input: pod('stays') });
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/stays', '--timeout=30s']);
    const before = await get('stays');
    await kill();
    expect(await cluster.up()).toMatchObject({ code: 0 });
    const after = await get('stays');
    expect(after.status.podIP).toBe(before.status.podIP);
    expect(after.status.containerStatuses.map((c) => [c.containerID, c.restartCount, c.ready])).toEqual(
      before.status.containerStatuses.map((c) => [c.containerID, 0, true]),
    );
    expect(await cluster.kubectl(['exec', 'stays', '-c', 'a', '--', 'echo', 'alive'])).toMatchObject({
      code: 0,
      stdout: 'alive\n',
    });
  });

  it('notices what ended while it was away', async () => {
    const { stdout } = await cluster.kubectl(['exec', 'stays', '-c', 'b', '--', 'sh', '-c', 'echo $PPID $$']);
    expect(stdout).toMatch(/\d/);
    await kill();
    const id = (await run('ps', ['-eo', 'pid,args'])).stdout
      .split('\n')
      .filter((l) => l.endsWith(' sleep 100000'))
      .map((l) => Number(l.trim().split(' ')[0]));
    expect(id.length).toBeGreaterThanOrEqual(2);
    const cgroups = id.filter((p) => readFileSync(`/proc/${p}/mountinfo`, 'utf8').includes(cluster.dir));
    expect(cgroups.length).toBe(2);
    process.kill(cgroups[0] ?? 0, 'SIGKILL');
    expect(await cluster.up()).toMatchObject({ code: 0 });
    const restarted = async () => (await get('stays')).status.containerStatuses.reduce((n, c) => n + c.restartCount, 0);
    for (let i = 0; i < 100 && (await restarted()) === 0; i++) await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await restarted()).toBe(1);
  });

  it('keeps every acknowledged write, whenever it is killed, and starts nothing twice', async () => {
    for (let round = 0; round < 5; round++) {
      const names = Array.from({ length: 4 }, (_, i) => `r${round}-${i}`);
      const applied = Promise.all(names.map((name) => cluster.kubectl(['apply', '-f', '-'], { input: pod(name) })));
      await new Promise((resolve) => setTimeout(resolve, 120 + round * 60));
      await kill();
      const acknowledged = names.filter((_, i) => i >= 0);
      const results = await applied;
      expect(await cluster.up()).toMatchObject({ code: 0 });
      for (const [i, name] of acknowledged.entries()) {
        if (results[i]?.code !== 0) continue;
        expect(
          await cluster.kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=30s']),
          name,
        ).toMatchObject({ code: 0 });
      }
    }
    const pods = JSON.parse((await cluster.kubectl(['get', 'pods', '-o', 'json'])).stdout) as { items: unknown[] };
    const sleeps = (await run('ps', ['-eo', 'pid,args'])).stdout
      .split('\n')
      .filter((l) => l.endsWith(' sleep 100000'))
      .map((l) => Number(l.trim().split(' ')[0]));
    const ours = sleeps.filter((p) => {
      try {
        return readFileSync(`/proc/${p}/mountinfo`, 'utf8').includes(cluster.dir);
      } catch {
        return false;
      }
    });
    expect(ours.length).toBe(pods.items.length * 2);
  }, 120_000);

  it('leaves nothing on the host after down, even when it was killed a moment before', async () => {
    await cluster.kubectl(['apply', '-f', '-'], { input: pod('late') });
    await kill();
    expect(await cluster.minke('down')).toMatchObject({ code: 0 });
    const { name } = JSON.parse(readFileSync(join(cluster.dir, 'cluster.json'), 'utf8')) as { name: string };
    expect(await leftovers(name, cluster.dir)).toEqual([]);
  });

  it('starts the pods again after down and up', async () => {
    expect(await cluster.up()).toMatchObject({ code: 0 });
    expect(await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/stays', '--timeout=30s'])).toMatchObject({
      code: 0,
    });
  });
});
