// Keeps the status of ResourceQuotas: what is used of what is granted.
import {
  addUsage,
  attributesClasses,
  CONFIG_MAPS,
  claimInScope,
  claimUsage,
  deviceClaimUsage,
  hasScopes,
  type Informer,
  isTerminating,
  objectKey,
  PERSISTENT_VOLUME_CLAIMS,
  PODS,
  podInScope,
  podUsage,
  REPLICATION_CONTROLLERS,
  RESOURCE_CLAIMS,
  RESOURCE_QUOTAS,
  type ResourceRef,
  SECRETS,
  SERVICES,
  serviceUsage,
  type Usage,
  type WorkQueue,
} from '../../client/index.ts';
import { deepEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { parseQuantity, Quantity } from '../../machinery/quantity.ts';
import type { PersistentVolumeClaim, Pod, ResourceQuota, Service } from '../../resources/generated/core-v1.ts';
import type { ResourceClaim } from '../../resources/generated/resource-v1.ts';
import type { ControllerContext, ControllerRow } from '../shared/context.ts';
import { discover } from '../shared/discovery.ts';
import { startKeyed } from '../shared/keyed.ts';
import { isFinished } from '../shared/pods.ts';

const NAME = 'resourcequota-controller';
/** What was charged and then failed to be made is found by counting anew now and then. */
const RESYNC_MS = 300_000;
/** What goes is counted a moment later, together with others that go. */
const SETTLE_MS = 20;
const BELIEF_MS = 200;

/** Kinds that count under their plain name too. */
const PLAIN: Readonly<Record<string, ResourceRef<KubeObject>>> = {
  configmaps: CONFIG_MAPS,
  secrets: SECRETS,
  replicationcontrollers: REPLICATION_CONTROLLERS,
  resourcequotas: RESOURCE_QUOTAS,
};

function podMoved(old: Pod, now: Pod): boolean {
  if (isFinished(now) !== isFinished(old) || isTerminating(now) !== isTerminating(old)) return true;
  const inForce = ({ status }: Pod): unknown =>
    [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].map((one) => one.resources);
  return now.status !== old.status && !deepEqual(inForce(now), inForce(old));
}

function claimMoved(old: PersistentVolumeClaim, now: PersistentVolumeClaim): boolean {
  if (!deepEqual(now.status?.allocatedResources, old.status?.allocatedResources)) return true;
  return !deepEqual([...attributesClasses(now)], [...attributesClasses(old)]);
}

class Counter {
  private readonly pods: Informer<Pod>;
  private readonly services: Informer<Service>;
  private readonly claims: Informer<PersistentVolumeClaim>;
  private readonly deviceClaims: Informer<ResourceClaim>;
  /** Informers of kinds that some quota counts, by `resource.group`. */
  private readonly counted = new Map<string, Informer<KubeObject>>();

  constructor(
    private readonly context: ControllerContext,
    private readonly changed: (namespace: string) => void,
  ) {
    this.pods = this.follow(PODS);
    this.services = this.follow(SERVICES);
    this.claims = this.follow(PERSISTENT_VOLUME_CLAIMS);
    this.deviceClaims = this.follow(RESOURCE_CLAIMS);
  }

  get ready(): readonly { readonly synced: Promise<void> }[] {
    return [this.pods, this.services, this.claims, this.deviceClaims];
  }

  async usage(quota: ResourceQuota): Promise<Usage> {
    const namespace = quota.metadata.namespace ?? '';
    const hard = Object.keys(quota.spec?.hard ?? {});
    const total: Usage = new Map();
    const now = this.context.clock.now();
    for (const pod of this.pods.byIndex('namespace', namespace))
      if (podInScope(pod, quota.spec)) addUsage(total, podUsage(pod, now));
    for (const claim of this.claims.byIndex('namespace', namespace))
      if (claimInScope(claim, quota.spec)) addUsage(total, claimUsage(claim));
    if (hasScopes(quota.spec)) return total;
    for (const service of this.services.byIndex('namespace', namespace)) addUsage(total, serviceUsage(service));
    for (const claim of this.deviceClaims.byIndex('namespace', namespace)) addUsage(total, deviceClaimUsage(claim));
    for (const name of hard) {
      if (total.has(name)) continue;
      const count = await this.count(name, namespace);
      if (count !== undefined) total.set(name, Quantity.of(count));
    }
    return total;
  }

  private async count(name: string, namespace: string): Promise<number | undefined> {
    const counted = name.startsWith('count/') ? name.slice('count/'.length) : name;
    if (!name.startsWith('count/') && !Object.hasOwn(PLAIN, name)) return undefined;
    let informer = this.counted.get(counted);
    if (informer === undefined) {
      const ref = PLAIN[counted] ?? (await this.find(counted));
      if (ref === undefined) return undefined;
      informer = this.follow(ref);
      this.counted.set(counted, informer);
    }
    await informer.synced;
    return informer.byIndex('namespace', namespace).length;
  }

  private async find(counted: string): Promise<ResourceRef<KubeObject> | undefined> {
    const { resources } = await discover(this.context.client);
    const name = (ref: ResourceRef<KubeObject>): string =>
      ref.group === '' ? ref.plural : `${ref.plural}.${ref.group}`;
    return resources.find(({ ref, verbs }) => name(ref) === counted && ref.namespaced && verbs.has('watch'))?.ref;
  }

  /** True for a change after which less, or another quota, may be used. */
  private moved(old: KubeObject, now: KubeObject): boolean {
    if (now.kind === 'Pod') return podMoved(old as Pod, now as Pod);
    if (now.kind === 'PersistentVolumeClaim')
      return claimMoved(old as PersistentVolumeClaim, now as PersistentVolumeClaim);
    return now.kind === 'Service' && !deepEqual((now as Service).spec, (old as Service).spec);
  }

  private follow<T extends KubeObject>(ref: ResourceRef<T>): Informer<T> {
    const informer = this.context.informers.informer(ref);
    informer.addIndex('namespace', (object) => [object.metadata.namespace ?? '']);
    // What comes is charged when it is let in, before it can be seen here: to count then would take the charge back.
    informer.addHandler({
      onUpdate: (object, old) => this.moved(old, object) && this.changed(object.metadata.namespace ?? ''),
      onDelete: (object) => this.changed(object.metadata.namespace ?? ''),
    });
    return informer;
  }
}

/** Less than was charged may only mean that what was let in is not to be seen here yet: it is believed when it stays so. */
class Decreases {
  private readonly since = new Map<string, { readonly text: string; readonly at: number }>();

  wait(quota: ResourceQuota, used: Readonly<Record<string, string>>, now: number): number {
    const key = objectKey(quota);
    const charged = quota.status?.used ?? {};
    const less = Object.entries(used).some(
      ([name, amount]) => charged[name] !== undefined && parseQuantity(amount).cmp(parseQuantity(charged[name])) < 0,
    );
    const text = JSON.stringify([used, charged]);
    const known = this.since.get(key);
    if (!less) {
      this.since.delete(key);
      return 0;
    }
    if (known?.text !== text) {
      this.since.set(key, { text, at: now });
      return BELIEF_MS;
    }
    return Math.max(0, known.at + BELIEF_MS - now);
  }

  forget(key: string): void {
    this.since.delete(key);
  }
}

export const resourceQuota: ControllerRow = {
  name: NAME,
  account: 'resourcequota-controller',
  start(context) {
    const quotas = context.informers.informer(RESOURCE_QUOTAS);
    quotas.addIndex('namespace', (quota) => [quota.metadata.namespace ?? '']);
    let queue: WorkQueue | undefined;
    const decreases = new Decreases();
    const counted = new Set<string>();
    const counter = new Counter(context, (namespace) => {
      for (const quota of quotas.byIndex('namespace', namespace)) queue?.addAfter(objectKey(quota), SETTLE_MS);
    });
    queue = startKeyed(context, {
      name: NAME,
      waitFor: [quotas, ...counter.ready],
      async reconcile(key) {
        const quota = quotas.get(key);
        if (quota === undefined) {
          decreases.forget(key);
          return undefined;
        }
        const usage = await counter.usage(quota);
        const hard = quota.spec?.hard ?? {};
        const used = Object.fromEntries(
          Object.keys(hard).map((name) => [name, (usage.get(name) ?? Quantity.zero).toString()]),
        );
        const again = { requeueAfterMs: RESYNC_MS };
        if (deepEqual(quota.status?.hard ?? {}, hard) && deepEqual(quota.status?.used ?? {}, used)) {
          counted.add(quota.metadata.uid ?? '');
          return again;
        }
        const wait = decreases.wait(quota, used, context.clock.now());
        if (wait > 0) return { requeueAfterMs: wait };
        await context.client.resource(RESOURCE_QUOTAS).updateStatus({ ...quota, status: { hard, used } });
        return again;
      },
    });
    quotas.addHandler({
      onAdd: (quota) => queue?.add(objectKey(quota)),
      onUpdate(quota) {
        const spec = quota.spec?.hard ?? {};
        // A quota charged before it was ever counted is counted then.
        if (!deepEqual(spec, quota.status?.hard ?? {}) || !counted.has(quota.metadata.uid ?? ''))
          queue?.add(objectKey(quota));
      },
    });
  },
};
