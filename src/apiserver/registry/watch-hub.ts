// The watches of the API server: frames made once and shared, selectors that turn changes into ADDED and DELETED, flow control, bookmarks.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
import type { Clock, Timer } from '../../host/clock.ts';
import type { ByteSink, StreamBody } from '../../machinery/http.ts';
import type { KubeObject, WatchEventType } from '../../machinery/object.ts';
import { RecentCache } from '../../machinery/recent-cache.ts';
import { tellEvents } from '../../machinery/watch-events.ts';
import type { Store, StoredValue, StoreEvent } from '../../store/index.ts';

/** A frame in place of a change, for one reader's form and selection. */
export interface FrameMaker {
  /** Names the form of the frames: readers with equal names share them. '' when frames differ with each reader. */
  readonly shareKey: string;
  /** The frame of one object as the parts it is put together of, when that is no more than putting them side by side. */
  readonly pieces?: (type: WatchEventType, value: StoredValue) => readonly Uint8Array[];
  /** Makes the frame of one object. */
  make(type: WatchEventType, value: StoredValue): Uint8Array;
  /** The object that a frame holds, when it holds nothing else and is JSON. */
  readonly object?: (value: StoredValue) => KubeObject;
  bookmark(revision: number, initialEventsEnd: boolean): Uint8Array;
  /** What a selector says of a value; absent when all is selected. */
  readonly selects?: (value: StoredValue) => boolean;
  /** The last state before an object left the selection, with the revision at which it left. */
  left(previous: StoredValue, revision: number): StoredValue;
}

export interface WatchPlan {
  readonly prefix: string;
  readonly afterRevision: number;
  readonly initial: readonly StoredValue[];
  /** Sent after the initial events: a bookmark that says so. */
  readonly announceEnd: boolean;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
  readonly frames: FrameMaker;
  /** Calls back when what is watched is not served any more as it was; absent where that cannot be. Returns how to let go. */
  readonly onStale?: (end: () => void) => () => void;
}

/** Changes that wait for a reader that is behind; beyond this the watch is closed and the client starts anew. */
const MAX_PENDING = 20_000;
const BOOKMARK_MS = 60_000;
/** So long before a watch ends a last bookmark tells how far it got. */
const LAST_BOOKMARK_MS = 2000;
const MAX_BUFFERED = 512 * 1024;
const INITIAL_CHUNK = 512;

/** One event as a reader is to see it. */
interface Change {
  readonly type: WatchEventType;
  readonly value: StoredValue;
}

interface SharedBatch {
  readonly form: string;
  readonly first: StoreEvent;
  readonly last: StoreEvent;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** What one change makes is sent in few forms, to many readers one after the other. */
const MAX_SHARED = 16;
const MAX_FRAMES = 512;

export class WatchHub {
  private readonly shared: SharedBatch[] = [];
  private readonly frames = new RecentCache<StoredValue, Map<string, Uint8Array>>(MAX_FRAMES);
  /** Open watches, for metrics. */
  open = 0;
  sent = 0;

  constructor(
    readonly store: Store,
    readonly clock: Clock,
  ) {}

  /** A frame, shared with the other readers of the same form. */
  private frame(maker: FrameMaker, { type, value }: Change): Uint8Array {
    if (maker.shareKey === '') return maker.make(type, value);
    let byForm = this.frames.get(value);
    if (byForm === undefined) {
      byForm = new Map();
      this.frames.set(value, byForm);
    }
    const key = `${type} ${maker.shareKey}`;
    let bytes = byForm.get(key);
    if (bytes === undefined) {
      bytes = maker.make(type, value);
      byForm.set(key, bytes);
    }
    return bytes;
  }

  /** The frames of a batch in one piece, shared by all that see the whole batch in the same form. */
  batch(maker: FrameMaker, events: readonly StoreEvent[]): Uint8Array {
    const first = events[0];
    const last = events[events.length - 1];
    if (first === undefined || last === undefined) return new Uint8Array(0);
    if (maker.shareKey === '' || maker.selects !== undefined) return this.join(maker, changesOf(maker, events));
    const form = maker.shareKey;
    const count = events.length;
    for (const known of this.shared)
      if (known.first === first && known.last === last && known.count === count && known.form === form)
        return known.bytes;
    const bytes = this.join(maker, changesOf(maker, events));
    if (this.shared.length === MAX_SHARED) this.shared.pop();
    this.shared.unshift({ form, first, last, count, bytes });
    return bytes;
  }

  /** The frames of changes, one after the other. */
  join(maker: FrameMaker, changes: readonly Change[]): Uint8Array {
    const { pieces, object } = maker;
    const parts =
      pieces === undefined
        ? changes.map((change) => this.frame(maker, change))
        : changes.flatMap(({ type, value }) => pieces(type, value));
    const [only] = parts;
    const bytes = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
    if (object !== undefined && bytes.length > 0)
      tellEvents(bytes, () => changes.map(({ type, value }) => ({ type, object: object(value) })));
    return bytes;
  }

