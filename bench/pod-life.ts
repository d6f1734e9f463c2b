// What pods cost while they do nothing, and how fast a death is noticed, a command is run and a log is read.
import { readdirSync, readFileSync } from 'node:fs';
import WebSocket from 'ws';
import { type LoadClient, measure, percentile, type Target } from './load.ts';
import { hasPhase, PODS, type PodClient } from './pod-client.ts';
import type { Report } from './report.ts';

/** As many as a node takes. */
const FULL_NODE = 110;
const SETTLE_MS = 5000;
const IDLE_MS = 10_000;
const LINE = '0123456789'.repeat(10);
/** What a container writes is a file, so many times: it is not the writer who is measured. */
const LOG_FILE_BYTES = 100_000 * (LINE.length + 1);
const LOG_FILES = 30;
/** Of /proc/PID/stat, 1/100 s on every Linux that matters. */
const TICK_MS = 10;

export interface LifeBench {
  readonly target: Target;
  readonly image: string;
  readonly client: LoadClient;
  readonly pods: PodClient;
  /** The process ID of `minke serve`. */
  readonly server: number;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function processesWhere(test: (args: readonly string[], pid: number) => boolean): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return all.map(Number).filter((pid) => test(read(`/proc/${pid}/cmdline`).split('\0'), pid));
}

/** The server, what it started to start programs, and the shims of its containers. */
function minkeProcesses(server: number): { main: number[]; shims: number[] } {
  const helper = read(`/proc/${server}/task/${server}/children`)
    .split(' ')
    .filter((p) => p !== '');
  const cgroup = read(`/proc/${helper[0] ?? server}/cgroup`);
  const shims = processesWhere(
    (args, pid) => args[0]?.endsWith('conmon') === true && read(`/proc/${pid}/cgroup`) === cgroup,
  );
  return { main: [server, ...helper.map(Number)], shims };
}

function memory(pids: readonly number[]): number {
  const own = pids.map((pid) => Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0));
  return own.reduce((a, b) => a + b, 0) * 1024;
}

function processorMs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const text = read(`/proc/${pid}/stat`);
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks * TICK_MS;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function idle(bench: LifeBench, report: Report): Promise<void> {
  const { pods, image, server } = bench;
  const before = memory(minkeProcesses(server).main);
  const names = Array.from({ length: FULL_NODE }, (_, i) => `idle-${i}`);
  await measure(names.length, 10, (i) => pods.start({ name: names[i] ?? '', image }));
  await pause(SETTLE_MS);
  const { main, shims } = minkeProcesses(server);
  const cpu = processorMs([...main, ...shims]);
  await pause(IDLE_MS);
  const share = (processorMs([...main, ...shims]) - cpu) / IDLE_MS;
  const bytes = (memory(main) - before + memory(shims)) / FULL_NODE;
  report.row(`${FULL_NODE} idle pods, processor`, `${(share * 100).toFixed(1)} %`, 'of a core', '2 %');
  report.row(
    `${FULL_NODE} idle pods, memory of Minke`,
    `${(bytes / 1e6).toFixed(1)} MB`,
    'per pod, shims included',
    '3 MB',
  );
  await pods.deleteAll(names);
}

/** A container that runs may be about to become its program yet. */
async function found(look: () => number | undefined): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const pid = look();
    if (pid !== undefined) return pid;
    await pause(10);
  }
  throw new Error('the container of the bench is not to be found');
}

async function deaths(bench: LifeBench, report: Report): Promise<void> {
  const { pods, image } = bench;
  const times: number[] = [];
  for (let i = 0; i < 10; i++) {
    const name = `mortal-${i}`;
    const mark = String(700_000_000 + i);
    await pods.start({ name, image, command: ['/bin/sleep', mark] });
    const pid = await found(() => processesWhere((args) => args[0] === '/bin/sleep' && args[1] === mark)[0]);
    const told = pods.until(name, hasPhase('Failed'));
    const t = performance.now();
    process.kill(pid, 'SIGKILL');
    await told;
    times.push(performance.now() - t);
    await pods.delete(name);
  }
  report.row('a dead container is told', `${percentile(times, 0.5).toFixed(0)} ms`, 'p50, by a watch', '50 ms');
}

/** One command over a connection of its own, as kubectl has it. */
function exec(target: Target, pod: string, command: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const query = [
      ...command.map((c) => `command=${encodeURIComponent(c)}`),
      'container=c',
      'stdout=true',
      'stderr=true',
    ];
    const url = `${target.server.replace('https', 'wss')}${PODS}/${pod}/exec?${query.join('&')}`;
    const { ca, cert, key } = target;
    const socket = new WebSocket(url, ['v5.channel.k8s.io'], { ca, cert, key });
    socket.on('message', (data: Buffer) => {
      // The last message of a session, on the channel of errors, says how it ended.
      if (data[0] !== 3) return;
      if (data.includes('"Success"')) resolve();
      else reject(new Error(data.toString()));
      socket.close();
    });
    socket.on('error', reject);
  });
}

async function commands(bench: LifeBench, report: Report): Promise<void> {
  await bench.pods.start({ name: 'exec', image: bench.image });
  const times: number[] = [];
  for (let i = 0; i < 25; i++) {
    const t = performance.now();
    await exec(bench.target, 'exec', ['true']);
    if (i >= 5) times.push(performance.now() - t);
  }
  report.row('exec, from connecting to the exit code', `${percentile(times, 0.5).toFixed(0)} ms`, 'p50', '40 ms');
  await bench.pods.delete('exec');
}

async function logs(bench: LifeBench, report: Report): Promise<void> {
  const total = LOG_FILE_BYTES * LOG_FILES;
  const write = `yes ${LINE} | head -c ${LOG_FILE_BYTES} >/lines; sleep 1; cat${' /lines'.repeat(LOG_FILES)}`;
  await bench.pods.start({
    name: 'speaker',
    image: bench.image,
    command: ['/bin/sh', '-c', write],
  });
  let bytes = 0;
  let first = 0;
  let last = 0;
  await bench.client.read(`${PODS}/speaker/log?follow=true`, (chunk) => {
    last = performance.now();
    first ||= last;
    bytes += chunk.length;
  });
  const rate = bytes / 1e6 / ((last - first) / 1000);
  const lost = bytes === total ? 'nothing lost' : `LOST ${total - bytes} bytes`;
  report.row('a log, followed while it is written', `${rate.toFixed(0)} MB/s`, lost, '100 MB/s');
  await bench.pods.delete('speaker');
}

export async function benchPodLife(bench: LifeBench, report: Report): Promise<void> {
  await deaths(bench, report);
  await commands(bench, report);
  await logs(bench, report);
  await idle(bench, report);
}
