// The newest events, kept in memory so that a watch that starts close to the present is not read from the disk.
import type { StoreEvent } from './port.ts';

const MAX_EVENTS = 4096;
const MAX_BYTES = 4 << 20;

export class RecentEvents {
  private events: StoreEvent[] = [];
  private bytes = 0;
  /** Events of revisions greater than this are all here. */
  private from = 0;

  startAfter(revision: number): void {
    this.from = revision;
  }

  push(events: readonly StoreEvent[]): void {
    for (const event of events) {
      this.events.push(event);
      this.bytes += weight(event);
    }
    if (this.events.length <= MAX_EVENTS && this.bytes <= MAX_BYTES) return;
    // Half goes at once, so that trimming is rare.
    let cut = 0;
    let bytes = this.bytes;
    while (cut < this.events.length && (this.events.length - cut > MAX_EVENTS / 2 || bytes > MAX_BYTES / 2)) {
      const event = this.events[cut++];
      if (event === undefined) break;
      bytes -= weight(event);
      this.from = event.revision;
    }
    // A revision is kept whole or not at all.
    while (cut < this.events.length && this.events[cut]?.revision === this.from) {
      const event = this.events[cut++];
      if (event !== undefined) bytes -= weight(event);
    }
    this.events = this.events.slice(cut);
    this.bytes = bytes;
  }

  /** All events after a revision; undefined when some of them are no longer here. */
  after(revision: number): readonly StoreEvent[] | undefined {
    if (revision < this.from) return undefined;
    let low = 0;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.events[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.events.slice(low);
  }
}

function weight(event: StoreEvent): number {
  return event.current.value.length + (event.previous?.value.length ?? 0);
}
