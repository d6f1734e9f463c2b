// Since when a Service's addresses are out of date: network proxies measure by it how long a change takes to reach them.
// https://github.com/kubernetes/community/blob/master/sig-scalability/slos/network_programming_latency.md
import { parseTime, rfc3339 } from '../../machinery/time.ts';
import type { Pod, Service } from '../../resources/generated/core-v1.ts';
import { findCondition } from '../shared/conditions.ts';

export const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

const readySince = (pod: Pod): number =>
  parseTime(findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime ?? '') ?? 0;

export class TriggerTimes {
  private readonly known = new Map<string, ReadonlyMap<string, number>>();

  /** The earliest of the changes since the last call; that of the Service itself at first. */
  next(key: string, service: Service, pods: readonly Pod[]): string | undefined {
    const before = this.known.get(key);
    const now = new Map(pods.map((pod) => [pod.metadata.name ?? '', readySince(pod)]));
    this.known.set(key, now);
    if (before === undefined) return service.metadata.creationTimestamp ?? undefined;
    const changed = [...now].filter(([name, since]) => since > (before.get(name) ?? 0)).map(([, since]) => since);
    return changed.length === 0 ? undefined : rfc3339(Math.min(...changed));
  }

  forget(key: string): void {
    this.known.delete(key);
  }
}

/** The annotations with the time, and without one when nothing is known to have changed. */
export function withTriggerTime(
  annotations: Readonly<Record<string, string>> | undefined,
  time: string | undefined,
): Record<string, string> {
  const { [TRIGGER_TIME]: _old, ...others } = annotations ?? {};
  return time === undefined ? others : { ...others, [TRIGGER_TIME]: time };
}
