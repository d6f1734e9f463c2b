// For tests: an API server over a memory store, spoken to in the process.
import { generateKeyPairSync } from 'node:crypto';
import { systemClock, systemRandom } from '../host/clock.ts';
import type { ByteSink, UserInfo, WireResponse } from '../machinery/http.ts';
import type { JsonObject } from '../machinery/object.ts';
import { RESOURCES } from '../resources/index.ts';
import { openMemoryStore } from '../store/index.ts';
import { type ApiServer, type ApiServerOptions, createApiServer } from './create.ts';

export const ADMIN: UserInfo = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };

export interface Answer {
  readonly status: number;
  readonly headers: WireResponse['headers'];
  readonly text: string;
  readonly body: JsonObject & { metadata?: JsonObject; items?: JsonObject[]; message?: string; reason?: string };
}

export interface Call {
  readonly user?: UserInfo;
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TestServer {
  readonly api: ApiServer;
  call(method: string, url: string, body?: unknown, options?: Call): Promise<Answer>;
  raw(method: string, url: string, options?: Call): Promise<WireResponse>;
}

function parsed(text: string): Answer['body'] {
  try {
    return JSON.parse(text) as Answer['body'];
  } catch {
    return {};
  }
}

export async function startTestServer(more: Partial<ApiServerOptions> = {}): Promise<TestServer> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const api = await createApiServer({
    store: openMemoryStore(),
    resources: RESOURCES,
    clock: systemClock,
    random: systemRandom,
    serviceAccountKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    clusterCa: '',
    ...more,
  });
  const raw = (method: string, url: string, options: Call = {}, bytes?: Uint8Array): Promise<WireResponse> => {
    const [path = '', query = ''] = url.split('?');
    return api.handle({
      method,
      path,
      query: new URLSearchParams(query),
      headers: {
        'user-agent': 'test/1.0',
        accept: options.accept ?? 'application/json',
        ...(bytes === undefined ? {} : { 'content-type': options.type ?? 'application/json' }),
        ...options.headers,
      },
      user: options.user ?? ADMIN,
      ...(bytes === undefined ? {} : { body: bytes }),
    });
  };
  return {
    api,
    raw,
    async call(method, url, body, options) {
      const bytes =
        body === undefined
          ? undefined
          : Buffer.from(typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body));
      const response = await raw(method, url, options, bytes);
      const text = response.body instanceof Uint8Array ? Buffer.from(response.body).toString('utf8') : '';
      return { status: response.status, headers: response.headers, text, body: parsed(text) };
    },
  };
}

/** Takes what a stream writes; `hold` makes the reader slow. */
export class TestSink implements ByteSink {
  readonly chunks: Uint8Array[] = [];
  ended = false;
  private hold = false;
  private drain: (() => void)[] = [];
  private closers: (() => void)[] = [];

  get buffered(): number {
    return this.hold ? Number.MAX_SAFE_INTEGER : 0;
  }

  slow(): void {
    this.hold = true;
  }

  resume(): void {
    this.hold = false;
    for (const callback of this.drain.splice(0)) callback();
  }

  write(chunk: Uint8Array): boolean {
    this.chunks.push(chunk);
    return !this.hold;
  }

  end(): void {
    this.ended = true;
    for (const callback of this.closers.splice(0)) callback();
  }

  onDrain(callback: () => void): void {
    this.drain.push(callback);
  }

  onClose(callback: () => void): void {
    this.closers.push(callback);
  }

  /** The lines so far, parsed. */
  events(): { type: string; object: JsonObject & { metadata: JsonObject } }[] {
    const text = Buffer.concat(this.chunks).toString('utf8');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { type: string; object: JsonObject & { metadata: JsonObject } });
  }
}
