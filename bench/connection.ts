// One TLS connection that carries one request after the other over HTTP/1.1, as cheaply as can be: the load must not be what is measured.
import { connect, type TLSSocket } from 'node:tls';

const HEAD_END = Buffer.from('\r\n\r\n');
const LENGTH = /\r\ncontent-length: (\d+)/i;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Takes the next bytes of a body. */
export type TakeBytes = (bytes: Buffer) => void;

interface Asked {
  readonly take: TakeBytes;
  readonly done: (status: number) => void;
  readonly failed: (error: Error) => void;
}

/** Reads answers that tell their length, wherever the reads cut them. */
export class AnswerReader {
  private head = Buffer.alloc(0);
  private status = 0;
  private left = -1;

  /** Gives the status once the answer has ended with these bytes. */
  read(bytes: Buffer, take: TakeBytes): number | undefined {
    const body = this.left < 0 ? this.bodyAfterHead(bytes) : bytes;
    if (body === undefined) return undefined;
    if (body.length > this.left) throw new Error('more bytes came than the answer told');
    this.left -= body.length;
    if (body.length > 0) take(body);
    if (this.left > 0) return undefined;
    this.left = -1;
    return this.status;
  }

  private bodyAfterHead(bytes: Buffer): Buffer | undefined {
    const all = this.head.length === 0 ? bytes : Buffer.concat([this.head, bytes]);
    const end = all.indexOf(HEAD_END);
    if (end < 0) {
      this.head = Buffer.from(all);
      return undefined;
    }
    this.head = Buffer.alloc(0);
    const text = all.toString('latin1', 0, end);
    const length = LENGTH.exec(text)?.[1];
    if (length === undefined) throw new Error(`the answer does not tell its length: ${text}`);
    this.status = Number(text.slice(9, 12));
    this.left = Number(length);
    return all.subarray(end + HEAD_END.length);
  }
}

export class Connection {
  private readonly reader = new AnswerReader();
  private readonly socket: TLSSocket;
  private asked: Asked | undefined;
  closed = false;

  constructor({ host, port, ca, cert, key }: Endpoint) {
    this.socket = connect({ host, port, ca, cert, key });
    this.socket.setNoDelay(true);
    this.socket.on('data', (bytes: Buffer) => this.take(bytes));
    this.socket.on('error', (error) => this.fail(error));
    this.socket.on('close', () => this.fail(new Error('the connection was closed')));
  }

  /** Resolves with the status when the whole answer has come. One at a time. */
  ask(request: string | Buffer, take: TakeBytes): Promise<number> {
    return new Promise((done, failed) => {
      this.asked = { take, done, failed };
      this.socket.write(request);
    });
  }

  private take(bytes: Buffer): void {
    const { asked } = this;
    if (asked === undefined) {
      this.fail(new Error('bytes came that nobody asked for'));
      return;
    }
    try {
      const status = this.reader.read(bytes, asked.take);
      if (status === undefined) return;
      this.asked = undefined;
      asked.done(status);
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private fail(error: Error): void {
    this.closed = true;
    this.socket.destroy();
    this.asked?.failed(error);
    this.asked = undefined;
  }

  close(): void {
    this.socket.destroy();
  }
}
