// Brings pod statuses to the API: the newest one only, one write at a time per pod, and nothing that is there already.
import type { Client } from '../../client/index.ts';
import { PODS } from '../../client/index.ts';
import type { Clock, Timer } from '../../host/clock.ts';
import { isApiError } from '../../machinery/errors.ts';
import { deepEqual } from '../../machinery/json.ts';
import type { Pod, PodCondition, PodStatus } from '../../resources/generated/core-v1.ts';
import { OWN_CONDITIONS } from './conditions.ts';

interface Entry {
  /** As last seen in, or written to, the API. */
  known: PodStatus | undefined;
  wanted: PodStatus | undefined;
  target: { namespace: string; name: string; uid: string };
  /** The resourceVersion of `known`: what comes from a watch may be older than what was written. */
  version: number;
  busy: boolean;
  /** Set while a small change waits for company. */
  later: Timer | undefined;
  gone: boolean;
  idle: (() => void)[];
}

const RETRY_MS = [100, 500, 1_000, 5_000] as const;

/** How long a change waits that the next one is likely to carry along: a pod's address, until its containers run. */
const SMALL_MS = 100;

type Patch = Record<string, unknown>;

/** Lists that merge by a key are replaced as a whole when they change, so that no old address stays. */
function replaced(items: readonly unknown[]): unknown[] {
  return [{ $patch: 'replace' }, ...items];
}

/** The API writes some absent fields as null: that is no difference. */
function sameCondition(a: PodCondition, b: PodCondition): boolean {
  const said = (c: PodCondition) => Object.fromEntries(Object.entries(c).filter(([, v]) => v !== null));
  return deepEqual(said(a), said(b));
}

/** A strategic merge patch from one status to the other; conditions of others are left alone. */
export function statusPatch(from: PodStatus | undefined, to: PodStatus): Patch | undefined {
  const old = (from ?? {}) as Record<string, unknown>;
  const next = to as unknown as Record<string, unknown>;
  const out: Patch = {};
  for (const key of new Set([...Object.keys(old), ...Object.keys(next)])) {
    if (key === 'conditions' || deepEqual(old[key], next[key])) continue;
    const value = next[key];
    if (value === undefined) {
      // What the kubelet does not speak of belongs to someone else.
      if (OWN_FIELDS.has(key)) out[key] = null;
    } else if (key === 'podIPs' || key === 'hostIPs') out[key] = replaced(value as unknown[]);
    else out[key] = value;
  }
  const before = from?.conditions ?? [];
  const after = to.conditions ?? [];
  const changed = after.filter((c) => !before.some((b) => sameCondition(b, c)));
  const dropped = before.filter((b) => OWN_CONDITIONS.has(b.type) && !after.some((c) => c.type === b.type));
  if (changed.length + dropped.length > 0) {
    const removals = dropped.map((b) => ({ $patch: 'delete', type: b.type }));
    const updates = changed.map((c) => {
      const b = before.find((x) => x.type === c.type);
      const cleared: Record<string, unknown> = { ...c };
      if (b?.reason !== undefined && c.reason === undefined) cleared.reason = null;
      if (b?.message !== undefined && c.message === undefined) cleared.message = null;
      return cleared;
    });
    out.conditions = [...removals, ...updates];
  }
  return Object.keys(out).length === 0 ? undefined : out;
}

/** Says no more than that a pod has its network now. */
function isSmall(patch: Patch): boolean {
  return Object.entries(patch).every(([key, value]) => {
    if (key !== 'conditions') return key === 'podIP' || key === 'podIPs';
    return (value as PodCondition[]).every((c) => c.type === 'PodReadyToStartContainers');
  });
}

const OWN_FIELDS: ReadonlySet<string> = new Set([
  'message',
  'reason',
  'podIP',
  'podIPs',
  'initContainerStatuses',
  'ephemeralContainerStatuses',
]);

function versionOf(pod: Pod): number {
  return Number(pod.metadata.resourceVersion ?? '0') || 0;
}

export class StatusWriter {
  private readonly entries = new Map<string, Entry>();
  constructor(
    private readonly client: Client,
    private readonly clock: Clock,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Tells what the API says now; later versions only. */
  seen(pod: Pod, key: string): void {
    const entry = this.entries.get(key);
    const version = versionOf(pod);
    if (entry === undefined || entry.busy || version < entry.version) return;
    entry.known = pod.status;
    entry.version = version;
  }

  set(key: string, pod: Pod, status: PodStatus): void {
    let entry = this.entries.get(key);
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    const target = { namespace, name, uid };
    if (entry === undefined) {
      entry = {
        known: pod.status,
        wanted: undefined,
        target,
        version: versionOf(pod),
        busy: false,
        later: undefined,
        gone: false,
        idle: [],
      };
      this.entries.set(key, entry);
    }
    entry.target = target;
    entry.wanted = status;
    if (!entry.busy) this.run(entry, { small: false });
  }

  private run(entry: Entry, also: { small: boolean }): void {
    if (entry.busy) return;
    entry.busy = true;
    void this.drain(entry, also)
      .catch(this.onError)
      .finally(() => {
        entry.busy = false;
        for (const wake of entry.idle.splice(0)) wake();
      })
      .catch(() => undefined);
  }

  /** Resolves when the newest status is in the API, or the pod is no longer there. */
  async flushed(key: string): Promise<void> {
    const entry = this.entries.get(key);
    while (entry !== undefined && (entry.busy || entry.later !== undefined)) {
      this.run(entry, { small: true });
      await new Promise<void>((resolve) => entry.idle.push(resolve));
    }
  }

  forget(key: string): void {
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    entry.gone = true;
    entry.later?.cancel();
    entry.later = undefined;
    entry.wanted = undefined;
    this.entries.delete(key);
  }

  private async drain(entry: Entry, also: { small: boolean }): Promise<void> {
    entry.later?.cancel();
    entry.later = undefined;
    let failures = 0;
    while (entry.wanted !== undefined && !entry.gone) {
      const wanted = entry.wanted;
      entry.wanted = undefined;
      const patch = statusPatch(entry.known, wanted);
      if (patch === undefined) continue;
      if (!also.small && isSmall(patch)) {
        entry.wanted = wanted;
        entry.later = this.clock.setTimer(SMALL_MS, () => this.run(entry, { small: true }));
        return;
      }
      const { namespace, name, uid } = entry.target;
      try {
        const body = { metadata: { uid }, status: patch };
        const written = await this.client
          .resource(PODS)
          .patch(namespace, name, 'strategic', body, { subresource: 'status' });
        entry.known = written.status;
        entry.version = versionOf(written);
        failures = 0;
      } catch (error) {
        if (isApiError(error, 'NotFound') || isApiError(error, 'Conflict')) return;
        this.onError(error);
        // What can never be written is not tried for ever.
        if (isApiError(error) && error.retry === 'final' && failures >= RETRY_MS.length) return;
        entry.wanted ??= wanted;
        await this.clock.sleep(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)] ?? 5_000);
      }
    }
  }
}
