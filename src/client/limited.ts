// Lets so many requests of one client go at a time; the others wait here, in their order.
import type { Transport } from '../machinery/http.ts';

/** The same transport for a client that keeps to `most`: what it hands on beyond its share of a priority level would be queued there, and in the end put off. */
export function limited(transport: Transport, most: number): Transport {
  let free = most;
  const waiting: (() => void)[] = [];
  let next = 0;
  const leave = (): void => {
    const first = waiting[next];
    if (first === undefined) {
      free++;
      return;
    }
    next++;
    // What has gone is forgotten in portions: taking the first from a long array is dear.
    if (next === waiting.length || next > 1024) {
      waiting.splice(0, next);
      next = 0;
    }
    first();
  };
  return async (request) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await transport(request);
    } finally {
      leave();
    }
  };
}
