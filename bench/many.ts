// Thirty thousand pods: what the first thousands cost a server that has just started, what memory each takes, and how they are listed.
import { readFileSync } from 'node:fs';
import { CLIENTS, makeNamespace, pod, podsPath } from './api-pods.ts';
import { type LoadClient, measure, percentile } from './load.ts';
import type { Report } from './report.ts';

const FIRST = 2000;
const ALL = 30_000;
const LISTS = 9;

/** A figure that the server tells of itself. The longest pause of its event loop is the one since it was last asked. */
async function metric(client: LoadClient, name: string): Promise<number> {
  const text = (await client.send('GET', '/metrics')).toString();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

const pause = (client: LoadClient) => metric(client, 'nodejs_eventloop_lag_max_seconds');
const settle = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Bytes of the server's own memory, and with the pages of the database's file that the kernel has mapped for it. */
function memoryOf(pid: number): { readonly own: number; readonly all: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
  return { own: kilobytes('RssAnon') * 1024, all: kilobytes('VmRSS') * 1024 };
}

export interface Listed {
  readonly ms: number;
  readonly bytes: number;
}

/** Until the last byte has come. What a client does with eighty megabytes then is its own affair, and took most of the time here. */
export async function listTimes(client: LoadClient, path: string): Promise<Listed> {
  const times: number[] = [];
  let bytes = 0;
  for (let i = 0; i < LISTS; i++) {
    const t = performance.now();
    bytes = await client.length(path);
    times.push(performance.now() - t);
  }
  return { ms: percentile(times, 0.5), bytes };
}

/** To be run first: what it makes, and takes away at its end, also warms the server up for the figures after it. Gives the length of the list. */
export async function benchMany(client: LoadClient, pid: number, report: Report): Promise<Listed> {
  const namespace = 'bench-many';
  const path = podsPath(namespace);
  await makeNamespace(client, namespace);
  const before = memoryOf(pid);
  const first = await measure(FIRST, CLIENTS, (i) => client.send('POST', path, pod(i)));
  report.row(`create pods, the first ${FIRST} after start`, `${first.perSecond.toFixed(0)}/s`, '', '');
  await measure(ALL - FIRST, CLIENTS, (i) => client.send('POST', path, pod(FIRST + i)));
  await settle(2000);
  const after = memoryOf(pid);
  const each = (bytes: number) => `${(bytes / ALL / 1000).toFixed(1)} kB`;
  const mapped = `${each(after.all - before.all)} with mapped pages`;
  report.row('memory per stored pod', each(after.own - before.own), mapped, '12 kB');
  await pause(client);
  const listed = await listTimes(client, path);
  report.row(`list ${ALL} pods`, `${listed.ms.toFixed(0)} ms`, `${(listed.bytes / 1e6).toFixed(0)} MB`, '500 ms');
  const longest = (await pause(client)) * 1000;
  report.row('… longest pause of the event loop', `${longest.toFixed(0)} ms`, `over ${LISTS} lists`, '50 ms');
  await measure(ALL, CLIENTS, (i) => client.send('DELETE', `${path}/p-${i}?gracePeriodSeconds=0`));
  await settle(2000);
  return listed;
}
