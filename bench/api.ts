// The API's figures: creates, gets, patches, lists and watch events of 32 clients over TLS, beside a bare server.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LoadClient, type Measured, measure, percentile, type Target } from './load.ts';
import type { Report } from './report.ts';

const CLIENTS = 32;
const PODS = 2000;
const WATCHERS = 50;
const CHANGES = 400;
const NAMESPACE = 'bench-api';
const PATH = `/api/v1/namespaces/${NAMESPACE}/pods`;

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

function pod(i: number): Buffer {
  return json({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `p-${i}`, labels: { app: `a-${i % 50}`, tier: i % 2 === 0 ? 'db' : 'web' } },
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

async function fanOut(client: LoadClient): Promise<{ perSecond: number; p99: number }> {
  const list = JSON.parse((await client.send('GET', `${PATH}?limit=1`)).toString()) as {
    metadata: { resourceVersion: string };
  };
  const sent = new Map<string, number>();
  const delays: number[] = [];
  const expected = WATCHERS * CHANGES;
  let got = 0;
  let finish = () => {};
  const all = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const ends = [];
  for (let w = 0; w < WATCHERS; w++) {
    ends.push(
      await client.watch(`${PATH}?watch=1&resourceVersion=${list.metadata.resourceVersion}`, (line) => {
        const at = sent.get(/"w":"(\d+)"/.exec(line)?.[1] ?? '');
        if (at === undefined) return;
        delays.push(performance.now() - at);
        if (++got === expected) finish();
      }),
    );
  }
  const begun = performance.now();
  await measure(CHANGES, 8, (i) => {
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
