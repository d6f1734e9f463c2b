// The figures of DNS: questions from one process over UDP, with few Services and with many, beside a server that only echoes.
import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { join } from 'node:path';
import { decode, encode } from 'dns-packet';
import { CLIENTS, json } from './api-pods.ts';
import { LoadClient, measure, type Target } from './load.ts';
import type { Report } from './report.ts';

const QUESTIONS = 20_000;
const SERVICES = 2000;
const SETTLE_MS = 15_000;
const SUFFIX = 'default.svc.cluster.local';

class DnsLoad {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (reply: Buffer) => void>();
  #id = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (reply) => {
      this.#waiting.get(reply.readUInt16BE(0))?.(reply);
      this.#waiting.delete(reply.readUInt16BE(0));
    });
  }

  static open(address: string, port: number): Promise<DnsLoad> {
    return new Promise((resolve) => {
      const socket = createSocket('udp4');
      socket.connect(port, address, () => resolve(new DnsLoad(socket)));
    });
  }

  ask(message: Buffer): Promise<Buffer> {
    this.#id = (this.#id + 1) & 0xffff;
    message.writeUInt16BE(this.#id, 0);
    return new Promise((resolve) => {
      this.#waiting.set(this.#id, resolve);
      this.#socket.send(message);
    });
  }

  close(): void {
    this.#socket.close();
  }
}

const question = (name: string) =>
  Buffer.from(encode({ type: 'query', flags: 0x100, questions: [{ name, type: 'A' }] }));

async function echo(): Promise<{ port: number; stop(): void }> {
  const file = join(import.meta.dirname, 'bare-datagrams.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve) =>
    child.stdout.once('data', (text: Buffer) => resolve(Number(text.toString()))),
  );
  return { port, stop: () => void child.kill('SIGKILL') };
}

export async function benchDns(target: Target, report: Report): Promise<void> {
  const api = new LoadClient(target);
  const read = async (path: string) =>
    JSON.parse((await api.send('GET', path)).toString()) as { spec: { clusterIP: string } };
  const { spec } = await read('/api/v1/namespaces/kube-system/services/kube-dns');
  const server = await DnsLoad.open(spec.clusterIP, 53);
  const known = question(`kubernetes.${SUFFIX}`);
  if (decode(await server.ask(known)).answers?.length !== 1) throw new Error('the DNS does not know the API server');
  const rate = async (name: string, load: DnsLoad, messages: readonly Buffer[]) => {
    const all = (count: number) => measure(count, CLIENTS, (i) => load.ask(messages[i % messages.length] ?? known));
    await all(QUESTIONS / 4);
    const { perSecond, p50, p99 } = await all(QUESTIONS);
    report.row(name, `${perSecond.toFixed(0)}/s`, `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`, '');
  };
  await rate('A, few Services', server, [known]);
  await rate('A, a name that is not there', server, [question(`gone.${SUFFIX}`)]);
  const make = (i: number) =>
    json({ apiVersion: 'v1', kind: 'Service', metadata: { name: `s-${i}` }, spec: { ports: [{ port: 80 }] } });
  await measure(SERVICES, CLIENTS, (i) => api.send('POST', '/api/v1/namespaces/default/services', make(i)));
  // What follows from so many at once is over by then: rules, slices, events.
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const names = Array.from({ length: SERVICES }, (_, i) => question(`s-${i}.${SUFFIX}`));
  await rate(`A, each of ${SERVICES} Services`, server, names);
  server.close();
  const reference = await echo();
  try {
    const bare = await DnsLoad.open('127.0.0.1', reference.port);
    await rate('reference: Node echoes datagrams', bare, [known]);
    bare.close();
  } finally {
    reference.stop();
  }
}
