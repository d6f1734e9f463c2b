// One API server as the comparison sees it: where it is, how it is asked, what it answered.
import { Agent, request } from 'node:https';

export interface Answer {
  readonly status: number;
  readonly warning?: string;
  readonly body: unknown;
}

export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly type?: string;
  readonly accept?: string;
}

export interface Credentials {
  readonly token?: string;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

export class Endpoint {
  private readonly agent: Agent;

  constructor(
    private readonly server: string,
    private readonly credentials: Credentials,
  ) {
    // Two servers on loopback, whose certificates say nothing about what they answer.
    this.agent = new Agent({ keepAlive: true, maxSockets: 16, rejectUnauthorized: false });
  }

  send(ask: Ask): Promise<Answer> {
    const { token, cert, key } = this.credentials;
    const body =
      ask.body === undefined
        ? undefined
        : Buffer.from(typeof ask.body === 'string' ? ask.body : JSON.stringify(ask.body));
    const headers: Record<string, string | number> = {
      accept: ask.accept ?? 'application/json',
      'user-agent': 'compare/1.0',
    };
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) {
      headers['content-type'] = ask.type ?? 'application/json';
      headers['content-length'] = body.length;
    }
    return new Promise((resolve, reject) => {
      const options = { method: ask.method, agent: this.agent, headers, ...(cert && key ? { cert, key } : {}) };
      const req = request(new URL(ask.path, this.server), options, (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('error', reject);
        res.on('end', () => {
          const { warning } = res.headers;
          const text = Buffer.concat(chunks).toString();
          resolve({ status: res.statusCode ?? 0, ...(warning === undefined ? {} : { warning }), body: parsed(text) });
        });
      });
      req.on('error', reject);
      req.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}
