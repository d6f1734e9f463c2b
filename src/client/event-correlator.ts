// Decides what becomes of an event: written new, counted onto an older one, put together with similar ones, or dropped as spam.
// The rules and figures are those of client-go: https://pkg.go.dev/k8s.io/client-go/tools/record#EventCorrelator
import type { Event } from '../resources/generated/core-v1.ts';

/** More messages than this for one reason and object within the interval are put together. */
const MAX_SIMILAR = 10;
const SIMILAR_INTERVAL_MS = 600_000;
/** Of one source about one object: a burst of 25, then one in five minutes. */
const BURST = 25;
const REFILL_MS = 300_000;
const MAX_ENTRIES = 4096;

export type Verdict =
  | { readonly kind: 'create'; readonly event: Event; readonly key: string }
  | { readonly kind: 'bump'; readonly name: string; readonly event: Event; readonly key: string }
  | { readonly kind: 'drop' };

interface Seen {
  name: string;
  count: number;
  firstTimestamp: string | undefined;
}

interface Similar {
  messages: Set<string>;
  since: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** A map that forgets what was not used for longest. */
class Recent<V> {
  private readonly map = new Map<string, V>();

  get(key: string): V | undefined {
    const value = this.map.get(key);
    if (value !== undefined) {
      this.map.delete(key);
      this.map.set(key, value);
    }
    return value;
  }

  set(key: string, value: V): void {
    this.map.delete(key);
    this.map.set(key, value);
    if (this.map.size <= MAX_ENTRIES) return;
    const oldest = this.map.keys().next();
    if (oldest.done !== true) this.map.delete(oldest.value);
  }

  delete(key: string): void {
    this.map.delete(key);
  }
}

export class EventCorrelator {
  private readonly seen = new Recent<Seen>();
  private readonly similar = new Recent<Similar>();
  private readonly buckets = new Recent<Bucket>();

  correlate(event: Event, now: number): Verdict {
    if (!this.allowed(event, now)) return { kind: 'drop' };
    const { event: shown, key } = this.aggregate(event, now);
    const before = this.seen.get(key);
    if (before === undefined) {
      this.seen.set(key, { name: shown.metadata.name ?? '', count: 1, firstTimestamp: shown.firstTimestamp });
      return { kind: 'create', event: shown, key };
    }
    before.count++;
    const { name, count, firstTimestamp } = before;
    const bumped: Event = { ...shown, metadata: { ...shown.metadata, name }, count };
    if (firstTimestamp !== undefined) bumped.firstTimestamp = firstTimestamp;
    return { kind: 'bump', name, event: bumped, key };
  }

  /** The event that was counted onto is gone (it expired): the count goes on under a new name. */
  renamed(key: string, name: string): void {
    const seen = this.seen.get(key);
    if (seen !== undefined) seen.name = name;
  }

  /** The event was never written. */
  forget(key: string): void {
    this.seen.delete(key);
  }

  private allowed(event: Event, now: number): boolean {
    const key = spamKey(event);
    const bucket = this.buckets.get(key) ?? { tokens: BURST, at: now };
    bucket.tokens = Math.min(BURST, bucket.tokens + (now - bucket.at) / REFILL_MS);
    bucket.at = now;
    this.buckets.set(key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  private aggregate(event: Event, now: number): { event: Event; key: string } {
    const group = groupKey(event);
    let similar = this.similar.get(group);
    if (similar === undefined || now - similar.since > SIMILAR_INTERVAL_MS)
      similar = { messages: new Set(), since: now };
    similar.since = now;
    similar.messages.add(event.message ?? '');
    this.similar.set(group, similar);
    if (similar.messages.size < MAX_SIMILAR) return { event, key: exactKey(event) };
    // The set must not grow with every new message; that it is full is all that matters from here on.
    const [oldest] = similar.messages;
    if (oldest !== undefined && similar.messages.size > MAX_SIMILAR) similar.messages.delete(oldest);
    // It stands for many: who reported it is told by its source alone.
    const { reportingComponent: _component, reportingInstance: _instance, ...shared } = event;
    return { event: { ...shared, message: `(combined from similar events): ${event.message ?? ''}` }, key: group };
  }
}

function spamKey(event: Event): string {
  const { source, involvedObject: about } = event;
  return JSON.stringify([
    source?.component ?? event.reportingComponent,
    source?.host,
    about.kind,
    about.namespace,
    about.name,
    about.uid,
    about.apiVersion,
  ]);
}

function groupKey(event: Event): string {
  return JSON.stringify([spamKey(event), event.type, event.reason, event.reportingComponent, event.reportingInstance]);
}

function exactKey(event: Event): string {
  return JSON.stringify([groupKey(event), event.involvedObject.fieldPath, event.message]);
}
