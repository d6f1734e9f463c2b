// A load of HTTPS requests from one process: so many at a time, so many in all; rates and percentiles.
import { Agent, request } from 'node:https';
import type { OnReadOpts } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { LineCounter, splitHead } from './lines.ts';

/** What every counting connection reads into: it is looked at before the next read. */
const READS = Buffer.alloc(64 << 10);

export interface Target {
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
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
  private readonly agent: Agent;
  private readonly url: URL;

  constructor(
    private readonly target: Target,
    sockets = 32,
  ) {
    this.url = new URL(target.server);
    this.agent = new Agent({ keepAlive: true, maxSockets: sockets, ca: target.ca, cert: target.cert, key: target.key });
  }

  send(method: string, path: string, body?: Buffer, type = 'application/json'): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': type, 'content-length': body.length };
      const req = request(
        {
          host: this.url.hostname,
          port: this.url.port,
          method,
          path,
          agent: this.agent,
          headers: { accept: 'application/json', ...headers },
        },
        (res) => {
          const chunks: Buffer[] = [];
          res.on('data', (c: Buffer) => chunks.push(c));
          res.on('error', reject);
          res.on('end', () => {
            const answer = Buffer.concat(chunks);
            if ((res.statusCode ?? 500) < 400) resolve(answer);
            else reject(new Error(`${method} ${path}: ${res.statusCode} ${answer.subarray(0, 300).toString()}`));
          });
        },
      );
      req.on('error', reject);
      req.end(body);
    });
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
    this.agent.destroy();
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
