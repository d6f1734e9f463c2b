// Keeps objects of the server's own true to what it knows: a look after each burst of changes, and again when a write failed.
import type { Clock, Timer } from '../../host/clock.ts';
import { ApiError } from '../../machinery/errors.ts';
import type { Transport, UserInfo } from '../../machinery/http.ts';

const SERVER: UserInfo = { username: 'system:apiserver', groups: ['system:masters'] };
const RETRY_MS = 1000;

export interface KeeperParts {
  readonly handle: Transport;
  readonly clock: Clock;
  readonly onError?: ((error: unknown) => void) | undefined;
}

export interface Write {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
  /** Of the body; by the method, unless said. */
  readonly type?: string;
}

const TYPES: Readonly<Record<string, string>> = { PATCH: 'application/apply-patch+yaml' };

export class Keeper {
  private running = false;
  private again = false;
  private closed = false;
  private timer: Timer | undefined;

  /** `plan` says what is to be written now; what others wrote or removed meanwhile is no failure. */
  constructor(
    private readonly parts: KeeperParts,
    private readonly plan: () => readonly Write[] | Promise<readonly Write[]>,
  ) {}

  /** Something changed. */
  readonly look = (): void => {
    if (this.closed) return;
    this.again = true;
    if (this.running) return;
    this.running = true;
    // A turn later: a burst of changes is looked at once.
    setImmediate(() => void this.run());
  };

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }

  private async run(): Promise<void> {
    try {
      while (this.again && !this.closed) {
        this.again = false;
        for (const write of await this.plan()) await this.send(write);
      }
    } catch (error) {
      this.parts.onError?.(error);
      this.timer = this.parts.clock.setTimer(RETRY_MS, this.look);
    } finally {
      this.running = false;
    }
  }

  private async send({ method, path, body, type }: Write): Promise<void> {
    if (this.closed) return;
    const [bare = '', query = ''] = path.split('?');
    const response = await this.parts.handle({
      method,
      path: bare,
      query: new URLSearchParams(query),
      headers: { 'content-type': type ?? TYPES[method] ?? 'application/json', 'user-agent': 'kube-apiserver' },
      user: SERVER,
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    });
    const { status } = response;
    if (status < 300 || status === 404 || status === 409) return;
    const text = response.body instanceof Uint8Array ? Buffer.from(response.body).toString('utf8') : '';
    throw new ApiError({ reason: 'InternalError', message: `${method} ${path}: ${status} ${text}` });
  }
}
