// The API's figures: creates, gets, patches, deletes, lists and watch events of 32 clients over TLS, beside a bare server.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENTS, json, MERGE_PATCH, makeNamespace, pod, podsPath } from './api-pods.ts';
import { LoadClient, type Measured, measure, type Target } from './load.ts';
import { Http2Load } from './load-http2.ts';
import { benchMany, listTimes } from './many.ts';
import type { Report } from './report.ts';
import { benchWatches } from './watches.ts';

const PODS = 2000;
const HTTP2_CONNECTIONS = 4;
const NAMESPACE = 'bench-api';
const PATH = podsPath(NAMESPACE);

const patch = (client: LoadClient, name: string, value: string) =>
  client.send('PATCH', `${PATH}/${name}`, json({ metadata: { annotations: { t: value } } }), MERGE_PATCH);

/** What a server that has just started has not yet compiled is not what is measured. */
async function warmUp(client: LoadClient): Promise<void> {
  await measure(PODS, CLIENTS, (i) => client.send('POST', PATH, pod(i, 'w')));
  await measure(PODS * 2, CLIENTS, (i) => client.send('GET', `${PATH}/w-${i % PODS}`));
  await measure(PODS * 2, CLIENTS, (i) => patch(client, `w-${i % PODS}`, String(i)));
  await measure(PODS, CLIENTS, (i) => client.send('DELETE', `${PATH}/w-${i}?gracePeriodSeconds=0`));
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

/** The same requests, as far as they can be, to a server that does nothing but answer. */
async function benchReference(bare: LoadClient, list: { readonly bytes: number }, report: Report): Promise<void> {
  const rate = (name: string, m: Measured) => report.row(name, `${m.perSecond.toFixed(0)}/s`, latency(m), '');
  rate('reference: bare node:https, same bytes', await measure(PODS * 3, CLIENTS, () => bare.send('GET', '/')));
  rate('reference: bare node:https, POST', await measure(PODS, CLIENTS, (i) => bare.send('POST', '/', pod(i))));
  const long = await listTimes(bare, `/bytes/${list.bytes}`);
  const size = `${(long.bytes / 1e6).toFixed(0)} MB`;
  report.row('reference: bare node:https, the long list', `${long.ms.toFixed(0)} ms`, size, '');
}

const latency = (m: Measured) => `p50 ${m.p50.toFixed(1)} ms, p99 ${m.p99.toFixed(1)} ms`;

/** Measures a running API server and, in turn, a bare one; `pki` is the directory of the cluster's certificates, `pid` its process. */
export async function benchApi(
  target: Target,
  server: { readonly work: string; readonly pki: string; readonly pid: number },
  report: Report,
): Promise<void> {
  const client = new LoadClient(target, CLIENTS);
  const list = await benchMany(client, server.pid, report);
  await makeNamespace(client, NAMESPACE);
  await warmUp(client);
  const rate = (name: string, goal: string, m: Measured) =>
    report.row(name, `${m.perSecond.toFixed(0)}/s`, latency(m), goal);
  const each = (work: (i: number) => Promise<unknown>) => measure(PODS, CLIENTS, work);
  rate('create pods, durable', '3,000/s', await each((i) => client.send('POST', PATH, pod(i))));
  const gets = await measure(PODS * 3, CLIENTS, (i) => client.send('GET', `${PATH}/p-${i % PODS}`));
  rate('get a pod', '6,000/s', gets);
  const http2 = new Http2Load(target, HTTP2_CONNECTIONS);
  const multiplexed = (i: number) => http2.get(`${PATH}/p-${i % PODS}`);
  await measure(PODS, CLIENTS, multiplexed);
  rate(`get a pod, HTTP/2, ${HTTP2_CONNECTIONS} connections`, '', await measure(PODS * 3, CLIENTS, multiplexed));
  http2.close();
  rate('merge patch', '2,500/s', await each((i) => patch(client, `p-${i}`, String(i))));
  const short = await listTimes(client, PATH);
  report.row(`list ${PODS} pods`, `${short.ms.toFixed(1)} ms`, '', '30 ms');
  await benchWatches(client, NAMESPACE, report);
  const bytes = await client.send('GET', `${PATH}/p-0`);
  const remove = (i: number) => client.send('DELETE', `${PATH}/p-${i}?gracePeriodSeconds=0`);
  rate('delete', '', await each(remove));
  const bare = await bareServer(server.work, server.pki, bytes);
  const reference = new LoadClient({ ...target, server: `https://127.0.0.1:${bare.port}` }, CLIENTS);
  await benchReference(reference, list, report);
  reference.close();
  bare.stop();
  client.close();
}
