// What the tests of a store write and read with.
import type { Store, StoreEvent, Write } from '../port.ts';

const decoder = new TextDecoder();

/** A put whose value is the text and the revision it was written at. */
export function put(key: string, expected: number, text = ''): Write {
  return { kind: 'put', key, expected, encode: (revision) => Buffer.from(`${text}@${revision}`) };
}

export function remove(key: string, expected: number, text = 'gone'): Write {
  return { kind: 'delete', key, expected, encode: (revision) => Buffer.from(`${text}@${revision}`) };
}

export async function write(store: Store, ...writes: Write[]): Promise<number> {
  const result = await store.txn(writes);
  if (!result.ok) throw new Error(`conflict at ${result.key}`);
  return result.revision;
}

export const text = (value: { readonly value: Uint8Array } | undefined): string | undefined =>
  value === undefined ? undefined : decoder.decode(value.value);

export function collect(events: StoreEvent[]): (batch: readonly StoreEvent[]) => void {
  return (batch) => {
    events.push(...batch);
  };
}
