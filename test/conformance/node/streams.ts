// Exec and logs over a WebSocket, as browsers and the conformance suite speak them.
import { WebSocket } from 'ws';

export interface Credentials {
  readonly server: string;
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface StreamAnswer {
  readonly stdout: string;
  readonly stderr: string;
  /** `Success`, or the reason of the Status that came at the end. */
  readonly status: string;
  readonly exitCode: number;
}

interface Ending {
  readonly status?: string;
  readonly reason?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}

/** All messages that come over a WebSocket until the server closes it. */
export function readSocket(at: Credentials, path: string, protocol?: string): Promise<Buffer[]> {
  const socket = new WebSocket(`${at.server.replace(/^http/, 'ws')}${path}`, protocol === undefined ? [] : [protocol], {
    ca: at.ca,
    cert: at.cert,
    key: at.key,
  });
  return new Promise((resolve, reject) => {
    const messages: Buffer[] = [];
    socket.on('message', (data) => {
      messages.push(
        Buffer.isBuffer(data) ? data : Buffer.concat(data instanceof ArrayBuffer ? [Buffer.from(data)] : data),
      );
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(messages));
  });
}

/** Speaks v4.channel.k8s.io: the first byte of a message says the stream. */
export async function openStream(at: Credentials, path: string): Promise<StreamAnswer> {
  const messages = await readSocket(at, path, 'v4.channel.k8s.io');
  const text = (stream: number) =>
    Buffer.concat(messages.filter((m) => m[0] === stream).map((m) => m.subarray(1))).toString();
  const said = text(3);
  const ending = said === '' ? {} : (JSON.parse(said) as Ending);
  const code = ending.details?.causes?.find((c) => c.reason === 'ExitCode')?.message;
  return {
    stdout: text(1),
    stderr: text(2),
    status: ending.status === 'Success' ? 'Success' : (ending.reason ?? ending.status ?? 'none'),
    exitCode: code === undefined ? (ending.status === 'Success' ? 0 : -1) : Number(code),
  };
}
