// Follows one collection of the store: first what is there, then each change, in order and without a gap.
import type { Store, StoredValue } from '../../store/index.ts';

export interface CollectionFollower {
  /** A value and the one before it, by the key that it has below the collection's prefix. */
  readonly put: (key: string, value: StoredValue, before: StoredValue | undefined) => void;
  readonly gone: (key: string, before: StoredValue | undefined) => void;
  /** Called when all that was there has been told, and after the changes that came together. */
  readonly settled?: () => void;
}

/** Resolves, with the function that ends it, when all that was there has been told. */
export async function followCollection(
  store: Store,
  prefix: string,
  { put, gone, settled }: CollectionFollower,
): Promise<() => void> {
  const found = await store.list({ prefix });
  for (const value of found.items) put(value.key.slice(prefix.length), value, undefined);
  settled?.();
  return store.watch({
    prefix,
    afterRevision: found.revision,
    onEvents: (events) => {
      for (const { type, current, previous } of events) {
        const key = current.key.slice(prefix.length);
        if (type === 'delete') gone(key, previous);
        else put(key, current, previous);
      }
      settled?.();
    },
  });
}
