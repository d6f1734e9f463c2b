// Runs a controller: takes keys from its queue and reconciles them; what fails comes back later.
import type { Clock } from '../host/clock.ts';
import { isApiError } from '../machinery/errors.ts';
import type { WorkQueue } from './work-queue.ts';

export interface ReconcileResult {
  /** Look at the key again after this time, though nothing happened. */
  readonly requeueAfterMs?: number;
}

export interface ControllerOptions {
  readonly name: string;
  readonly queue: WorkQueue;
  /** `undefined` when all is done. */
  readonly reconcile: (key: string) => Promise<ReconcileResult | undefined>;
  readonly workers?: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told of failures, except of those that are everyday and only mean "look again": conflicts, and objects that are gone meanwhile. */
  readonly onError?: (error: unknown, key: string, name: string) => void;
}

/** Resolves when the signal has come and the work in hand is done. */
export async function runController(options: ControllerOptions): Promise<void> {
  const { queue, signal } = options;
  const close = (): void => queue.close();
  signal.addEventListener('abort', close, { once: true });
  if (signal.aborted) close();
  await Promise.all(Array.from({ length: options.workers ?? 1 }, () => work(options)));
  signal.removeEventListener('abort', close);
}

async function work(options: ControllerOptions): Promise<void> {
  const { queue } = options;
  for (;;) {
    const key = await queue.take();
    if (key === undefined) return;
    try {
      const result = await options.reconcile(key);
      queue.forget(key);
      if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      if (!options.signal.aborted && !isEveryday(error, queue.failuresOf(key)))
        options.onError?.(error, key, options.name);
      queue.addRateLimited(key);
    } finally {
      queue.done(key);
    }
  }
}

/** Something that stays missing is told of in the end; in a namespace that ends nothing can be made. */
function isEveryday(error: unknown, failures: number): boolean {
  if (isApiError(error, 'Forbidden'))
    return (error.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating');
  return isApiError(error, 'Conflict') || (isApiError(error, 'NotFound') && failures < 5);
}
