// Who has which devices: what claims in the API tell, and what was promised to pods that are being bound.
import {
  type Client,
  claimsOfPod,
  DEVICE_CLASSES,
  type Informer,
  type InformerFactory,
  isReservedFor,
  notMadeFor,
  RESOURCE_CLAIMS,
  RESOURCE_SLICES,
} from '../client/index.ts';
import { isApiError } from '../machinery/errors.ts';
import type { Pod } from '../resources/generated/core-v1.ts';
import type {
  AllocationResult,
  DeviceClass,
  ResourceClaim,
  ResourceSlice,
} from '../resources/generated/resource-v1.ts';
import { allocate, type DeviceWorld } from './devices/allocate.ts';
import { deviceId } from './devices/pools.ts';
import type { Devices } from './framework.ts';
import type { NodeInfo } from './node-info.ts';

/** A claim of a pod, with what it is to get where it has nothing yet. */
export interface DeviceChoice {
  readonly claim: ResourceClaim;
  readonly allocation: AllocationResult | undefined;
}

const FINALIZER = 'resource.kubernetes.io/delete-protection';
const ATTEMPTS = 5;

function idsOf(allocation: AllocationResult): string[] {
  const results = allocation.devices?.results ?? [];
  return results.filter((r) => r.adminAccess !== true).map((r) => deviceId(r.driver, r.pool, r.device));
}

export class DeviceBook implements Devices {
  private readonly claims: Informer<ResourceClaim>;
  private readonly slices: Informer<ResourceSlice>;
  private readonly classes: Informer<DeviceClass>;
  /** Allocations that the watch has not shown yet, by the claim's uid. */
  private readonly promised = new Map<string, { readonly pod: string; readonly allocation: AllocationResult }>();

  constructor(
    private readonly client: Client,
    informers: InformerFactory,
  ) {
    this.claims = informers.informer(RESOURCE_CLAIMS);
    this.slices = informers.informer(RESOURCE_SLICES);
    this.classes = informers.informer(DEVICE_CLASSES);
  }

  /** Calls `wake` when there may be devices for those that wait. Returns how to stop it. */
  watch(wake: () => void): (() => void)[] {
    const seen = (claim: ResourceClaim): void => {
      if (claim.status?.allocation !== undefined) this.promised.delete(claim.metadata.uid ?? '');
      wake();
    };
    const gone = (claim: ResourceClaim): void => {
      this.promised.delete(claim.metadata.uid ?? '');
      wake();
    };
    const handler = { onAdd: wake, onUpdate: wake, onDelete: wake };
    return [
      this.claims.addHandler({ onAdd: seen, onUpdate: seen, onDelete: gone }),
      this.slices.addHandler(handler),
      this.classes.addHandler(handler),
    ];
  }

  claimsOf(pod: Pod): readonly ResourceClaim[] | undefined {
    const out: ResourceClaim[] = [];
    for (const known of claimsOfPod(pod)) {
      if (known.kind === 'none') continue;
      const claim = known.kind === 'named' ? this.claims.get(`${pod.metadata.namespace}/${known.name}`) : undefined;
      if (claim === undefined || (known.kind === 'named' && known.generated && notMadeFor(pod, claim) !== undefined))
        return undefined;
      out.push(claim);
    }
    return out;
  }

  isPromised(claim: ResourceClaim): boolean {
    return this.promised.has(claim.metadata.uid ?? '');
  }

  get world(): DeviceWorld {
    const taken = new Set<string>();
    for (const { status } of this.claims.list())
      if (status?.allocation !== undefined) for (const id of idsOf(status.allocation)) taken.add(id);
    for (const { allocation } of this.promised.values()) for (const id of idsOf(allocation)) taken.add(id);
    return { slices: this.slices.list(), classOf: (name) => this.classes.get(name), taken };
  }

  /** What the pod's claims get on the node that was found for it. */
  choose(pod: Pod, node: NodeInfo): DeviceChoice[] {
    const claims = this.claimsOf(pod) ?? [];
    const open = claims.filter((claim) => claim.status?.allocation === undefined);
    const found = open.length === 0 ? [] : allocate(this.world, open, node);
    if (found === undefined) throw new Error('cannot allocate all claims');
    return claims.map((claim) => ({ claim, allocation: found[open.indexOf(claim)] }));
  }

  promise(pod: string, choices: readonly DeviceChoice[]): void {
    for (const { claim, allocation } of choices)
      if (allocation !== undefined) this.promised.set(claim.metadata.uid ?? '', { pod, allocation });
  }

  /** The pod is gone, or was not bound. */
  forget(pod: string): void {
    for (const [uid, one] of this.promised) if (one.pod === pod) this.promised.delete(uid);
  }

  /** Writes down whose the devices are, before the pod is bound. */
  async bind(pod: Pod, choices: readonly DeviceChoice[]): Promise<void> {
    for (const choice of choices) await this.reserve(pod, choice);
  }

  private async reserve(pod: Pod, { claim, allocation }: DeviceChoice): Promise<void> {
    if (allocation === undefined && isReservedFor(claim, pod)) return;
    const claims = this.client.resource(RESOURCE_CLAIMS);
    const { namespace = '', name = '' } = claim.metadata;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.write(pod, attempt === 1 ? claim : await claims.get(namespace, name), allocation);
        return;
      } catch (error) {
        if (!isApiError(error, 'Conflict') || attempt === ATTEMPTS) throw error;
      }
    }
  }

  private async write(pod: Pod, claim: ResourceClaim, allocation: AllocationResult | undefined): Promise<void> {
    const claims = this.client.resource(RESOURCE_CLAIMS);
    const key = `${claim.metadata.namespace}/${claim.metadata.name}`;
    if (claim.metadata.deletionTimestamp !== undefined) throw new Error(`claim ${key} got deleted in the meantime`);
    let current = claim;
    if (allocation !== undefined) {
      if (claim.status?.allocation !== undefined)
        throw new Error(`claim ${key} got allocated elsewhere in the meantime`);
      const finalizers = claim.metadata.finalizers ?? [];
      if (!finalizers.includes(FINALIZER))
        current = await claims.update({
          ...claim,
          metadata: { ...claim.metadata, finalizers: [...finalizers, FINALIZER] },
        });
    }
    const { name = '', uid = '' } = pod.metadata;
    const reservedFor = [...(current.status?.reservedFor ?? []), { resource: 'pods', name, uid }];
    const status = { ...current.status, ...(allocation === undefined ? {} : { allocation }), reservedFor };
    await claims.updateStatus({ ...current, status });
  }
}
