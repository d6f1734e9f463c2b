// Forgets events an hour after they were last written. Elsewhere their lease in etcd runs out: no request, no user and no entry in the audit log.
// Source: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/ (`--event-ttl`)
import type { Clock, Timer } from '../../host/clock.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { parseTime } from '../../machinery/time.ts';
import type { Event } from '../../resources/generated/core-v1.ts';
import type { Store } from '../../store/index.ts';
import type { Catalog, CatalogEntry } from '../registry/catalog.ts';
import { cloneObject, readObject, writeOf } from '../registry/objects.ts';

const LIFE_MS = 3_600_000;
/** They are read in pages at this interval: to watch every event only to forget it an hour later would cost more. */
const ROUND_MS = 300_000;
const PAGE = 500;

export function lastWritten(event: Event): number {
  const times = [
    event.metadata.creationTimestamp ?? undefined,
    event.lastTimestamp,
    event.eventTime,
    event.series?.lastObservedTime,
  ];
  return Math.max(0, ...times.flatMap((time) => (time ? (parseTime(time) ?? []) : [])));
}

export interface ExpiryParts {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly onError?: ((error: unknown) => void) | undefined;
}

async function forgetOld({ store, clock }: ExpiryParts, entry: CatalogEntry): Promise<void> {
  const { prefix } = entry;
  let startAfter: string | undefined;
  do {
    const page = await store.list({ prefix, limit: PAGE, ...(startAfter === undefined ? {} : { startAfter }) });
    for (const value of page.items) {
      const event = readObject(entry, value);
      if (lastWritten(event as KubeObject & Event) + LIFE_MS > clock.now()) continue;
      // One that was written meanwhile is refused, and lives on.
      await store.txn([writeOf('delete', { key: value.key, expected: value.modRevision, object: cloneObject(event) })]);
    }
    startAfter = page.more ? page.items.at(-1)?.key : undefined;
  } while (startAfter !== undefined);
}

/** Returns the function that stops it. */
export function expireEvents(parts: ExpiryParts): () => void {
  const entry = parts.catalog.find('', 'v1', 'events');
  if (entry === undefined) return () => undefined;
  let stopped = false;
  let timer: Timer | undefined;
  const schedule = (): void => {
    if (stopped) return;
    timer = parts.clock.setTimer(ROUND_MS, () => {
      forgetOld(parts, entry)
        .catch((error: unknown) => {
          if (!stopped) parts.onError?.(error);
        })
        .finally(schedule);
    });
  };
  schedule();
  return () => {
    stopped = true;
    timer?.cancel();
  };
}
