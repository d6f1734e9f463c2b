// One API server as the comparison sees it: where it is, how it is asked, what it answered.
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';

export interface Answer {
  readonly status: number;
  readonly warning?: string;
  readonly body: unknown;
  /** Of the headers, those that the ask wants to hear of. */
  readonly headers?: Readonly<Record<string, unknown>>;
}

export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers of the answer that count. */
  readonly tell?: readonly string[];
}

export interface Credentials {
  readonly token?: string;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

const LONGEST_MS = 15_000;

/** A watch answers with one JSON document a line; bytes that are no text come as base64. */
function parsed(bytes: Buffer): unknown {
  const text = bytes.toString();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    if (!Buffer.from(text).equals(bytes)) return bytes.toString('base64');
  }
  try {
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
  } catch {
    return text;
  }
}

function bytesOf({ body, type }: Ask): Buffer | undefined {
  if (body === undefined || body instanceof Buffer) return body;
  if (typeof body !== 'string') return Buffer.from(JSON.stringify(body));
  return Buffer.from(body, type?.startsWith('application/vnd.kubernetes.protobuf') === true ? 'base64' : 'utf8');
}

function told(ask: Ask, headers: IncomingHttpHeaders): Pick<Answer, 'headers'> {
  if (ask.tell === undefined) return {};
  return { headers: Object.fromEntries(ask.tell.map((name) => [name, headers[name]])) };
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
    const body = bytesOf(ask);
    const headers: Record<string, string | number> = {
      accept: ask.accept ?? 'application/json',
      'user-agent': 'compare/1.0',
    };
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) {
      headers['content-type'] = ask.type ?? 'application/json';
      headers['content-length'] = body.length;
    }
    Object.assign(headers, ask.headers);
    for (const [name, value] of Object.entries(headers)) if (value === '') Reflect.deleteProperty(headers, name);
    return new Promise((resolve, reject) => {
      const options = { method: ask.method, agent: this.agent, headers, ...(cert && key ? { cert, key } : {}) };
      const req = request(new URL(ask.path, this.server), options, (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('error', reject);
        res.on('end', () => {
          const { warning } = res.headers;
          resolve({
            status: res.statusCode ?? 0,
            ...(warning === undefined ? {} : { warning }),
            ...told(ask, res.headers),
            body: parsed(Buffer.concat(chunks)),
          });
        });
      });
      req.on('error', reject);
      req.setTimeout(LONGEST_MS, () => req.destroy(new Error(`no answer in ${LONGEST_MS / 1000} s`)));
      req.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}
