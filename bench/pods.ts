// How fast pods start: one at a time and ten at a time, beside `podman run` and two bare `crun run` of the same image.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LoadClient, measure, percentile, type Target } from './load.ts';
import type { Report } from './report.ts';

const run = promisify(execFile);
const PATH = '/api/v1/namespaces/default/pods';

interface WatchLine {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly name: string };
    readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  };
}

function pod(name: string, image: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'c', image, imagePullPolicy: 'IfNotPresent', command: ['/bin/sleep', '100000'] }],
      },
    }),
  );
}

async function startPods(
  client: LoadClient,
  image: string,
  total: number,
  width: number,
): Promise<{ p50: number; perSecond: number }> {
  const list = JSON.parse((await client.send('GET', `${PATH}?limit=1`)).toString()) as {
    metadata: { resourceVersion: string };
  };
  const ready = new Map<string, () => void>();
  const gone = new Map<string, () => void>();
  const end = await client.watch(`${PATH}?watch=1&resourceVersion=${list.metadata.resourceVersion}`, (text) => {
    const line: WatchLine = JSON.parse(text);
    const { name } = line.object.metadata;
    if (line.type === 'DELETED') gone.get(name)?.();
    else if (line.object.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true)
      ready.get(name)?.();
  });
  const name = (i: number) => `bench-${width}-${i}`;
  const times: number[] = [];
  const all = await measure(total, width, async (i) => {
    const t = performance.now();
    const done = new Promise<void>((resolve) => ready.set(name(i), resolve));
    await client.send('POST', PATH, pod(name(i), image));
    await done;
    times.push(performance.now() - t);
  });
  await measure(total, 4, async (i) => {
    const done = new Promise<void>((resolve) => gone.set(name(i), resolve));
    await client.send('DELETE', `${PATH}/${name(i)}`);
    await done;
  });
  end();
  return { p50: percentile(times, 0.5), perSecond: all.perSecond };
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
}

export async function benchPods(bench: PodBench, report: Report): Promise<void> {
  const client = new LoadClient(bench.target);
  await startPods(client, bench.image, 2, 1);
  const one = await startPods(client, bench.image, 20, 1);
  report.row('create → Ready, one at a time', `${one.p50.toFixed(0)} ms`, 'p50', '80 ms');
  const ten = await startPods(client, bench.image, 60, 10);
  report.row('create → Ready, ten at a time', `${ten.perSecond.toFixed(1)}/s`, `p50 ${ten.p50.toFixed(0)} ms`, '30/s');
  client.close();
  await podmanRun(bench.archive, report);
  await crunRunTwice(bench.rootfs, bench.work, report);
}
