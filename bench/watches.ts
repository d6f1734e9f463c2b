// How watches carry changes: many events to fifty watchers, and one event at a time to a thousand.
import { CLIENTS, json, MERGE_PATCH, podsPath } from './api-pods.ts';
import { type LoadClient, measure, percentile } from './load.ts';
import type { Report } from './report.ts';

const WATCHERS = 50;
const CHANGES = 1000;
const MANY = 1000;
const EVENTS = 50;

async function watchPath(client: LoadClient, namespace: string): Promise<string> {
  const path = podsPath(namespace);
  const list = JSON.parse((await client.send('GET', `${path}?limit=1`)).toString()) as {
    metadata: { resourceVersion: string };
  };
  return `${path}?watch=1&resourceVersion=${list.metadata.resourceVersion}`;
}

function annotate(client: LoadClient, namespace: string, pod: string, value: string): Promise<Buffer> {
  const body = json({ metadata: { annotations: { w: value } } });
  return client.send('PATCH', `${podsPath(namespace)}/${pod}`, body, MERGE_PATCH);
}

/** One watcher is read for the delays, the others are counted. */
async function fanOut(client: LoadClient, namespace: string): Promise<{ perSecond: number; p99: number }> {
  const path = await watchPath(client, namespace);
  const sent = new Map<string, number>();
  const delays: number[] = [];
  const expected = WATCHERS * CHANGES;
  let got = 0;
  let finish = () => {};
  const all = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const take = (lines: number) => {
    got += lines;
    if (got >= expected) finish();
  };
  const ends = [
    await client.watch(path, (line) => {
      const at = sent.get(/"w":"(\d+)"/.exec(line)?.[1] ?? '');
      if (at !== undefined) delays.push(performance.now() - at);
      take(1);
    }),
  ];
  for (let w = 1; w < WATCHERS; w++) ends.push(await client.count(path, take));
  const begun = performance.now();
  await measure(CHANGES, CLIENTS, (i) => {
    sent.set(String(i), performance.now());
    return annotate(client, namespace, `p-${i}`, String(i));
  });
  await all;
  const seconds = (performance.now() - begun) / 1000;
  for (const end of ends) end();
  return { perSecond: expected / seconds, p99: percentile(delays, 0.99) };
}

/** From the moment a change is sent until each of the watchers has it. */
async function toMany(client: LoadClient, namespace: string): Promise<number> {
  const path = await watchPath(client, namespace);
  const delays: number[] = [];
  let began = 0;
  let left = 0;
  let finish = () => {};
  const take = (lines: number) => {
    for (let i = 0; i < lines; i++) delays.push(performance.now() - began);
    left -= lines;
    if (left === 0) finish();
  };
  const ends: (() => void)[] = [];
  await measure(MANY, CLIENTS, async () => ends.push(await client.count(path, take)));
  for (let i = 0; i < EVENTS; i++) {
    left = MANY;
    const all = new Promise<void>((resolve) => {
      finish = resolve;
    });
    began = performance.now();
    await annotate(client, namespace, 'p-0', `many-${i}`);
    await all;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const end of ends) end();
  // The first event goes to connections that have not been used yet.
  return percentile(delays.slice(MANY), 0.99);
}

export async function benchWatches(client: LoadClient, namespace: string, report: Report): Promise<void> {
  const fan = await fanOut(client, namespace);
  report.row(
    `watch events to ${WATCHERS} watchers`,
    `${fan.perSecond.toFixed(0)}/s`,
    `p99 ${fan.p99.toFixed(1)} ms`,
    '60,000/s',
  );
  const p99 = await toMany(client, namespace);
  report.row(`an event to ${MANY} watchers`, `${p99.toFixed(1)} ms`, 'p99, from the sending of the change', '50 ms');
}
