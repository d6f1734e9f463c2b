// The store as one version of a custom resource sees it: what is read is converted on the way out, what is written on the way in.
import { parseExact } from '../../machinery/exact-json.ts';
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import type {
  RangeRequest,
  RangeResult,
  Store,
  StoredValue,
  StoreEvent,
  TxnDone,
  TxnResult,
  WatchRequest,
  Write,
} from '../../store/index.ts';
import type { Converter } from '../registry/catalog.ts';
import { encodeAt, parseStored } from '../registry/objects.ts';

export interface Version {
  readonly shown: string;
  readonly stored: string;
}

function asJson(object: KubeObject): JsonObject {
  return object as unknown as JsonObject;
}

export class VersionView implements Store {
  /** One value stays one value: what is derived from it is remembered by it. */
  private readonly views = new WeakMap<StoredValue, Promise<StoredValue>>();

  constructor(
    private readonly base: Store,
    private readonly convert: Converter,
    private readonly version: Version,
  ) {}

  private make(value: StoredValue, object: JsonObject): StoredValue {
    const copy = { ...object, metadata: { ...(object.metadata as JsonObject) } } as unknown as KubeObject;
    return { ...value, value: encodeAt(value.key, copy, value.modRevision) };
  }

  /** All that must be converted goes in one call. */
  private async shown(values: readonly StoredValue[]): Promise<StoredValue[]> {
    const missing = values.filter((v) => !this.views.has(v) && parseStored(v).apiVersion !== this.version.shown);
    const converted = this.convert(
      missing.map((v) => asJson(parseStored(v))),
      this.version.shown,
    );
    missing.forEach((value, i) => {
      const view = converted.then((all) => this.make(value, all[i] ?? {}));
      view.catch(() => this.views.delete(value));
      this.views.set(value, view);
    });
    await converted;
    return Promise.all(values.map((v) => this.views.get(v) ?? Promise.resolve(v)));
  }

  async get(key: string, revision?: number): Promise<StoredValue | undefined> {
    const value = await this.base.get(key, revision);
    return value === undefined ? undefined : (await this.shown([value]))[0];
  }

  async list(range: RangeRequest): Promise<RangeResult> {
    const found = await this.base.list(range);
    return { ...found, items: await this.shown(found.items) };
  }

  /** The form to store, and the object as it was shown. */
  private async toStored(write: Write): Promise<{ write: Write; shown: KubeObject }> {
    const shown = parseExact(Buffer.from(write.encode(0)).toString('utf8')) as KubeObject;
    const [stored] =
      shown.apiVersion === this.version.stored
        ? [asJson(shown)]
        : await this.convert([asJson(shown)], this.version.stored);
    const object = {
      ...stored,
      metadata: { ...shown.metadata, ...(stored?.metadata as JsonObject | undefined) },
    } as unknown as KubeObject;
    return {
      write: {
        ...write,
        encode: (revision) => encodeAt(write.key, { ...object, metadata: { ...object.metadata } }, revision),
      },
      shown,
    };
  }

  /** Conversion takes its time: what follows is a transaction of its own here. */
  async txn(writes: readonly Write[], next?: (done: TxnDone) => readonly Write[]): Promise<TxnResult> {
    const result = await this.first(writes);
    return result.ok && next !== undefined ? this.txn(next(result)) : result;
  }

  private async first(writes: readonly Write[]): Promise<TxnResult> {
    const prepared = await Promise.all(writes.map((w) => this.toStored(w)));
    const result = await this.base.txn(prepared.map((p) => p.write));
    if (!result.ok) {
      const current = result.current === undefined ? undefined : (await this.shown([result.current]))[0];
      return { ...result, current };
    }
    // Who wrote an object knows how it looks: it need not be converted back.
    const values = result.values.map((value, i) => {
      const shown = prepared[i]?.shown;
      if (value === undefined || shown === undefined) return value;
      const view = this.make(value, asJson(shown));
      this.views.set(value, Promise.resolve(view));
      return view;
    });
    return { ...result, values };
  }

  async watch(request: WatchRequest): Promise<() => void> {
    let before: Promise<unknown> = Promise.resolve();
    let stopped = false;
    const stop = await this.base.watch({
      ...request,
      onEvents: (events) => {
        // Events stay in their order, however long each conversion takes.
        before = before
          .then(async () => {
            const shown = await this.events(events);
            if (!stopped) request.onEvents(shown);
          })
          .catch((error: unknown) => {
            if (stopped) return;
            stopped = true;
            stop();
            request.onEnd?.(error);
          });
      },
    });
    return () => {
      stopped = true;
      stop();
    };
  }

  private async events(events: readonly StoreEvent[]): Promise<StoreEvent[]> {
    await this.shown(events.flatMap((e) => (e.previous === undefined ? [e.current] : [e.current, e.previous])));
    return Promise.all(
      events.map(async (event) => {
        const [current, previous] = await this.shown(
          event.previous === undefined ? [event.current] : [event.current, event.previous],
        );
        return { ...event, current: current ?? event.current, previous };
      }),
    );
  }

  revision(): Promise<number> {
    return this.base.revision();
  }
  compact(revision: number): Promise<void> {
    return this.base.compact(revision);
  }
  compactedRevision(): Promise<number> {
    return this.base.compactedRevision();
  }
  size(): Promise<{ readonly bytes: number; readonly keys: number }> {
    return this.base.size();
  }
  /** The store is not ours to close. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
