// The thin runner around a pure reconciler: a queue of keys, fed by informers, worked on when all caches are filled.
import { type ReconcileResult, runController, WorkQueue } from '../../client/index.ts';
import type { ControllerContext } from './context.ts';

export interface KeyedOptions {
  readonly name: string;
  readonly workers?: number;
  /** Caches that must be filled before anything is reconciled. */
  readonly waitFor: readonly { readonly synced: Promise<void> }[];
  readonly reconcile: (key: string) => Promise<ReconcileResult | undefined>;
  /** How long a key waits after its first failure, where that is not the usual moment, and at most. */
  readonly baseDelayMs?: number;
  readonly maxDelayMs?: number;
}

export function startKeyed(context: ControllerContext, options: KeyedOptions): WorkQueue {
  const { clock, signal, onError } = context;
  const { baseDelayMs, maxDelayMs } = options;
  const queue = new WorkQueue({
    clock,
    ...(baseDelayMs === undefined ? {} : { baseDelayMs }),
    ...(maxDelayMs === undefined ? {} : { maxDelayMs }),
  });
  const run = async (): Promise<void> => {
    await Promise.race([Promise.all(options.waitFor.map((one) => one.synced)), whenAborted(signal)]);
    await runController({
      name: options.name,
      queue,
      reconcile: options.reconcile,
      workers: options.workers ?? 4,
      clock,
      signal,
      ...(onError === undefined ? {} : { onError: (error: unknown) => onError(error, options.name) }),
    });
  };
  run().catch((error: unknown) => onError?.(error, options.name));
  return queue;
}

export function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
