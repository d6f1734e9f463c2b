// What a write leaves as it was: parts of a draft that are the old object's own need no second look, by whoever comes later.
import { deepEqual } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../../machinery/object.ts';

/** The parts (`spec`, `status`, `data` …) that a patch did not touch: the result holds the old object's own. Never the metadata. */
export function untouched(result: unknown, old: KubeObject): JsonObject {
  const parts: JsonObject = {};
  if (!isJsonObject(result)) return parts;
  const before = old as unknown as JsonObject;
  for (const name of Object.keys(before)) {
    const part = before[name];
    if (name !== 'metadata' && typeof part === 'object' && part !== null && result[name] === part) parts[name] = part;
  }
  return parts;
}

/** Puts the old object's parts in the place of equal ones. From here on the draft's parts are shared: they must not be changed. */
export function shareUnchanged(draft: KubeObject, old: KubeObject): void {
  const now = draft as unknown as JsonObject;
  const before = old as unknown as JsonObject;
  for (const name of Object.keys(now)) {
    const part = now[name];
    if (name === 'metadata' || typeof part !== 'object' || part === null || part === before[name]) continue;
    if (deepEqual(part, before[name])) now[name] = before[name];
  }
}
