// An answer on a stream of HTTP/2.
import type { OutgoingHttpHeaders } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Outgoing, OutgoingHeaders } from './answering.ts';

/** They belong to a connection of HTTP/1.1. Source: https://www.rfc-editor.org/rfc/rfc9113#section-8.2.2 */
const OF_HTTP1: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

export class StreamOut implements Outgoing {
  constructor(
    readonly body: ServerHttp2Stream,
    private readonly stalledMs: number,
  ) {}

  get gone(): boolean {
    return this.body.destroyed || this.body.closed;
  }

  /** Node ends the stream's writable side, as if all had been written, when the client takes it back. */
  get brokenOff(): boolean {
    return this.body.aborted || this.body.rstCode !== constants.NGHTTP2_NO_ERROR;
  }

  head(status: number, headers: OutgoingHeaders): void {
    const out: Record<string, string | number | readonly string[]> = { ':status': status };
    for (const name in headers) {
      const value = headers[name];
      if (value !== undefined && !OF_HTTP1.has(name)) out[name] = value;
    }
    this.body.respond(out as OutgoingHttpHeaders);
  }

  /** The head goes out when the event loop comes round, whatever follows. */
  flush(): void {}

  mustBeTaken(): void {
    if (!this.gone) this.body.setTimeout(this.stalledMs, () => this.abort());
  }

  abort(): void {
    if (!this.gone) this.body.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}
