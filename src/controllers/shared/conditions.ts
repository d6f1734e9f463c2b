// Conditions: set one in a list, and know whether that changed anything.
import { rfc3339 } from '../../machinery/time.ts';

export interface ConditionLike {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export function findCondition<T extends { type: string }>(list: readonly T[] | undefined, type: string): T | undefined {
  return list?.find((one) => one.type === type);
}

/** The list with the condition set; the transition time moves only with the status. The same list when nothing changed. */
export function setCondition<T extends ConditionLike>(
  list: readonly T[] | undefined,
  next: T,
  now: number,
): readonly T[] {
  const old = findCondition(list, next.type);
  const same = old !== undefined && old.status === next.status;
  if (list !== undefined && same && old.reason === next.reason && old.message === next.message) return list;
  const lastTransitionTime = same ? old.lastTransitionTime : rfc3339(now);
  const made: T = { ...old, ...next, ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }) };
  if (old === undefined) return [...(list ?? []), made];
  return (list ?? []).map((one) => (one === old ? made : one));
}
