// One request and its answer, over whichever version of HTTP they travel.
import type { Readable } from 'node:stream';
import type { Transport, UserInfo } from '../../machinery/http.ts';
import { isStream, type Outgoing, ResponseSink, send } from './answering.ts';
import { type Head, IncomingRequest, readBody } from './incoming.ts';

export interface Exchange {
  readonly head: Head;
  readonly source: Readable;
  /** Of the connection's client certificate. */
  readonly user: UserInfo | undefined;
  readonly out: Outgoing;
  /** Told that the connection is to end with this answer. */
  readonly last?: () => void;
}

export async function serve({ head, source, user, out, last }: Exchange, handle: Transport): Promise<void> {
  const body = await readBody(head.method, source);
  const request = new IncomingRequest(head, user, body);
  out.body.once('close', () => {
    if (out.brokenOff) request.clientGone();
  });
  const answer = await handle(request);
  if (out.gone) {
    // Whoever streams must hear that nobody reads.
    if (isStream(answer.body)) answer.body.start(new ResponseSink(out));
    return;
  }
  await send(head, out, answer);
  if (answer.endsConnection === true) last?.();
}
