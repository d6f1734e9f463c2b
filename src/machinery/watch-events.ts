// The objects behind the bytes of a watch: whoever watches in the same process is handed them, and need not read the bytes.
import type { KubeObject, WatchEvent } from './object.ts';

type Events = readonly WatchEvent<KubeObject>[];

const behind = new WeakMap<Uint8Array, Events | (() => Events)>();

/** Remembers what the bytes say; a function is called when somebody asks. */
export function tellEvents(bytes: Uint8Array, events: Events | (() => Events)): void {
  behind.set(bytes, events);
}

/** What the bytes say, as far as anybody knows. Shared: must not be changed. */
export function eventsBehind(bytes: Uint8Array): Events | undefined {
  const known = behind.get(bytes);
  if (typeof known !== 'function') return known;
  const events = known();
  behind.set(bytes, events);
  return events;
}
