// Tries a guarded write again while others are faster, for as long as a request may take.
import type { Clock } from '../../host/clock.ts';
import { ApiError } from '../../machinery/errors.ts';

/** Source: the upper bound of kube-apiserver for requests that write. */
const REQUEST_MS = 34_000;

export interface Trying {
  readonly clock: Clock;
  /** Aborted when the client has gone away. */
  readonly signal?: AbortSignal | undefined;
}

/** Every lost race is someone else's success, so all come through in the end. `attempt` gives undefined when it lost. */
export async function tryUntilWritten<T>(trying: Trying, attempt: () => Promise<T | undefined>): Promise<T> {
  const { clock, signal } = trying;
  const end = clock.now() + REQUEST_MS;
  for (;;) {
    const result = await attempt();
    if (result !== undefined) return result;
    if (signal?.aborted === true || clock.now() >= end) {
      const message = 'Timeout: request did not complete within requested timeout - context deadline exceeded';
      throw new ApiError({ reason: 'Timeout', message });
    }
  }
}
