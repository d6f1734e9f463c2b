// Pods in the API while they run: their life, their changes, their status, their streams, and where they may run.
import { type Dirent, existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { Pod } from '../../../src/resources/generated/core-v1.ts';
import { isRoot } from '../../e2e/cluster.ts';
import { covers } from '../covers.ts';
import { containerStatus, isReady, nameOf, podOf, STAY, useLab } from './lab.ts';
import { readSocket } from './streams.ts';

/** The limits of a pod's own cgroup, in either layout. */
function podCgroup(uid: string): () => { quota: number; memory: number } {
  // Others come and go meanwhile.
  const find = (dir: string): string | undefined => {
    let entries: Dirent[] = [];
    try {
      entries = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    } catch {
      return undefined;
    }
    const own = entries.find((entry) => entry.name.endsWith(`pod${uid}`));
    if (own !== undefined) return `${dir}/${own.name}`;
    for (const entry of entries) {
      const found = find(`${dir}/${entry.name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const below = (root: string): string => find(root) ?? `${root}/of-no-pod-${uid}`;
  const number = (file: string): number => Number(readFileSync(file, 'utf8').split(' ')[0]);
  if (existsSync('/sys/fs/cgroup/cgroup.controllers')) {
    const dir = below('/sys/fs/cgroup');
    return () => ({ quota: number(`${dir}/cpu.max`), memory: number(`${dir}/memory.max`) });
  }
  const cpu = below('/sys/fs/cgroup/cpu');
  const memory = below('/sys/fs/cgroup/memory');
  return () => ({ quota: number(`${cpu}/cpu.cfs_quota_us`), memory: number(`${memory}/memory.limit_in_bytes`) });
}

describe.skipIf(!isRoot)('the API of a node (needs root)', () => {
  const lab = useLab({ namespace: 'pods', nodes: 2 });
  const stay = { command: ['sh', '-c', STAY] };
  const found = async (labelSelector: string) => (await lab().pods.list('pods', { labelSelector })).items.map(nameOf);
  const raw = (method: string, path: string, body?: unknown) => lab().client.raw(method, path, body);

  describe('has pods', { concurrent: true }, () => {
    it(covers('Pods, QOS'), async () => {
      const resources = { limits: { cpu: '100m', memory: '100Mi' } };
      const pod = await lab().ready(podOf('qos', { ...stay, resources }));
      expect(pod.status?.qosClass).toBe('Guaranteed');
      const burstable = await lab().create(podOf('qos-b', { ...stay, resources: { requests: { cpu: '1m' } } }));
      expect(burstable.status?.qosClass).toBe('Burstable');
      expect((await lab().create(podOf('qos-n', stay))).status?.qosClass).toBe('BestEffort');
    });

    it(covers('Pods, ActiveDeadlineSeconds'), async () => {
      await lab().ready(podOf('deadline', stay, { labels: { time: 'deadline' } }));
      expect(await found('time=deadline')).toEqual(['deadline']);
      await lab().pods.patch('pods', 'deadline', 'strategic', { spec: { activeDeadlineSeconds: 2 } });
      const pod = await lab().seen('deadline', (p) => p.status?.phase === 'Failed');
      expect(pod.status).toMatchObject({
        reason: 'DeadlineExceeded',
        message: 'Pod was active on the node longer than the specified deadline',
      });
      await expect(
        lab().pods.patch('pods', 'deadline', 'strategic', { spec: { activeDeadlineSeconds: 100 } }),
      ).rejects.toMatchObject({ reason: 'Invalid' });
    });

    it(covers('Pods, lifecycle'), async () => {
      const stop = new AbortController();
      const seen: string[] = [];
      const watching = (async () => {
        for await (const event of lab().pods.watch('pods', { labelSelector: 'time=life' }, stop.signal)) {
          if (event.type === 'ERROR' || event.type === 'BOOKMARK') continue;
          const { metadata, status } = event.object;
          seen.push(`${event.type} ${metadata.deletionTimestamp === undefined ? status?.phase : 'deleting'}`);
          if (event.type === 'DELETED') return metadata;
        }
        return undefined;
      })();
      expect(await found('time=life')).toEqual([]);
      await lab().ready(podOf('life', stay, { labels: { time: 'life' }, terminationGracePeriodSeconds: 30 }));
      expect(await found('time=life')).toEqual(['life']);
      await lab().delete('life', 30);
      const last = await watching;
      expect(last?.deletionTimestamp).toBeDefined();
      expect([...new Set(seen)]).toEqual([
        'ADDED Pending',
        'MODIFIED Pending',
        'MODIFIED Running',
        'MODIFIED deleting',
        'DELETED deleting',
      ]);
      expect(await found('time=life')).toEqual([]);
    });

    it(covers('Pods, update'), async () => {
      const pod = await lab().ready(podOf('update', stay, { labels: { time: 'before' } }));
      const fresh = await lab().get('update');
      await lab().pods.update({ ...fresh, metadata: { ...fresh.metadata, labels: { time: 'after' } } });
      expect(await found('time=after')).toEqual(['update']);
      expect(await found('time=before')).toEqual([]);
      expect(containerStatus(await lab().get('update'))?.containerID).toBe(containerStatus(pod)?.containerID);
      // What is not to be changed is named, and nothing else may go with it.
      const bad = { ...fresh, spec: { ...fresh.spec, containers: fresh.spec?.containers ?? [], hostNetwork: true } };
      await expect(
        raw('PUT', `${lab().path('pods')}/update`, { ...bad, metadata: { name: 'update' } }),
      ).rejects.toMatchObject({
        reason: 'Invalid',
        message: expect.stringContaining('pod updates may not change fields other than') as string,
      });
    });

    it('starts a container again whose image is changed', async () => {
      const before = await lab().ready(podOf('image', stay));
      await lab().pods.patch('pods', 'image', 'strategic', {
        spec: { containers: [{ name: 'main', image: 'docker.io/library/busybox' }] },
      });
      const after = await lab().seen('image', (p) => containerStatus(p)?.restartCount === 1 && isReady(p));
      expect(containerStatus(after)?.containerID).not.toBe(containerStatus(before)?.containerID);
      await lab().event('image', (e) => e.message === 'Container main definition changed, will be restarted');
    });

    it(covers('Pods, delete a collection'), async () => {
      const names = ['set-1', 'set-2', 'set-3'];
      await Promise.all(names.map((name) => lab().ready(podOf(name, stay, { labels: { type: 'set' } }))));
      expect((await found('type=set')).sort()).toEqual(names);
      await lab().pods.deleteCollection('pods', { labelSelector: 'type=set' });
      await Promise.all(names.map((name) => lab().history.deleted(name)));
      expect(await found('type=set')).toEqual([]);
    });

    it(covers('Pods, assigned hostip'), async () => {
      const { status } = await lab().ready(podOf('host-ip', stay));
      expect(status?.hostIP).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      expect(status?.hostIPs).toEqual([{ ip: status?.hostIP }]);
      expect(status?.podIPs).toEqual([{ ip: status?.podIP }]);
    });

    it(covers('Pods, patching status'), async () => {
      await lab().ready(podOf('status', stay, { labels: { time: 'status' } }));
      const status = { message: 'Patched by e2e test', reason: 'E2E' };
      const patched = await lab().pods.patch('pods', 'status', 'strategic', { status }, { subresource: 'status' });
      expect(patched.status).toMatchObject(status);
      expect(patched.status?.containerStatuses).toHaveLength(1);
    });

    it(covers('Pods, completes the lifecycle of a Pod and the PodStatus'), async () => {
      const labels = { 'test-pod-static': 'true' };
      await lab().ready(podOf('whole', stay, { labels }));
      const body = {
        metadata: { labels: { patched: 'yes' } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'main', image: 'docker.io/library/busybox:latest' }],
        },
      };
      const patched = await lab().pods.patch('pods', 'whole', 'strategic', body);
      expect(patched.metadata.labels).toEqual({ ...labels, patched: 'yes' });
      const fresh = (await raw('GET', `${lab().path('pods')}/whole/status`)) as Pod;
      const conditions = [
        ...(fresh.status?.conditions ?? []).filter((c) => c.type !== 'example/own'),
        { type: 'example/own', status: 'True' },
      ];
      const replaced = (await raw('PUT', `${lab().path('pods')}/whole/status`, {
        ...fresh,
        metadata: { ...fresh.metadata, resourceVersion: undefined },
        status: { ...fresh.status, conditions },
      })) as Pod;
      expect(replaced.status?.conditions?.find((c) => c.type === 'example/own')?.status).toBe('True');
      // The kubelet leaves the conditions of others alone.
      await lab().seen('whole', (p) => containerStatus(p)?.restartCount === 1 && isReady(p));
      expect((await lab().get('whole')).status?.conditions?.some((c) => c.type === 'example/own')).toBe(true);
      await lab().pods.deleteCollection('pods', { labelSelector: 'test-pod-static=true' });
      const last = await lab().history.deleted('whole');
      expect(last.metadata.deletionTimestamp).toBeDefined();
    });

    it(covers('Pods, remote command execution over websocket'), async () => {
      await lab().ready(podOf('ws-exec', stay));
      expect(await lab().exec('ws-exec', ['echo', 'remote execution test'])).toEqual({
        stdout: 'remote execution test\n',
        stderr: '',
        status: 'Success',
        exitCode: 0,
      });
      expect(await lab().exec('ws-exec', ['sh', '-c', 'echo bad >&2; exit 7'])).toEqual({
        stdout: '',
        stderr: 'bad\n',
        status: 'NonZeroExitCode',
        exitCode: 7,
      });
      const path = `${lab().path('pods')}/ws-exec/exec?command=cat&command=/etc/resolv.conf&stdout=1&stderr=1`;
      const messages = await readSocket(lab().credentials, path, 'channel.k8s.io');
      expect(Buffer.concat(messages.filter((m) => m[0] === 1).map((m) => m.subarray(1))).toString()).toContain(
        'nameserver ',
      );
    });

    it(covers('Pods, logs from websockets'), async () => {
      await lab().ready(podOf('ws-log', { command: ['sh', '-c', `echo container is alive; ${STAY}`] }));
      await lab().logged('ws-log', 'container is alive\n');
      const path = `${lab().path('pods')}/ws-log/log?container=main`;
      const messages = await readSocket(lab().credentials, path, 'binary.k8s.io');
      expect(Buffer.concat(messages).toString()).toBe('container is alive\n');
      const coded = await readSocket(lab().credentials, path, 'base64.binary.k8s.io');
      const decoded = coded.map((m) => Buffer.from(m.toString(), 'base64').toString());
      expect(decoded.join('')).toBe('container is alive\n');
      await expect(readSocket(lab().credentials, `${path}&previous=true`, 'binary.k8s.io')).rejects.toThrow('400');
    });

    it('tells of changes over a WebSocket, a message for each', async () => {
      await lab().create(podOf('ws-watch', stay));
      const query = 'watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dws-watch';
      const messages = await readSocket(lab().credentials, `${lab().path('pods')}?${query}`);
      const events = messages.map((m) => JSON.parse(m.toString()) as { type: string; object: Pod });
      expect(events[0]).toMatchObject({ type: 'ADDED', object: { kind: 'Pod', metadata: { name: 'ws-watch' } } });
    });
  });

  describe('resizes pods in place', { concurrent: true }, () => {
    const read = (name: string) =>
      lab().sh(
        name,
        'cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/memory/memory.limit_in_bytes',
      );
    const resize = (name: string, resources: object) =>
      lab().pods.patch(
        'pods',
        name,
        'strategic',
        { spec: { containers: [{ name: 'main', resources }] } },
        { subresource: 'resize' },
      );

    it('without a restart, and says what is in force', async () => {
      const resources = { requests: { cpu: '50m', memory: '32Mi' }, limits: { cpu: '100m', memory: '64Mi' } };
      const before = await lab().ready(podOf('resize', { ...stay, resources }));
      expect(await read('resize')).toMatch(/10000[\s\S]*67108864/);
      const wanted = { requests: { cpu: '75m', memory: '48Mi' }, limits: { cpu: '200m', memory: '96Mi' } };
      await resize('resize', wanted);
      const after = await lab().seen('resize', (p) => containerStatus(p)?.resources?.limits?.cpu === '200m');
      expect(containerStatus(after)).toMatchObject({
        restartCount: 0,
        containerID: containerStatus(before)?.containerID,
        resources: wanted,
      });
      expect(await read('resize')).toMatch(/20000[\s\S]*100663296/);
    });

    it('with a restart where the container wishes it', async () => {
      const resources = { limits: { memory: '64Mi' } };
      const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
      await lab().ready(podOf('resize-restart', { ...stay, resources, resizePolicy }));
      await resize('resize-restart', { requests: { memory: '96Mi' }, limits: { memory: '96Mi' } });
      await lab().seen(
        'resize-restart',
        (p) => containerStatus(p)?.restartCount === 1 && containerStatus(p)?.resources?.limits?.memory === '96Mi',
      );
      expect(await read('resize-restart')).toContain('100663296');
    });

    it('as a whole: its cgroup and the containers that have no limits of their own', async () => {
      const resources = { requests: { cpu: '50m', memory: '32Mi' }, limits: { cpu: '100m', memory: '64Mi' } };
      const pod = podOf('resize-whole', stay);
      const before = await lab().ready({
        ...pod,
        spec: { ...pod.spec, containers: pod.spec?.containers ?? [], resources },
      });
      expect(before.status).toMatchObject({
        qosClass: 'Burstable',
        resources,
        allocatedResources: resources.requests,
      });
      const group = podCgroup(before.metadata.uid ?? '');
      expect(group()).toEqual({ quota: 10_000, memory: 67_108_864 });
      expect(await read('resize-whole')).toMatch(/10000[\s\S]*67108864/);
      const wanted = { requests: { cpu: '75m', memory: '48Mi' }, limits: { cpu: '200m', memory: '96Mi' } };
      await lab().pods.patch(
        'pods',
        'resize-whole',
        'strategic',
        { spec: { resources: wanted } },
        { subresource: 'resize' },
      );
      const after = await lab().seen('resize-whole', (p) => p.status?.resources?.limits?.cpu === '200m');
      expect(after.status).toMatchObject({ resources: wanted, allocatedResources: wanted.requests });
      expect(containerStatus(after)?.restartCount).toBe(0);
      expect(group()).toEqual({ quota: 20_000, memory: 100_663_296 });
      expect(await read('resize-whole')).toMatch(/20000[\s\S]*100663296/);
      await vi.waitFor(async () => {
        const { stdout } = await lab().kubectl('describe', 'pod', 'resize-whole', '-n', 'pods');
        expect(stdout).toMatch(/ResizeStarted .*\n.*ResizeCompleted /);
        expect(stdout).toMatch(/^Resources:\n {2}Limits:\n {4}cpu: +200m\n {4}memory: +96Mi\n {2}Requests:\n/m);
      }, 10_000);
    });

    it('never when it could not be had on any node like this', async () => {
      await lab().ready(podOf('resize-much', { ...stay, resources: { requests: { cpu: '10m' } } }));
      await expect(resize('resize-much', { requests: { cpu: '10000' } })).rejects.toThrow(
        "node didn't have enough allocatable resources: cpu, requested: 10000000, allocatable: ",
      );
    });
  });

  // These taint a node: they come last, one after the other.
  describe('evicts from a tainted node', () => {
    const key = 'kubernetes.io/e2e-evict-taint-key';
    const taint = async (sign: '' | '-') => {
      const ran = await lab().kubectl('taint', 'node', 'node-2', `${key}=evictTaintVal:NoExecute${sign}`);
      expect(ran, ran.stderr).toMatchObject({ code: 0 });
    };
    const patient = (name: string, seconds?: number) =>
      podOf(name, stay, {
        nodeSelector: { 'kubernetes.io/hostname': 'node-2' },
        tolerations: [
          {
            key,
            value: 'evictTaintVal',
            operator: 'Equal',
            effect: 'NoExecute',
            ...(seconds === undefined ? {} : { tolerationSeconds: seconds }),
          },
        ],
      });

    it(covers('Pod Eviction, Toleration limits'), async () => {
      const impatient = podOf('taint-0', stay, { nodeSelector: { 'kubernetes.io/hostname': 'node-2' } });
      const all = [impatient, patient('taint-1', 1), patient('taint-3', 3), patient('taint-ever')];
      await Promise.all(all.map((pod) => lab().ready(pod)));
      await taint('');
      const began = Date.now();
      const after = async (name: string) => {
        const pod = await lab().seen(name, (p) => p.metadata.deletionTimestamp !== undefined);
        const seconds = (Date.now() - began) / 1000;
        const target = pod.status?.conditions?.find((c) => c.type === 'DisruptionTarget');
        expect(target).toMatchObject({ status: 'True', reason: 'DeletionByTaintManager' });
        return seconds;
      };
      const [none, one, three] = await Promise.all(['taint-0', 'taint-1', 'taint-3'].map(after));
      expect(none).toBeLessThan(1.5);
      expect(one).toBeGreaterThan(0.5);
      expect(three).toBeGreaterThan(2.5);
      expect(three).toBeLessThan(10);
      await Promise.all(['taint-0', 'taint-1', 'taint-3'].map((name) => lab().history.deleted(name)));
      expect((await lab().get('taint-ever')).metadata.deletionTimestamp).toBeUndefined();
      await taint('-');
    });

    it(covers('Taint, Pod Eviction on taint removal'), async () => {
      await lab().ready(patient('taint-spared', 3));
      await taint('');
      await sleep(1_000);
      await taint('-');
      await sleep(4_000);
      const pod = await lab().get('taint-spared');
      expect(pod.metadata.deletionTimestamp).toBeUndefined();
      expect(isReady(pod)).toBe(true);
      await lab().event('taint-spared', (e) => e.message?.startsWith('Cancelling deletion of Pod') === true);
    });
  });
});
