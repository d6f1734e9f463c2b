// Answers that say "later" (429 and 5xx with Retry-After): the request is sent again when its time has come.
// Source: client-go does the same for all its callers, ten times at most.
import { type Clock, systemClock } from '../host/clock.ts';
import type { Transport, WireResponse } from '../machinery/http.ts';
import { collect } from './wire.ts';

const MOST_TRIES = 11;

/** Milliseconds that the server asks to wait; undefined when the answer is the answer. */
function wait({ status, headers }: WireResponse): number | undefined {
  if (status !== 429 && status < 500) return undefined;
  const after = headers['retry-after'];
  const seconds = after === undefined ? Number.NaN : Number(after);
  return Number.isNaN(seconds) ? undefined : seconds * 1000;
}

/** The same transport, for callers that are in no hurry to fail. */
export function patient(transport: Transport, clock: Clock = systemClock): Transport {
  return async (request) => {
    for (let tries = 1; ; tries++) {
      const answer = await transport(request);
      const ms = wait(answer);
      if (ms === undefined || tries === MOST_TRIES) return answer;
      await collect(answer.body);
      await clock.sleep(ms, request.signal);
      if (request.signal?.aborted) return answer;
    }
  };
}
