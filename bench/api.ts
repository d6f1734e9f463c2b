// The API's figures: creates, gets, patches, lists and watch events of 32 clients over TLS, beside a bare server.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LoadClient, type Measured, measure, percentile, type Target } from './load.ts';
import type { Report } from './report.ts';

const CLIENTS = 32;
const PODS = 2000;
const WATCHERS = 50;
const CHANGES = 1000;
const NAMESPACE = 'bench-api';
const PATH = `/api/v1/namespaces/${NAMESPACE}/pods`;

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

function pod(i: number, prefix = 'p'): Buffer {
  return json({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${prefix}-${i}`, labels: { app: `a-${i % 50}`, tier: i % 2 === 0 ? 'db' : 'web' } },
    spec: {
      schedulerName: 'none',
      containers: [
        {
          name: 'c',
          image: 'nginx:latest',
          ports: [{ containerPort: 80 }],
          env: [{ name: 'A', value: 'b' }],
          resources: { requests: { cpu: '10m', memory: '16Mi' } },
          readinessProbe: { httpGet: { path: '/', port: 80 } },
        },
      ],
    },
  });
}

async function prepare(client: LoadClient): Promise<void> {
  await client.send('POST', '/api/v1/namespaces', json({ metadata: { name: NAMESPACE } }));
  for (let i = 0; i < 100; i++) {
    const found = await client.send('GET', `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default`).then(
      () => true,
      () => false,
    );
    if (found) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('the namespace got no default service account');
}

async function listTimes(client: LoadClient, path: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 9; i++) {
    const t = performance.now();
    await client.send('GET', path);
    times.push(performance.now() - t);
  }
  return percentile(times, 0.5);
}

/** One watcher is read for the delays, the others are counted. */
async function fanOut(client: LoadClient): Promise<{ perSecond: number; p99: number }> {
  const list = JSON.parse((await client.send('GET', `${PATH}?limit=1`)).toString()) as {
    metadata: { resourceVersion: string };
  };
  const path = `${PATH}?watch=1&resourceVersion=${list.metadata.resourceVersion}`;
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
    return client.send(
      'PATCH',
      `${PATH}/p-${i}`,
      json({ metadata: { annotations: { w: String(i) } } }),
      'application/merge-patch+json',
    );
  });
  await all;
  const seconds = (performance.now() - begun) / 1000;
  for (const end of ends) end();
  return { perSecond: expected / seconds, p99: percentile(delays, 0.99) };
}

/** What a server that has just started has not yet compiled is not what is measured; how it begins is a row of its own. */
async function warmUp(client: LoadClient, report: Report): Promise<void> {
  const begun = await measure(PODS, CLIENTS, (i) => client.send('POST', PATH, pod(i, 'w')));
  report.row(`create pods, the first ${PODS} after start`, `${begun.perSecond.toFixed(0)}/s`, '', '');
  for (let round = 1; round < 4; round++)
    await measure(PODS, CLIENTS, (i) => client.send('POST', PATH, pod(i, `w${round}`)));
  await measure(PODS * 2, CLIENTS, (i) => client.send('GET', `${PATH}/w-${i % PODS}`));
  await measure(PODS * 2, CLIENTS, (i) =>
    client.send(
      'PATCH',
      `${PATH}/w-${i % PODS}`,
      json({ metadata: { annotations: { t: String(i) } } }),
      'application/merge-patch+json',
    ),
  );
  await client.send('DELETE', `${PATH}?gracePeriodSeconds=0`);
}

async function bareServer(dir: string, pki: string, body: Buffer): Promise<{ port: number; stop(): void }> {
  const file = join(dir, 'body.json');
  writeFileSync(file, body);
  const child = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      join(import.meta.dirname, 'bare-server.ts'),
      `${pki}/apiserver.crt`,
      `${pki}/apiserver.key`,
      `${pki}/ca.crt`,
      file,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const port = await new Promise<number>((resolve) =>
    child.stdout.once('data', (d: Buffer) => resolve(Number(d.toString()))),
  );
  return { port, stop: () => void child.kill('SIGKILL') };
}

/** Measures a running API server and, in turn, a bare one; `pki` is the directory of the cluster's certificates. */
export async function benchApi(
  target: Target,
  dirs: { readonly work: string; readonly pki: string },
  report: Report,
): Promise<void> {
  const client = new LoadClient(target, CLIENTS);
  await prepare(client);
  await warmUp(client, report);
  const rate = (name: string, m: Measured, goal: string) =>
    report.row(name, `${m.perSecond.toFixed(0)}/s`, `p50 ${m.p50.toFixed(1)} ms, p99 ${m.p99.toFixed(1)} ms`, goal);
  rate('create pods, durable', await measure(PODS, CLIENTS, (i) => client.send('POST', PATH, pod(i))), '3,000/s');
  rate('get a pod', await measure(PODS * 3, CLIENTS, (i) => client.send('GET', `${PATH}/p-${i % PODS}`)), '6,000/s');
  rate(
    'merge patch',
    await measure(PODS, CLIENTS, (i) =>
      client.send(
        'PATCH',
        `${PATH}/p-${i}`,
        json({ metadata: { annotations: { t: String(i) } } }),
        'application/merge-patch+json',
      ),
    ),
    '2,500/s',
  );
  report.row(`list ${PODS} pods`, `${(await listTimes(client, PATH)).toFixed(1)} ms`, '', '30 ms');
  const fan = await fanOut(client);
  report.row(
    `watch events to ${WATCHERS} watchers`,
    `${fan.perSecond.toFixed(0)}/s`,
    `p99 ${fan.p99.toFixed(1)} ms`,
    '60,000/s',
  );
  const bytes = await client.send('GET', `${PATH}/p-0`);
  const bare = await bareServer(dirs.work, dirs.pki, bytes);
  const reference = new LoadClient({ ...target, server: `https://127.0.0.1:${bare.port}` }, CLIENTS);
  rate(
    'reference: bare node:https, same bytes',
    await measure(PODS * 3, CLIENTS, () => reference.send('GET', '/')),
    '',
  );
  rate(
    'reference: bare node:https, POST',
    await measure(PODS, CLIENTS, (i) => reference.send('POST', '/', pod(i))),
    '',
  );
  reference.close();
  bare.stop();
  await client.send('DELETE', `/api/v1/namespaces/${NAMESPACE}`);
  client.close();
}