  /** Starts to follow the store; the body then writes what comes. Throws what the store throws (CompactedError …). */
  async start(plan: WatchPlan): Promise<StreamBody> {
    const watch = new OpenWatch(this, plan);
    await watch.follow();
    return watch;
  }
}

function changesOf(maker: FrameMaker, events: readonly StoreEvent[]): Change[] {
  const out: Change[] = [];
  for (const event of events) {
    const change = changeOf(maker, event);
    if (change !== undefined) out.push(change);
  }
  return out;
}

function changeOf(maker: FrameMaker, { type, current, previous, revision }: StoreEvent): Change | undefined {
  if (maker.selects === undefined) {
    if (type === 'delete') return { type: 'DELETED', value: current };
    return { type: previous === undefined ? 'ADDED' : 'MODIFIED', value: current };
  }
  const was = previous !== undefined && maker.selects(previous);
  if (type === 'delete') return was ? { type: 'DELETED', value: current } : undefined;
  if (maker.selects(current)) return { type: was ? 'MODIFIED' : 'ADDED', value: current };
  if (!was || previous === undefined) return undefined;
  return { type: 'DELETED', value: maker.left(previous, revision) };
}

class OpenWatch implements StreamBody {
  private sink: ByteSink | undefined;
  private stop: (() => void) | undefined;
  private letGo: (() => void) | undefined;
  private pending: StoreEvent[] = [];
  /** What is still to be sent of the state that the watch began with; nothing when its end has been announced too. */
  private initial: readonly StoredValue[] | undefined;
  private waiting = false;
  private ended = false;
  private revision: number;
  private bookmarkTimer: Timer | undefined;
  private endTimer: Timer | undefined;
  private endsAt = 0;
  private readonly plan: Omit<WatchPlan, 'initial'>;

  constructor(
    private readonly hub: WatchHub,
    { initial, ...plan }: WatchPlan,
  ) {
    this.plan = plan;
    this.revision = plan.afterRevision;
    if (initial.length > 0 || plan.announceEnd) this.initial = initial;
  }

  async follow(): Promise<void> {
    const stop = await this.hub.store.watch({
      prefix: this.plan.prefix,
      afterRevision: this.plan.afterRevision,
      onEvents: (events) => this.take(events),
      onEnd: () => this.end(),
    });
    this.hub.open++;
    if (this.ended) stop();
    else {
      this.stop = stop;
      this.letGo = this.plan.onStale?.(() => this.finish());
    }
  }

  start(sink: ByteSink): void {
    this.sink = sink;
    sink.onClose(() => this.end());
    if (this.ended) {
      sink.end();
      return;
    }
    const { clock } = this.hub;
    this.endTimer = clock.setTimer(this.plan.timeoutMs, () => this.end());
    this.endsAt = clock.now() + this.plan.timeoutMs;
    if (this.plan.bookmarks) this.armBookmark();
    this.pump();
  }

  /** Ends after all that has happened so far. */
  private finish(): void {
    const end = (): void => this.end();
    this.hub.store.revision().then(end, end);
  }

  private armBookmark(): void {
    const { clock } = this.hub;
    const left = this.endsAt - LAST_BOOKMARK_MS - clock.now();
    if (left <= 0) return;
    this.bookmarkTimer = clock.setTimer(Math.min(BOOKMARK_MS, left), () => {
      void this.bookmark().finally(() => {
        if (!this.ended) this.armBookmark();
      });
    });
  }

  private async bookmark(): Promise<void> {
    try {
      const revision = await this.hub.store.revision();
      if (this.ended || this.sink === undefined || this.pending.length > 0 || this.initial !== undefined) return;
      // What the store had made visible by then was handed to us before.
      this.write(this.plan.frames.bookmark(Math.max(revision, this.revision), false));
    } catch {
      this.end();
    }
  }

  private take(events: readonly StoreEvent[]): void {
    if (this.ended) return;
    const last = events[events.length - 1];
    if (last !== undefined) this.revision = last.revision;
    if (this.sink !== undefined && !this.waiting && this.pending.length === 0 && this.initial === undefined) {
      this.write(this.hub.batch(this.plan.frames, events));
      this.hub.sent += events.length;
      return;
    }
    for (const event of events) this.pending.push(event);
    if (this.pending.length > MAX_PENDING) this.end();
  }

  private write(bytes: Uint8Array): void {
    const { sink } = this;
    if (sink === undefined || bytes.length === 0) return;
    if (sink.write(bytes) || sink.buffered < MAX_BUFFERED) return;
    this.waiting = true;
    sink.onDrain(() => {
      this.waiting = false;
      this.pump();
    });
  }

  /** Sends what waits, as far as the reader takes it. */
  private pump(): void {
    const { frames } = this.plan;
    while (!this.waiting && !this.ended && this.initial !== undefined) this.pumpInitial(this.initial);
    while (!this.waiting && !this.ended && this.pending.length > 0) {
      const portion = this.pending.splice(0, INITIAL_CHUNK);
      this.hub.sent += portion.length;
      this.write(this.hub.batch(frames, portion));
    }
  }

  private pumpInitial(values: readonly StoredValue[]): void {
    const { frames, announceEnd, afterRevision } = this.plan;
    const portion = values.slice(0, INITIAL_CHUNK).map((value): Change => ({ type: 'ADDED', value }));
    if (portion.length > 0) {
      this.initial = values.slice(INITIAL_CHUNK);
      this.write(this.hub.join(frames, portion));
      return;
    }
    this.initial = undefined;
    if (announceEnd) this.write(frames.bookmark(afterRevision, true));
  }

  private end(): void {
    if (this.ended) return;
    this.ended = true;
    this.letGo?.();
    if (this.stop !== undefined || this.sink !== undefined) this.hub.open--;
    this.stop?.();
    this.bookmarkTimer?.cancel();
    this.endTimer?.cancel();
    this.pending = [];
    this.sink?.end();
  }
}
