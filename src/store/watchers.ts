// Hands events to those who watch; ten thousand watches on different prefixes cost an event a few look-ups, not ten thousand.
import type { StoreEvent, WatchRequest } from './port.ts';

const SLASH = 47;

/** The prefixes of one length. */
interface Length {
  count: number;
  /** How many of them do not end in a slash; where there is none, most keys need not be looked up. */
  odd: number;
}

const isOdd = (prefix: string): number => (prefix.charCodeAt(prefix.length - 1) === SLASH ? 0 : 1);

export class Watchers {
  private readonly byPrefix = new Map<string, Set<WatchRequest>>();
  private readonly lengths = new Map<number, Length>();

  add(request: WatchRequest): () => void {
    // A copy: the same request object may be watching twice.
    const one: WatchRequest = { ...request };
    let group = this.byPrefix.get(one.prefix);
    if (group === undefined) {
      group = new Set();
      this.byPrefix.set(one.prefix, group);
      const { count, odd } = this.lengths.get(one.prefix.length) ?? { count: 0, odd: 0 };
      this.lengths.set(one.prefix.length, { count: count + 1, odd: odd + isOdd(one.prefix) });
    }
    group.add(one);
    return () => this.remove(one);
  }

  deliver(events: readonly StoreEvent[]): void {
    const batches = new Map<WatchRequest, StoreEvent[]>();
    for (const event of events) {
      const key = event.current.key;
      for (const [length, { odd }] of this.lengths) {
        if (length > key.length || (odd === 0 && key.charCodeAt(length - 1) !== SLASH)) continue;
        const group = this.byPrefix.get(key.slice(0, length));
        if (group === undefined) continue;
        for (const watcher of group) {
          const batch = batches.get(watcher);
          if (batch === undefined) batches.set(watcher, [event]);
          else batch.push(event);
        }
      }
    }
    for (const [watcher, batch] of batches) {
      if (!this.byPrefix.get(watcher.prefix)?.has(watcher)) continue;
      try {
        watcher.onEvents(batch);
      } catch (error) {
        // One that throws has lost events and must know; the others go on.
        this.remove(watcher);
        watcher.onEnd?.(error);
      }
    }
  }

  endAll(): void {
    const all = [...this.byPrefix.values()].flatMap((group) => [...group]);
    this.byPrefix.clear();
    this.lengths.clear();
    for (const watcher of all) watcher.onEnd?.();
  }

  private remove(one: WatchRequest): void {
    const group = this.byPrefix.get(one.prefix);
    if (group === undefined || !group.delete(one) || group.size > 0) return;
    this.byPrefix.delete(one.prefix);
    const length = this.lengths.get(one.prefix.length);
    if (length === undefined) return;
    length.count--;
    length.odd -= isOdd(one.prefix);
    if (length.count === 0) this.lengths.delete(one.prefix.length);
  }
}
