// Static pods on a real node: they run by their files, and the API shows them and cannot end them.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { NODES } from '../../../src/client/index.ts';
import type { Pod } from '../../../src/resources/generated/core-v1.ts';
import { isRoot } from '../../e2e/cluster.ts';
import { containerStatus, isReady, useLab } from './lab.ts';

describe.skipIf(!isRoot)('a static pod (needs root)', () => {
  const lab = useLab({ namespace: 'static' });
  const file = (name: string): string => join(lab().cluster.dir, 'manifests', `${name}.yaml`);
  const write = (name: string, command: string, more = '', volumeMounts: object[] = []): void => {
    const container = {
      name: 'main',
      image: 'busybox',
      imagePullPolicy: 'Never',
      command: ['sh', '-c', command],
      volumeMounts,
    };
    mkdirSync(join(lab().cluster.dir, 'manifests'), { recursive: true });
    writeFileSync(
      file(name),
      [
        'apiVersion: v1',
        'kind: Pod',
        `metadata: {name: ${name}, namespace: static, labels: {made: by-file}}`,
        'spec:',
        '  terminationGracePeriodSeconds: 2',
        more,
        `  containers: [${JSON.stringify(container)}]`,
        '',
      ].join('\n'),
    );
  };
  const idOf = (pod: Pod): string | undefined => containerStatus(pod)?.containerID;
  const settled = <T>(look: () => Promise<T>): Promise<T> => vi.waitFor(look, { timeout: 60_000, interval: 50 });
  const running = (name: string): Promise<Pod> =>
    settled(async () => {
      const pod = await lab().get(`${name}-node-1`);
      expect(isReady(pod)).toBe(true);
      return pod;
    });

  it('is shown by a mirror, which its node owns', async () => {
    write('shown', 'echo hello; sleep 100000');
    const mirror = await running('shown');
    const node = await lab().client.resource(NODES).get('', 'node-1');
    const { annotations = {}, ownerReferences } = mirror.metadata;
    expect(Object.keys(annotations).sort()).toEqual([
      'kubernetes.io/config.hash',
      'kubernetes.io/config.mirror',
      'kubernetes.io/config.seen',
      'kubernetes.io/config.source',
    ]);
    expect(annotations['kubernetes.io/config.mirror']).toBe(annotations['kubernetes.io/config.hash']);
    expect(annotations['kubernetes.io/config.source']).toBe('file');
    expect(ownerReferences).toEqual([
      { apiVersion: 'v1', kind: 'Node', name: 'node-1', uid: node.metadata.uid, controller: true },
    ]);
    expect(mirror.spec?.tolerations).toContainEqual({ operator: 'Exists', effect: 'NoExecute' });
    expect(mirror.spec?.volumes).toBeUndefined();
    await lab().logged('shown-node-1', 'hello\n');
    expect(await lab().sh('shown-node-1', 'echo there')).toBe('there\n');
    await settled(async () => {
      const top = await lab().kubectl('top', 'pod', 'shown-node-1', '-n', 'static', '--no-headers');
      expect(top.stdout).toMatch(/^shown-node-1 +\d+m +\d+Mi/);
    });
    const { stdout } = await lab().kubectl('describe', 'pod', 'shown-node-1', '-n', 'static');
    expect(stdout).toMatch(/^Controlled By: +Node\/node-1$/m);
    expect(stdout).toMatch(/Normal +Started .*kubelet/);
  });

  it('runs on when its mirror is deleted, and a new mirror comes', async () => {
    write('kept', 'sleep 100000');
    const before = await running('kept');
    const deleted = await lab().kubectl('delete', 'pod', 'kept-node-1', '-n', 'static', '--wait=false');
    expect(deleted, deleted.stderr).toMatchObject({ code: 0 });
    await settled(async () => expect((await lab().get('kept-node-1')).metadata.uid).not.toBe(before.metadata.uid));
    const after = await running('kept');
    expect(idOf(after)).toBe(idOf(before));
    expect(containerStatus(after)?.restartCount).toBe(0);
  });

  it('is replaced when its file changes, the new one only when the old one is gone', async () => {
    const dir = join(lab().cluster.dir, 'shared');
    mkdirSync(dir);
    // Whoever finds the other's file there was begun too early.
    const script = (name: string): string =>
      `set -C; (echo ${name} >/shared/lock) 2>/dev/null || echo ${name} >/shared/early; ` +
      `trap "rm /shared/lock; exit" TERM; echo ${name}; while :; do sleep 0.1; done`;
    const withMount = (name: string): void =>
      write('changed', script(name), `  volumes: [{name: shared, hostPath: {path: ${dir}}}]`, [
        { name: 'shared', mountPath: '/shared' },
      ]);
    withMount('first');
    const before = await running('changed');
    withMount('second');
    await settled(async () => expect((await lab().get('changed-node-1')).metadata.uid).not.toBe(before.metadata.uid));
    const after = await running('changed');
    expect(idOf(after)).not.toBe(idOf(before));
    await lab().logged('changed-node-1', 'second\n');
    expect(await lab().sh('changed-node-1', 'cat /shared/*')).toBe('second\n');
  });

  it('that its node cannot take says so', async () => {
    write('refused', 'sleep 100000', '  nodeSelector: {disk: ssd}');
    await settled(async () =>
      expect((await lab().get('refused-node-1')).status).toMatchObject({
        phase: 'Failed',
        reason: 'NodeAffinity',
        message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
      }),
    );
  });

  it('ends with its file, and its mirror with it', async () => {
    write('ended', 'sleep 100000');
    await running('ended');
    rmSync(file('ended'));
    await settled(() => expect(lab().get('ended-node-1')).rejects.toMatchObject({ reason: 'NotFound' }));
  });

  it('is made by a file alone: what an annotation says of a pod from the API counts for nothing', async () => {
    const pod = await lab().create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'pretends', annotations: { 'kubernetes.io/config.source': 'file' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'main', image: 'busybox', imagePullPolicy: 'Never', command: ['sleep', '100000'] }],
      },
    });
    const ready = await settled(async () => {
      const seen = await lab().get('pretends');
      expect(isReady(seen)).toBe(true);
      return seen;
    });
    expect(ready.metadata.uid).toBe(pod.metadata.uid);
    await lab().pods.delete('static', 'pretends');
    await settled(() => expect(lab().get('pretends')).rejects.toMatchObject({ reason: 'NotFound' }));
  });
});
