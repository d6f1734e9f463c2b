// A load of HTTPS requests from one process: so many at a time, so many in all; rates and percentiles.
import { Agent, request } from 'node:https';

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

  /** A watch whose lines are only counted, as cheaply as can be: the load must not be what is measured. */
  count(path: string, onLines: (lines: number) => void): Promise<() => void> {
    return this.stream(path, (chunk) => {
      let lines = 0;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
      if (lines > 0) onLines(lines);
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
