// How fast pods start: one at a time and ten at a time, and what they cost then; beside `podman run` and two bare `crun run` of the same image.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LoadClient, measure, percentile, type Target } from './load.ts';
import { PodClient, type PodShape } from './pod-client.ts';
import { benchPodLife } from './pod-life.ts';
import type { Report } from './report.ts';

const run = promisify(execFile);
interface Started {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
}

async function startPods(
  pods: PodClient,
  shape: Omit<PodShape, 'name'>,
  total: number,
  width: number,
): Promise<Started> {
  const names = Array.from({ length: total }, (_, i) => `bench-${width}-${i}`);
  const started = await measure(total, width, (i) => pods.start({ ...shape, name: names[i] ?? '' }));
  await pods.deleteAll(names);
  return started;
}

/** Times `work` a few times and gives the median, in milliseconds. */
async function median(times: number, work: (i: number) => Promise<unknown>): Promise<number> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const t = performance.now();
    await work(i);
    taken.push(performance.now() - t);
  }
  return percentile(taken, 0.5);
}

async function podmanRun(archive: string, report: Report): Promise<void> {
  const options = ['--cgroup-manager=cgroupfs', '--events-backend=file'];
  try {
    await run('podman', [...options, 'load', '-q', '-i', archive]);
    const ms = await median(5, () =>
      run('podman', [
        ...options,
        'run',
        '--rm',
        '--network=none',
        '--ulimit=nofile=1024:1024',
        '--ulimit=nproc=1024:1024',
        'docker.io/library/busybox:latest',
        'true',
      ]),
    );
    report.row('reference: podman run', `${ms.toFixed(0)} ms`, 'without a network', '');
  } catch (error) {
    report.row('reference: podman run', 'not run', (error as Error).message.split('\n')[0]?.slice(0, 60) ?? '', '');
  }
}

async function crunRunTwice(rootfs: string, dir: string, report: Report): Promise<void> {
  const bundle = join(dir, 'bundle');
  mkdirSync(bundle, { recursive: true });
  await run('crun', ['spec'], { cwd: bundle });
  const spec = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as {
    process: { terminal: boolean; args: string[] };
    root: { path: string };
  };
  spec.process.terminal = false;
  spec.process.args = ['/bin/true'];
  spec.root.path = rootfs;
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
  const ms = await median(9, async (i) => {
    await run('crun', ['--cgroup-manager=cgroupfs', 'run', '--bundle', bundle, `bench-a-${process.pid}-${i}`]);
    await run('crun', ['--cgroup-manager=cgroupfs', 'run', '--bundle', bundle, `bench-b-${process.pid}-${i}`]);
  });
  report.row('reference: two bare crun run', `${ms.toFixed(0)} ms`, '', '');
}

export interface PodBench {
  readonly target: Target;
  readonly image: string;
  readonly archive: string;
  readonly rootfs: string;
  readonly work: string;
  /** The process ID of `minke serve`. */
  readonly server: number;
}

export async function benchPods(bench: PodBench, report: Report): Promise<void> {
  const { image, target, server } = bench;
  const client = new LoadClient(target);
  const pods = await PodClient.open(client);
  await pods.makeSettings();
  await startPods(pods, { image }, 2, 1);
  const one = await startPods(pods, { image }, 20, 1);
  report.row('create → Ready, one at a time', `${one.p50.toFixed(0)} ms`, `p50; p99 ${one.p99.toFixed(0)} ms`, '80 ms');
  const ten = await startPods(pods, { image, volumes: true }, 100, 10);
  const spread = `p50 ${ten.p50.toFixed(0)}, p99 ${ten.p99.toFixed(0)} ms`;
  report.row('… ten at a time, with volumes', `${ten.perSecond.toFixed(1)}/s`, spread, '30/s');
  await benchPodLife({ target, image, client, pods, server }, report);
  pods.close();
  client.close();
  await podmanRun(bench.archive, report);
  await crunRunTwice(bench.rootfs, bench.work, report);
}
