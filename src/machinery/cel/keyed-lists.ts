// Which lists are sets, or maps by keys of their items: known of the list itself, wherever it goes.
// Source: https://kubernetes.io/docs/reference/using-api/cel/#type-system-integration
import type { ListKind } from './types.ts';

const kinds = new WeakMap<readonly unknown[], ListKind>();

export function markList<T extends readonly unknown[]>(list: T, kind: ListKind): T {
  kinds.set(list, kind);
  return list;
}

export function listKindOf(list: readonly unknown[]): ListKind | undefined {
  return kinds.get(list);
}
