// ResourceQuota: what a namespace may hold altogether; the use is written into the quota's status before the object is let in.
// Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/
import type { Usage } from '../../../client/index.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import { parseQuantity, Quantity } from '../../../machinery/quantity.ts';
import type { Pod, ResourceQuota } from '../../../resources/generated/core-v1.ts';
import type { Store } from '../../../store/index.ts';
import type { Catalog } from '../../registry/catalog.ts';
import type { LiveCache } from '../../registry/live-cache.ts';
import { cloneObject, readObject, writeOf } from '../../registry/objects.ts';
import { refuse } from '../match.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts';
import { inScope, unspecified, usageOf } from './usage.ts';

type StoredQuota = ResourceQuota & KubeObject;

const MAX_ATTEMPTS = 200;
const ZERO = Quantity.of(0);

export interface QuotaParts {
  readonly quotas: LiveCache<StoredQuota>;
  readonly store: Store;
  readonly catalog: Catalog;
}

/** What the request adds to what is used: for updates only the difference. */
function deltaOf(request: AdmissionRequest, quota: ResourceQuota): Usage {
  const { row } = request.entry;
  const { object, old } = request;
  if (object === undefined || !inScope(quota, row, object)) return new Map();
  const now = usageOf(row, object);
  const before: Usage = old !== undefined && inScope(quota, row, old) ? usageOf(row, old) : new Map();
  const delta: Usage = new Map();
  for (const [name, amount] of now) {
    if (!Object.hasOwn(quota.spec?.hard ?? {}, name)) continue;
    const change = amount.sub(before.get(name) ?? ZERO);
    if (change.sign() > 0) delta.set(name, change);
  }
  return delta;
}

function usedOf(quota: ResourceQuota, name: string): Quantity {
  const used = quota.status?.used?.[name];
  return used === undefined ? ZERO : parseQuantity(used);
}

function list(names: readonly string[], value: (name: string) => Quantity): string {
  return names.map((name) => `${name}=${value(name).toString()}`).join(',');
}

function checkExceeded(request: AdmissionRequest, quota: StoredQuota, delta: Usage): void {
  const hard = (name: string): Quantity => parseQuantity(quota.spec?.hard?.[name] ?? '0');
  const exceeded = [...delta.keys()].sort().filter(
    (name) =>
      usedOf(quota, name)
        .add(delta.get(name) ?? ZERO)
        .cmp(hard(name)) > 0,
  );
  if (exceeded.length === 0) return;
  const requested = list(exceeded, (name) => delta.get(name) ?? ZERO);
  const used = list(exceeded, (name) => usedOf(quota, name));
  throw refuse(
    request,
    `exceeded quota: ${quota.metadata.name ?? ''}, requested: ${requested}, used: ${used}, limited: ${list(exceeded, hard)}`,
  );
}

/** The quota with the use added. A quota that was never counted shows all that it limits. */
function charged(quota: StoredQuota, delta: Usage): StoredQuota {
  const draft = cloneObject(quota);
  const hard = { ...draft.spec?.hard };
  const used: Record<string, string> = {};
  for (const name of Object.keys(hard))
    used[name] = usedOf(quota, name)
      .add(delta.get(name) ?? ZERO)
      .toString();
  draft.status = { hard, used };
  return draft;
}

class QuotaCharger {
  constructor(private readonly parts: QuotaParts) {}

  async charge(request: AdmissionRequest, name: string): Promise<void> {
    const { store, catalog } = this.parts;
    const entry = catalog.find('', 'v1', 'resourcequotas');
    if (entry === undefined) return;
    const key = `${entry.prefix}${request.namespace}/${name}`;
    for (let i = 0; i < MAX_ATTEMPTS; i++) {
      const current = await store.get(key);
      if (current === undefined) return;
      const quota = readObject(entry, current) as StoredQuota;
      const delta = deltaOf(request, quota);
      if (delta.size === 0) return;
      checkExceeded(request, quota, delta);
      if (request.dryRun) return;
      const draft = charged(quota, delta);
      const result = await store.txn([writeOf('put', { key, expected: current.modRevision, object: draft })]);
      if (result.ok) return;
    }
    throw refuse(request, 'the quota is being changed by too many requests at once; please try again');
  }
}

/** Where a quota counts cpu or memory, every container must say how much it wants. */
function checkSpecified(request: AdmissionRequest, quota: StoredQuota): void {
  const { row } = request.entry;
  if (row.plural !== 'pods' || row.group !== '' || request.operation !== 'CREATE' || request.object === undefined)
    return;
  if (!inScope(quota, row, request.object)) return;
  const missing = unspecified(quota, request.object as Pod);
  if (missing.length > 0) {
    throw refuse(request, `failed quota: ${quota.metadata.name ?? ''}: must specify ${missing.join('; ')}`);
  }
}

/** Side doors by which more may be used. */
const SUBRESOURCES: Readonly<Record<string, string>> = { pods: 'resize', persistentvolumeclaims: 'status' };

function isCounted({ entry: { row }, subresource }: AdmissionRequest): boolean {
  return subresource === '' || (row.group === '' && SUBRESOURCES[row.plural] === subresource);
}

export function resourceQuota(parts: QuotaParts): AdmissionPlugin {
  const charger = new QuotaCharger(parts);
  return {
    name: 'ResourceQuota',
    operations: ['CREATE', 'UPDATE'],
    async validate(request) {
      const { row } = request.entry;
      if (parts.quotas.size === 0 || !row.namespaced || !isCounted(request)) return;
      if (row.plural === 'resourcequotas' || request.object === undefined || row.virtual === true) return;
      const quotas = parts.quotas
        .inNamespace(request.namespace)
        .sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
      for (const quota of quotas) checkSpecified(request, quota);
      for (const quota of quotas) {
        if (deltaOf(request, quota).size > 0) await charger.charge(request, quota.metadata.name ?? '');
      }
    },
  };
}
