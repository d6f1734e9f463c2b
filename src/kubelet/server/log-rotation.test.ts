// Logs that are kept within their bounds.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HandClock } from '../../client/index.ts';
import { LABEL } from '../pod/identity.ts';
import { FakeRuntime } from '../test-support/fake-runtime.ts';
import { run } from '../test-support/pods.ts';
import { RuntimeCache } from '../worker/runtime-cache.ts';
import { LogRotation } from './log-rotation.ts';

let dir: string;
let file: string;
let clock: HandClock;
let rotation: LogRotation;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'rotation-test-'));
  file = path.join(dir, '0.log');
  clock = new HandClock();
  const runtime = new FakeRuntime(clock);
  const status = run('c', { logPath: file, labels: { [LABEL.podUid]: 'u' } });
  runtime.containers.set(status.id, { ...status, config: undefined as never });
  runtime.reopenContainerLog = () => writeFile(file, '');
  const cache = new RuntimeCache(runtime, () => undefined);
  await cache.start();
  rotation = new LogRotation({ runtime, cache, clock, maxSize: 10, maxFiles: 3, log: () => undefined });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('log rotation', () => {
  it('leaves a small log alone', async () => {
    await writeFile(file, 'small');
    await rotation.look();
    expect(await readdir(dir)).toEqual(['0.log']);
  });

  it('puts a full log aside and begins a new one', async () => {
    await writeFile(file, 'x'.repeat(20));
    await rotation.look();
    expect((await readdir(dir)).sort()).toEqual(['0.log', '0.log.20260102-030405']);
    expect(await readFile(file, 'utf8')).toBe('');
  });

  it('packs what is older and keeps no more files than it may', async () => {
    for (let i = 0; i < 5; i++) {
      await writeFile(file, `${i}`.repeat(20));
      await rotation.look();
      await clock.advance(1_000);
    }
    const names = (await readdir(dir)).sort();
    expect(names).toEqual(['0.log', '0.log.20260102-030408.gz', '0.log.20260102-030409']);
    expect(gunzipSync(await readFile(path.join(dir, names[1] ?? ''))).toString()).toBe('3'.repeat(20));
  });
});
