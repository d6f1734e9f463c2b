// Keeps the status of ResourceQuotas: what is used of what is granted.
import {
  CONFIG_MAPS,
  type Informer,
  objectKey,
  PERSISTENT_VOLUME_CLAIMS,
  PODS,
  REPLICATION_CONTROLLERS,
  RESOURCE_QUOTAS,
  type ResourceRef,
  SECRETS,
  SERVICES,
  type WorkQueue,
} from '../../client/index.ts';
import { deepEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { Quantity } from '../../machinery/quantity.ts';
import type { PersistentVolumeClaim, Pod, ResourceQuota, Service } from '../../resources/generated/core-v1.ts';
import type { ControllerContext, ControllerRow } from '../shared/context.ts';
import { discover } from '../shared/discovery.ts';
import { startKeyed } from '../shared/keyed.ts';
import { addUsage, claimUsage, inScope, podUsage, serviceUsage, type Usage } from './usage.ts';

const NAME = 'resourcequota-controller';

/** Kinds that count under their plain name too. */
const PLAIN: Readonly<Record<string, ResourceRef<KubeObject>>> = {
  configmaps: CONFIG_MAPS,
  secrets: SECRETS,
  replicationcontrollers: REPLICATION_CONTROLLERS,
  resourcequotas: RESOURCE_QUOTAS,
};

class Counter {
  private readonly pods: Informer<Pod>;
  private readonly services: Informer<Service>;
  private readonly claims: Informer<PersistentVolumeClaim>;
  /** Informers of kinds that some quota counts, by `resource.group`. */
  private readonly counted = new Map<string, Informer<KubeObject>>();

  constructor(
    private readonly context: ControllerContext,
    private readonly changed: (namespace: string) => void,
  ) {
    this.pods = this.follow(PODS);
    this.services = this.follow(SERVICES);
    this.claims = this.follow(PERSISTENT_VOLUME_CLAIMS);
  }

  get ready(): readonly { readonly synced: Promise<void> }[] {
    return [this.pods, this.services, this.claims];
  }

  async usage(quota: ResourceQuota): Promise<Usage> {
    const namespace = quota.metadata.namespace ?? '';
    const hard = Object.keys(quota.spec?.hard ?? {});
    const total: Usage = new Map();
    for (const pod of this.pods.byIndex('namespace', namespace))
      if (inScope(pod, quota.spec ?? {})) addUsage(total, podUsage(pod));
    for (const service of this.services.byIndex('namespace', namespace)) addUsage(total, serviceUsage(service));
    for (const claim of this.claims.byIndex('namespace', namespace)) addUsage(total, claimUsage(claim));
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

  private follow<T extends KubeObject>(ref: ResourceRef<T>): Informer<T> {
    const informer = this.context.informers.informer(ref);
    informer.addIndex('namespace', (object) => [object.metadata.namespace ?? '']);
    const changed = (object: T): void => this.changed(object.metadata.namespace ?? '');
    informer.addHandler({ onAdd: changed, onUpdate: changed, onDelete: changed });
    return informer;
  }
}

export const resourceQuota: ControllerRow = {
  name: NAME,
  start(context) {
    const quotas = context.informers.informer(RESOURCE_QUOTAS);
    quotas.addIndex('namespace', (quota) => [quota.metadata.namespace ?? '']);
    let queue: WorkQueue | undefined;
    const counter = new Counter(context, (namespace) => {
      for (const quota of quotas.byIndex('namespace', namespace)) queue?.add(objectKey(quota));
    });
    queue = startKeyed(context, {
      name: NAME,
      waitFor: [quotas, ...counter.ready],
      async reconcile(key) {
        const quota = quotas.get(key);
        if (quota === undefined) return undefined;
        const usage = await counter.usage(quota);
        const hard = quota.spec?.hard ?? {};
        const used = Object.fromEntries(
          Object.keys(hard).map((name) => [name, (usage.get(name) ?? Quantity.zero).toString()]),
        );
        if (deepEqual(quota.status?.hard ?? {}, hard) && deepEqual(quota.status?.used ?? {}, used)) return undefined;
        await context.client.resource(RESOURCE_QUOTAS).updateStatus({ ...quota, status: { hard, used } });
        return undefined;
      },
    });
    quotas.addHandler({ onAdd: (q) => queue?.add(objectKey(q)), onUpdate: (q) => queue?.add(objectKey(q)) });
  },
};
