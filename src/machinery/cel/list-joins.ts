// Lists joined by `+`, with what tells their items apart.
// Source: https://kubernetes.io/docs/reference/using-api/cel/#type-system-integration
import { listKindOf, markList } from './keyed-lists.ts';
import type { ListKind } from './types.ts';
import { equal, ObjectValue } from './values.ts';

function isSameItem(a: unknown, b: unknown, kind: ListKind): boolean {
  if (kind.type === 'set') return equal(a, b);
  if (!(a instanceof ObjectValue) || !(b instanceof ObjectValue)) return false;
  return kind.keys.every((key) => a.json[key] === b.json[key]);
}

/** Items of the second list that the first has already take their places, or are left out of a set. */
export function concatenated(a: readonly unknown[], b: readonly unknown[]): unknown[] {
  const kind = listKindOf(a);
  if (kind === undefined) return [...a, ...b];
  const all = [...a];
  for (const item of b) {
    const at = all.findIndex((known) => isSameItem(known, item, kind));
    if (at < 0) all.push(item);
    else all[at] = item;
  }
  return markList(all, kind);
}
