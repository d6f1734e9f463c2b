// Finds devices for claims on one node: every request gets what it asks for, no device goes twice, and all constraints hold. Pure.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import type { NodeFacts } from '../../client/index.ts';
import type {
  AllocationResult,
  DeviceClass,
  ResourceClaim,
  ResourceSlice,
} from '../../resources/generated/resource-v1.ts';
import { mayJoin, type Pick } from './constraints.ts';
import { countersOf, type OfferedDevice, type Pool, poolsFor } from './pools.ts';
import { isWanted, type Wanted, wantedOf } from './requests.ts';
import { allocationOf } from './result.ts';

export interface DeviceWorld {
  readonly slices: readonly ResourceSlice[];
  readonly classOf: (name: string) => DeviceClass | undefined;
  /** Ids of devices that belong to claims already. */
  readonly taken: ReadonlySet<string>;
}

/** A claim has no room for more. */
const MAX_RESULTS = 32;
/** Claims can be made whose devices would be looked for until the end of days. */
const MAX_STEPS = 200_000;

/** Where the search is. */
interface Place {
  readonly claim: number;
  readonly request: number;
  readonly wanted: Wanted;
  readonly candidates: readonly OfferedDevice[];
}

class Search {
  private readonly pools: readonly Pool[];
  private readonly offers: readonly OfferedDevice[];
  private readonly requests: readonly Wanted[][][];
  private readonly picked: Pick[][];
  private readonly used = new Set<string>();
  private readonly fits = new Map<string, readonly OfferedDevice[]>();
  private steps = 0;

  constructor(
    private readonly world: DeviceWorld,
    private readonly claims: readonly ResourceClaim[],
    private readonly node: NodeFacts,
  ) {
    this.pools = poolsFor(node, world.slices, world.taken);
    this.offers = this.pools.flatMap((pool) => pool.devices);
    this.requests = claims.map(wantedOf);
    this.picked = claims.map(() => []);
  }

  run(): AllocationResult[] | undefined {
    if (!this.from(0, 0)) return undefined;
    return this.claims.map((claim, i) => allocationOf(claim, this.picked[i] ?? [], this.world.classOf));
  }

  /** Tries everything from this request on. */
  private from(claim: number, request: number): boolean {
    const requests = this.requests[claim];
    if (requests === undefined) return true;
    const alternatives = requests[request];
    if (alternatives === undefined) return this.from(claim + 1, 0);
    return alternatives.some((wanted) => {
      const candidates = this.candidates(claim, wanted);
      const count = wanted.count ?? candidates.length;
      const room = MAX_RESULTS - (this.picked[claim]?.length ?? 0);
      if (count === 0 || count > candidates.length || count > room) return false;
      return this.fill({ claim, request, wanted, candidates }, count, 0);
    });
  }

  /** Picks `count` more of the candidates from `start` on: of devices that are alike for a request the order does not matter. */
  private fill(at: Place, count: number, start: number): boolean {
    if (count === 0) return this.from(at.claim, at.request + 1);
    const picked = this.picked[at.claim] ?? [];
    const constraints = this.claims[at.claim]?.spec.devices?.constraints ?? [];
    for (let i = start; i + count <= at.candidates.length; i++) {
      const offer = at.candidates[i];
      if (++this.steps > MAX_STEPS) throw new Error(`node ${this.node.name}: timed out trying to allocate devices`);
      if (offer === undefined || !this.isFree(offer, at.wanted)) continue;
      const pick = { wanted: at.wanted, offer };
      if (!mayJoin(constraints, picked, pick)) continue;
      picked.push(pick);
      if (at.wanted.adminAccess !== true) this.used.add(offer.id);
      if (this.fill(at, count - 1, i + 1)) return true;
      picked.pop();
      if (at.wanted.adminAccess !== true) this.used.delete(offer.id);
    }
    return false;
  }

  private isFree(offer: OfferedDevice, wanted: Wanted): boolean {
    if (wanted.adminAccess === true) return true;
    if (this.used.has(offer.id) || this.world.taken.has(offer.id)) return false;
    const consumed = countersOf(offer.device);
    if (consumed.length === 0) return true;
    const left = new Map(offer.pool.left);
    for (const other of offer.pool.devices)
      if (this.used.has(other.id))
        for (const [counter, amount] of countersOf(other.device)) left.set(counter, (left.get(counter) ?? 0) - amount);
    return consumed.every(([counter, amount]) => (left.get(counter) ?? 0) >= amount);
  }

  /** All devices that the request could have, whoever has them. */
  private candidates(claim: number, wanted: Wanted): readonly OfferedDevice[] {
    const key = `${claim}/${wanted.name}`;
    let found = this.fits.get(key);
    if (found === undefined) {
      const metadata = this.claims[claim]?.metadata;
      const from = `${metadata?.namespace}/${metadata?.name}`;
      if (wanted.count === undefined) this.refuseUnsettled(from, wanted.name);
      const deviceClass = this.world.classOf(wanted.className);
      if (deviceClass === undefined) throw new Error(noClass(wanted));
      found = this.offers.filter((offer) => isWanted(offer, wanted, { claim: from, deviceClass }));
      this.fits.set(key, found);
    }
    return found;
  }

  /** How many all are nobody knows while a pool is being changed. */
  private refuseUnsettled(claim: string, request: string): void {
    for (const { driver, name, incomplete, invalid } of this.pools) {
      const what = incomplete ? 'being updated' : 'invalid';
      if (incomplete || invalid)
        throw new Error(
          `claim ${claim}, request ${request}: asks for all devices, but resource pool ${driver}/${name} is currently ${what}`,
        );
    }
  }
}

export function noClass({ name, className }: Pick['wanted']): string {
  return `request ${name}: device class ${className} does not exist`;
}

/** What each of the claims gets; undefined when not all can have what they ask for. Throws where a claim or a class is at fault. */
export function allocate(
  world: DeviceWorld,
  claims: readonly ResourceClaim[],
  node: NodeFacts,
): AllocationResult[] | undefined {
  return new Search(world, claims, node).run();
}
