// What pods have on the disk, and the words for those that have too much.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PodSpec } from '../../resources/generated/core-v1.ts';
import { PodPaths } from '../pod/identity.ts';
import { container, pod } from '../test-support/pods.ts';
import { hasStorageLimit, overStorageLimit, podStorageLimit, storageUse } from './storage-use.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'storage-use-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const limits = (amount: string) => ({ resources: { limits: { 'ephemeral-storage': amount } } });

async function judged(
  spec: Partial<PodSpec>,
  layer: number,
  files: Record<string, number> = {},
): Promise<string | undefined> {
  const paths = new PodPaths(dir, path.join(dir, 'logs'), { name: 'p', namespace: 'ns', uid: 'u' });
  for (const [name, size] of Object.entries(files)) {
    const file = path.join(name === 'log' ? path.join(paths.logs, 'c') : paths.volume('empty-dir', name), 'f');
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, Buffer.alloc(size));
  }
  const p = pod(spec);
  return overStorageLimit(
    p,
    await storageUse({ pod: p, paths, layers: new Map([['c', { bytes: layer, inodes: 1 }]]) }),
  );
}

describe('a pod on the disk', () => {
  it('goes when an emptyDir is larger than its limit', async () => {
    const volumes = [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }];
    expect(await judged({ volumes }, 0, { v: 4096 })).toBeUndefined();
    expect(await judged({ volumes }, 0, { v: 2 << 20 })).toBe('Usage of EmptyDir volume "v" exceeds the limit "1Mi". ');
    const unlimited = [{ name: 'v', emptyDir: { sizeLimit: '0' } }];
    expect(await judged({ volumes: unlimited }, 0, { v: 2 << 20 })).toBeUndefined();
  });

  it('goes when a container has written too much, its logs among it', async () => {
    const containers = [container('c', limits('1Mi')), container('d', limits('9Mi'))];
    const message = 'Container c exceeded its local ephemeral storage limit "1Mi". ';
    expect(await judged({ containers }, 2 << 20)).toBe(message);
    expect(await judged({ containers }, 0, { log: 2 << 20 })).toBe(message);
    expect(await judged({ containers }, 1000, { log: 1000 })).toBeUndefined();
  });

  it('goes when containers and volumes together are over the limits together', async () => {
    const containers = [container('c', limits('1Mi')), container('d', limits('1Mi'))];
    const volumes = [
      { name: 'v', emptyDir: {} },
      { name: 'm', emptyDir: { medium: 'Memory' } },
    ];
    const message = 'Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ';
    expect(await judged({ containers, volumes }, 1 << 19, { v: 2 << 20 })).toBe(message);
    expect(await judged({ containers, volumes }, 1 << 19, { m: 2 << 20, v: 4096 })).toBeUndefined();
  });

  it('has the limit of what can run at once', () => {
    const initContainers = [container('i', limits('5Mi'))];
    expect(podStorageLimit(pod({ initContainers, containers: [container('c', limits('1Mi'))] }))).toBe('5Mi');
    const sidecar = [container('s', { ...limits('2Mi'), restartPolicy: 'Always' })];
    expect(podStorageLimit(pod({ initContainers: sidecar, containers: [container('c', limits('1Mi'))] }))).toBe('3Mi');
    expect(podStorageLimit(pod({ containers: [container('c')] }))).toBeUndefined();
    expect(hasStorageLimit(pod({ containers: [container('c')] }))).toBe(false);
  });
});
