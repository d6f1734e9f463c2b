// The same load over HTTP/2, as Go's clients bring it: many requests at once on few connections.
import { type ClientHttp2Session, connect } from 'node:http2';
import type { Target } from './load.ts';

export class Http2Load {
  private readonly sessions: ClientHttp2Session[];
  private next = 0;

  constructor({ server, ca, cert, key }: Target, connections: number) {
    this.sessions = Array.from({ length: connections }, () => connect(server, { ca, cert, key }));
  }

  get(path: string): Promise<Buffer> {
    const session = this.sessions[this.next++ % this.sessions.length];
    if (session === undefined) throw new Error('no connection');
    return new Promise((resolve, reject) => {
      const stream = session.request({ ':path': path, accept: 'application/json' });
      let status = 0;
      const chunks: Buffer[] = [];
      stream.on('response', (headers) => {
        status = headers[':status'] ?? 0;
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('end', () => {
        if (status === 200) resolve(Buffer.concat(chunks));
        else reject(new Error(`GET ${path}: ${status}`));
      });
    });
  }

  close(): void {
    for (const session of this.sessions) session.close();
  }
}
