// A load of HTTPS requests from one process: so many at a time, so many in all; rates and percentiles.
import { Agent, request } from 'node:https';
import type { OnReadOpts } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { Connection, type TakeBytes } from './connection.ts';
import { LineCounter, splitHead } from './lines.ts';

/** What every counting connection reads into: it is looked at before the next read. */
const READS = Buffer.alloc(64 << 10);

export interface Target {
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body?: Buffer | undefined;
  readonly type?: string;
}

export interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

export class LoadClient {
  private readonly url: URL;
  private readonly idle: Connection[] = [];
  private readonly waiting: ((connection: Connection) => void)[] = [];
  private open = 0;

  constructor(
    private readonly target: Target,
    private readonly connections = 32,
  ) {
    this.url = new URL(target.server);
  }

  /** The answer's body; rejects with what is told of a refusal. */
  async send(method: string, path: string, body?: Buffer, type = 'application/json'): Promise<Buffer> {
    const chunks: Buffer[] = [];
    const status = await this.ask({ method, path, body, type }, (bytes) => chunks.push(bytes));
    const answer = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    if (status < 400) return answer;
    throw new Error(`${method} ${path}: ${status} ${answer.subarray(0, 300).toString()}`);
  }

  /** How many bytes the answer has. They are looked at by nobody, and take no memory that the client would have to be given first. */
  async length(path: string): Promise<number> {
    let length = 0;
    const status = await this.ask({ method: 'GET', path }, (bytes) => {
      length += bytes.length;
    });
    if (status < 400) return length;
    throw new Error(`GET ${path}: ${status}`);
  }

  private async ask({ method, path, body, type }: Sent, take: TakeBytes): Promise<number> {
    const lines = [`${method} ${path} HTTP/1.1`, `host: ${this.url.host}`, 'accept: application/json'];
    if (body !== undefined) lines.push(`content-type: ${type}`, `content-length: ${body.length}`);
    const head = `${lines.join('\r\n')}\r\n\r\n`;
    const connection = await this.take();
    try {
      return await connection.ask(body === undefined ? head : Buffer.concat([Buffer.from(head), body]), take);
    } finally {
      this.give(connection);
    }
  }

  private take(): Connection | Promise<Connection> {
    for (let idle = this.idle.pop(); idle !== undefined; idle = this.idle.pop()) {
      if (!idle.closed) return idle;
      this.open--; // The server has ended it meanwhile.
    }
    if (this.open < this.connections) return this.connect();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private connect(): Connection {
    this.open++;
    const { ca, cert, key } = this.target;
    return new Connection({ host: this.url.hostname, port: Number(this.url.port), ca, cert, key });
  }

  private give(used: Connection): void {
    if (used.closed) this.open--;
    const next = this.waiting.shift();
    const connection = used.closed ? (next === undefined ? undefined : this.connect()) : used;
    if (connection === undefined) return;
    if (next === undefined) this.idle.push(connection);
    else next(connection);
  }

  /**
   * A watch whose events are only counted, as cheaply as can be: the load must not be what is measured.
   * All connections read into one buffer, so that the collector of a thousand watchers' client does not stand in the figures.
   */
  count(path: string, onEvents: (events: number) => void): Promise<() => void> {
    const { ca, cert, key } = this.target;
    const counter = new LineCounter();
    return new Promise((resolve, reject) => {
      const answered = (bytes: Buffer) => {
        const { status, body } = splitHead(bytes);
        if (status !== 200) reject(new Error(`GET ${path}: ${status}`));
        resolve(() => socket.destroy());
        return body;
      };
      let begun = false;
      const onread: OnReadOpts = {
        buffer: READS,
        callback: (length) => {
          const bytes = READS.subarray(0, length);
          const events = counter.take(begun ? bytes : answered(bytes));
          begun = true;
          if (events > 0) onEvents(events);
          return true;
        },
      };
      // Node documents `onread` for tls.connect; its types know it of net.connect only.
      const options: ConnectionOptions & { onread: OnReadOpts } = {
        host: this.url.hostname,
        port: Number(this.url.port),
        ca,
        cert,
        key,
        onread,
      };
      const socket = connect(options);
      socket.on('error', reject);
      socket.write(`GET ${path} HTTP/1.1\r\nhost: ${this.url.host}\r\naccept: application/json\r\n\r\n`);
    });
  }

  /** A watch whose lines are read; returns how to end it. */
  watch(path: string, onLine: (line: string) => void): Promise<() => void> {
    const decoder = new TextDecoder();
    let rest = '';
    return this.stream(path, (chunk) => {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    });
  }

  private stream(path: string, onChunk: (chunk: Buffer) => void, onEnd?: () => void): Promise<() => void> {
    const agent = new Agent({ ca: this.target.ca, cert: this.target.cert, key: this.target.key });
    return new Promise((resolve, reject) => {
      const req = request(
        { host: this.url.hostname, port: this.url.port, path, agent, headers: { accept: 'application/json' } },
        (res) => {
          res.on('data', onChunk);
          res.on('error', () => undefined);
          if (onEnd !== undefined) res.on('close', onEnd);
          resolve(() => {
            req.destroy();
            agent.destroy();
          });
        },
      );
      req.on('error', reject);
      req.end();
    });
  }

  /** Reads an answer to its end, chunk by chunk. */
  async read(path: string, onChunk: (chunk: Buffer) => void): Promise<void> {
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const stop = await this.stream(path, onChunk, end);
    await ended;
    stop();
  }

  close(): void {
    for (const connection of this.idle.splice(0)) connection.close();
  }
}

/** Does `work(0) … work(total-1)`, `width` at a time. */
export async function measure(total: number, width: number, work: (i: number) => Promise<unknown>): Promise<Measured> {
  const times: number[] = [];
  let next = 0;
  const begun = performance.now();
  const lane = async () => {
    while (next < total) {
      const i = next++;
      const t = performance.now();
      await work(i);
      times.push(performance.now() - t);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  const seconds = (performance.now() - begun) / 1000;
  return { perSecond: total / seconds, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}
