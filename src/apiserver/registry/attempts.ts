// Tries a guarded write again while others are faster, for as long as a request may take.
import type { Clock } from '../../host/clock.ts';
import { ApiError } from '../../machinery/errors.ts';

/** Source: the upper bound of kube-apiserver for requests that write. */
const REQUEST_MS = 34_000;

export interface Trying {
  readonly clock: Clock;
  /** Aborted when the client has gone away. Asked for after a lost race only: most requests never need one. */
  readonly signal?: AbortSignal | undefined;
}

export function tryingFor(clock: Clock, request: { readonly signal?: AbortSignal | undefined }): Trying {
  return {
    clock,
    get signal() {
      return request.signal;
    },
  };
}

/** Every lost race is someone else's success, so all come through in the end. `attempt` gives undefined when it lost. */
export async function tryUntilWritten<T>(trying: Trying, attempt: () => Promise<T | undefined>): Promise<T> {
  const { clock } = trying;
  const end = clock.now() + REQUEST_MS;
  for (;;) {
    const result = await attempt();
    if (result !== undefined) return result;
    if (trying.signal?.aborted === true || clock.now() >= end) {
      const message = 'Timeout: request did not complete within requested timeout - context deadline exceeded';
      throw new ApiError({ reason: 'Timeout', message });
    }
  }
}
