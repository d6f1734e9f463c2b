// Keeps five to ten minutes of history, as kube-apiserver does with etcd, and less when a flood of writes makes it long.
import type { Clock, Timer } from '../host/clock.ts';
import { CompactedError, type Store } from './port.ts';

export interface AutoCompactionOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Each period ends with a compaction to where the store stood when it began. Default five minutes. */
  readonly periodMs?: number;
  /** Never much more history than so many revisions. Default 200,000. */
  readonly maxRevisions?: number;
  readonly onError?: (error: unknown) => void;
}

const CHECK_MS = 15_000;

/** Returns the function that stops it. */
export function startAutoCompaction(options: AutoCompactionOptions): () => void {
  const { store, clock } = options;
  const period = options.periodMs ?? 5 * 60_000;
  const most = options.maxRevisions ?? 200_000;
  let stopped = false;
  let timer: Timer | undefined;
  let periodStart = clock.now();
  let mark: number | undefined;

  const check = async (): Promise<void> => {
    const revision = await store.revision();
    mark ??= revision;
    let target = 0;
    if (clock.now() - periodStart >= period) {
      target = mark;
      mark = revision;
      periodStart = clock.now();
    }
    const oldest = await store.compactedRevision();
    if (revision - oldest > most) target = Math.max(target, revision - Math.floor(most / 2));
    if (target > oldest) await store.compact(target);
  };
  const schedule = (): void => {
    if (stopped) return;
    timer = clock.setTimer(Math.min(CHECK_MS, period), () => {
      check()
        .catch((error: unknown) => {
          if (!stopped && !(error instanceof CompactedError)) options.onError?.(error);
        })
        .finally(schedule);
    });
  };
  store.revision().then(
    (revision) => {
      mark ??= revision;
    },
    (error: unknown) => options.onError?.(error),
  );
  schedule();
  return () => {
    stopped = true;
    timer?.cancel();
  };
}
