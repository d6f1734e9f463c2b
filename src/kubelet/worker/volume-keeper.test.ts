// A pod that waits for a volume: what is said, and when it is tried again.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HandClock } from '../../client/index.ts';
import { PodPaths } from '../pod/identity.ts';
import { container, pod } from '../test-support/pods.ts';
import { UnknownVolumeError } from '../volumes/errors.ts';
import { noMounts } from '../volumes/mounts.ts';
import type { WorkerDeps } from './deps.ts';
import { VolumeKeeper } from './volume-keeper.ts';

let dir: string;
let clock: HandClock;
let said: string[];
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'volume-keeper-'));
  clock = new HandClock();
  said = [];
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function keeper(): VolumeKeeper {
  const names = { name: 'p', namespace: 'ns', uid: 'u' };
  const deps = { clock, trustBundles: { release: () => undefined } } as unknown as WorkerDeps;
  const volumes = {
    mounts: noMounts(),
    paths: new PodPaths(dir, path.join(dir, 'logs'), names),
    secretDir: path.join(dir, 'secrets'),
    now: () => clock.now(),
    claims: () => Promise.reject(new UnknownVolumeError('error processing PVC ns/c: PVC is not bound')),
  };
  return new VolumeKeeper(deps, volumes, 'u', (reason, message) => said.push(`${reason}: ${message}`));
}

const fields = (p: ReturnType<typeof pod>) => ({ pod: p, podIps: [], hostIps: [], allocatable: {} });

const mounting = (...names: string[]) =>
  container('c', { volumeMounts: names.map((name) => ({ name, mountPath: `/${name}` })) });

describe('a pod whose volume does not come', () => {
  it('is told of each that fails', async () => {
    const missing = (name: string) => ({ name, hostPath: { path: path.join(dir, name), type: 'Directory' } });
    const p = pod({
      containers: [mounting('a', 'b')],
      volumes: [missing('a'), missing('b')],
    });
    await keeper().prepare(p, fields(p));
    expect(said.map((s) => /volume "(.)"/.exec(s)?.[1])).toEqual(['a', 'b']);
  });

  it('is told why each time, more and more slowly, and after two minutes what it waits for', async () => {
    const p = pod({
      containers: [mounting('there', 'file')],
      volumes: [
        { name: 'there', hostPath: { path: dir } },
        { name: 'file', hostPath: { path: path.join(dir, 'nosuch'), type: 'File' } },
      ],
    });
    const k = keeper();
    const waits: number[] = [];
    for (let i = 0; i < 11; i++) {
      expect(await k.prepare(p, fields(p))).toBe(false);
      const wait = (k.wakeAt ?? 0) - clock.now();
      waits.push(wait);
      await clock.advance(wait);
    }
    expect(waits.slice(0, 4)).toEqual([500, 1_000, 2_000, 4_000]);
    expect(waits.at(-1)).toBe(122_000);
    const why = `FailedMount: MountVolume.SetUp failed for volume "file" : hostPath type check failed: ${dir}/nosuch is not a file`;
    expect(said[0]).toBe(why);
    expect(said).toContain(
      'FailedMount: Unable to attach or mount volumes: unmounted volumes=[file], unattached volumes=[], failed to process volumes=[]: context deadline exceeded',
    );
    expect(said.filter((text) => text !== why).length).toBeLessThan(4);
  });

  it('does not wait for what no container mounts', async () => {
    const p = pod({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] });
    expect(await keeper().prepare(p, fields(p))).toBe(true);
    expect(said).toEqual([]);
  });

  it('hears at once of a claim that cannot be used', async () => {
    const p = pod({ containers: [mounting('v')], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] });
    await keeper().prepare(p, fields(p));
    expect(said).toEqual([
      'FailedMount: Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: error processing PVC ns/c: PVC is not bound',
    ]);
  });
});

describe('a pod whose files are there', () => {
  const p = pod({
    containers: [mounting('info')],
    volumes: [{ name: 'info', downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.labels' } }] } }],
  });
  const file = () => path.join(dir, 'secrets/downward-api/info/name');

  it('has them looked at again after a while, and what was changed in them undone', async () => {
    const k = keeper();
    const look = async () => {
      k.refresh(true);
      expect(await k.prepare(p, fields(p))).toBe(true);
      return readFile(file(), 'utf8');
    };
    const written = await look();
    await writeFile(file(), 'somebody else');
    expect(await look()).toBe('somebody else');
    await clock.advance(10_000);
    expect(await look()).toBe(written);
  });

  it('has them changed at once when their content is another', async () => {
    const k = keeper();
    await k.prepare(p, fields(p));
    const changed = { ...p, metadata: { ...p.metadata, labels: { now: 'other' } } };
    k.refresh(true);
    await k.prepare(changed, fields(changed));
    expect(await readFile(file(), 'utf8')).toBe('now="other"');
  });
});
