// The devices that drivers offer a node, by pools, as their ResourceSlices tell them.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#resourceslice
import { type NodeFacts, nodeSelectorMatches } from '../../client/index.ts';
import type { NodeSelector } from '../../resources/generated/core-v1.ts';
import type { Device, ResourceSlice } from '../../resources/generated/resource-v1.ts';
import { amountOf } from '../pod-resources.ts';

export interface OfferedDevice {
  /** `driver/pool/device`. */
  readonly id: string;
  readonly driver: string;
  readonly pool: Pool;
  readonly device: Device;
  /** What binds it to nodes. */
  readonly nodeName: string | undefined;
  readonly nodeSelector: NodeSelector | undefined;
}

export interface Pool {
  readonly driver: string;
  readonly name: string;
  /** The driver is about to change it; nothing is given out of it meanwhile. */
  readonly incomplete: boolean;
  /** It contradicts itself. */
  readonly invalid: boolean;
  readonly devices: OfferedDevice[];
  /** Shares of what its devices have in common that are left, by `set/counter`. */
  readonly left: ReadonlyMap<string, number>;
}

export function deviceId(driver: string, pool: string, device: string): string {
  return `${driver}/${pool}/${device}`;
}

/** What a device takes of what it has in common with others, by `set/counter`. */
export function countersOf(device: Device): [string, number][] {
  return (device.consumesCounters ?? []).flatMap(({ counterSet, counters }) =>
    Object.entries(counters).map(([name, { value }]): [string, number] => [
      `${counterSet}/${name}`,
      amountOf('', String(value)),
    ]),
  );
}

interface Place {
  readonly nodeName?: string | undefined;
  readonly nodeSelector?: NodeSelector | undefined;
  readonly allNodes?: boolean | undefined;
}

function isAt({ nodeName = '', nodeSelector, allNodes }: Place, node: NodeFacts): boolean {
  if (nodeName !== '') return nodeName === node.name;
  return allNodes === true || (nodeSelector !== undefined && nodeSelectorMatches(nodeSelector, node));
}

function offered(pool: Pool, slice: ResourceSlice, node: NodeFacts): OfferedDevice[] {
  const { spec } = slice;
  return (spec.devices ?? []).flatMap((device) => {
    const place: Place = spec.perDeviceNodeSelection === true ? device : spec;
    if (!isAt(place, node)) return [];
    const { nodeName, nodeSelector } = place;
    return [
      { id: deviceId(spec.driver, pool.name, device.name), driver: spec.driver, pool, device, nodeName, nodeSelector },
    ];
  });
}

/** The slices of each pool that are of its newest generation. */
function newest(slices: readonly ResourceSlice[]): ResourceSlice[][] {
  const pools = new Map<string, ResourceSlice[]>();
  for (const slice of slices) {
    const key = `${slice.spec.driver}/${slice.spec.pool.name}`;
    const known = pools.get(key);
    const generation = known?.[0]?.spec.pool.generation ?? Number.NEGATIVE_INFINITY;
    if (known === undefined || slice.spec.pool.generation > generation) pools.set(key, [slice]);
    else if (slice.spec.pool.generation === generation) known.push(slice);
  }
  return [...pools.values()];
}

function isInvalid(slices: readonly ResourceSlice[]): boolean {
  const names = slices.flatMap(({ spec }) => (spec.devices ?? []).map((d) => d.name));
  const sets = slices.flatMap(({ spec }) => (spec.sharedCounters ?? []).map((s) => s.name));
  if (new Set(names).size < names.length || new Set(sets).size < sets.length) return true;
  const total = totals(slices);
  const devices = slices.flatMap(({ spec }) => spec.devices ?? []);
  return devices.some((device) => countersOf(device).some(([counter]) => !total.has(counter)));
}

function totals(slices: readonly ResourceSlice[]): Map<string, number> {
  const out = new Map<string, number>();
  for (const { spec } of slices)
    for (const { name: set, counters } of spec.sharedCounters ?? [])
      for (const [name, { value }] of Object.entries(counters)) out.set(`${set}/${name}`, amountOf('', String(value)));
  return out;
}

function leftOf(slices: readonly ResourceSlice[], taken: ReadonlySet<string>): Map<string, number> {
  const left = totals(slices);
  for (const { spec } of slices)
    for (const device of spec.devices ?? []) {
      if (!taken.has(deviceId(spec.driver, spec.pool.name, device.name))) continue;
      for (const [counter, amount] of countersOf(device)) left.set(counter, (left.get(counter) ?? 0) - amount);
    }
  return left;
}

/** Pools that have something for the node; `taken` are the ids of devices that belong to claims already. */
export function poolsFor(node: NodeFacts, slices: readonly ResourceSlice[], taken: ReadonlySet<string>): Pool[] {
  return newest(slices).flatMap((own) => {
    const [first] = own;
    if (first === undefined) return [];
    const { driver, pool } = first.spec;
    const made: Pool = {
      driver,
      name: pool.name,
      incomplete: own.length !== pool.resourceSliceCount,
      invalid: isInvalid(own),
      devices: [],
      left: leftOf(own, taken),
    };
    const devices = own.flatMap((slice) => offered(made, slice, node));
    if (devices.length === 0) return [];
    if (!made.incomplete && !made.invalid) made.devices.push(...devices);
    return [made];
  });
}
