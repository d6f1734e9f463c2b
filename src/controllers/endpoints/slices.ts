// Which EndpointSlices a Service is to have, disturbing those that are there as little as possible. Pure.
// Source: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
import { generateName } from '../../machinery/hash.ts';
import { deepEqual } from '../../machinery/json.ts';
import type { Service } from '../../resources/generated/core-v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../resources/generated/discovery-v1.ts';
import { ownerReference } from '../shared/pods.ts';
import { type AddressType, familiesOf, isHeadless, portsKey, type Target, type TargetPort } from './targets.ts';

export const SERVICE_LABEL = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const MANAGER = 'endpointslice-controller.k8s.io';
const HEADLESS = 'service.kubernetes.io/headless';
const MOST_PER_SLICE = 100;

export interface SlicePlan {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

export interface SliceInput {
  readonly service: Service;
  readonly targets: readonly Target[];
  readonly existing: readonly EndpointSlice[];
  readonly zoneOf: (node: string) => string | undefined;
  readonly random: () => number;
}

function endpointOf(target: Target, zoneOf: SliceInput['zoneOf']): Endpoint {
  const { pod, address, ready, serving, terminating, hostname } = target;
  const { nodeName } = pod.spec ?? {};
  const zone = nodeName === undefined ? undefined : zoneOf(nodeName);
  const { namespace, name, uid } = pod.metadata;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: {
      kind: 'Pod',
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
      ...(uid === undefined ? {} : { uid }),
    },
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
  };
}

function slicePorts(ports: readonly TargetPort[]): EndpointPort[] {
  return ports.map(({ name, port, protocol, appProtocol }) => ({
    name,
    port,
    protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }));
}

function keyOfSlice(slice: EndpointSlice): string {
  const ports = (slice.ports ?? []).map(({ name = '', port = 0, protocol = 'TCP', appProtocol }) => ({
    name,
    port,
    protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }));
  return `${slice.addressType}|${portsKey(ports)}`;
}

function labelsOf(service: Service): Record<string, string> {
  const { [SERVICE_LABEL]: _name, [MANAGED_BY]: _by, [HEADLESS]: _headless, ...own } = service.metadata.labels ?? {};
  return {
    ...own,
    [SERVICE_LABEL]: service.metadata.name ?? '',
    [MANAGED_BY]: MANAGER,
    ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
  };
}

const identity = (endpoint: Endpoint): string => `${endpoint.targetRef?.uid ?? ''}|${endpoint.addresses[0] ?? ''}`;

interface Group {
  readonly addressType: AddressType;
  readonly ports: readonly TargetPort[];
  readonly endpoints: Map<string, Endpoint>;
}

function groupsOf(input: SliceInput): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const target of input.targets) {
    const key = `${target.addressType}|${portsKey(target.ports)}`;
    let group = groups.get(key);
    if (group === undefined) {
      group = { addressType: target.addressType, ports: target.ports, endpoints: new Map() };
      groups.set(key, group);
    }
    const endpoint = endpointOf(target, input.zoneOf);
    group.endpoints.set(identity(endpoint), endpoint);
  }
  return groups;
}

export function planSlices(input: SliceInput): SlicePlan {
  const { service, existing } = input;
  const groups = groupsOf(input);
  const create: EndpointSlice[] = [];
  const update: EndpointSlice[] = [];
  const remove: EndpointSlice[] = [];
  const labels = labelsOf(service);
  const kept = new Map<string, EndpointSlice[]>();
  for (const slice of existing) {
    if (slice.metadata.deletionTimestamp !== undefined) continue;
    const key = keyOfSlice(slice);
    const group = groups.get(key);
    if (group === undefined) {
      remove.push(slice);
      continue;
    }
    const stays = (slice.endpoints ?? []).flatMap((one) => {
      const wanted = group.endpoints.get(identity(one));
      group.endpoints.delete(identity(one));
      return wanted ?? [];
    });
    kept.set(key, [...(kept.get(key) ?? []), { ...slice, endpoints: stays }]);
  }
  for (const [key, group] of groups) {
    const left = [...group.endpoints.values()];
    for (const slice of kept.get(key) ?? []) {
      const endpoints = [...(slice.endpoints ?? [])];
      endpoints.push(...left.splice(0, MOST_PER_SLICE - endpoints.length));
      const before = existing.find((one) => one.metadata.uid === slice.metadata.uid);
      if (endpoints.length === 0) {
        remove.push(slice);
        continue;
      }
      const same = deepEqual(before?.endpoints ?? [], endpoints) && deepEqual(before?.metadata.labels ?? {}, labels);
      if (!same) update.push({ ...slice, metadata: { ...slice.metadata, labels }, endpoints });
    }
    while (left.length > 0) create.push(newSlice(input, group, left.splice(0, MOST_PER_SLICE)));
  }
  return keepOneEmpty(input, { create, update, remove });
}

function newSlice(input: SliceInput, group: Omit<Group, 'endpoints'>, endpoints: Endpoint[]): EndpointSlice {
  const { service, random } = input;
  const prefix = `${service.metadata.name ?? ''}-`;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: generateName(prefix, random),
      generateName: prefix,
      ...(service.metadata.namespace === undefined ? {} : { namespace: service.metadata.namespace }),
      labels: labelsOf(service),
      ownerReferences: [{ ...ownerReference(service), apiVersion: 'v1', kind: 'Service' }],
    },
    addressType: group.addressType,
    endpoints,
    ports: slicePorts(group.ports),
  };
}

/** A Service without pods has one empty slice for each family, so that it can be told from one that nobody looks after. */
function keepOneEmpty(input: SliceInput, plan: SlicePlan): SlicePlan {
  const create = [...plan.create];
  const remove = [...plan.remove];
  const update = [...plan.update];
  for (const addressType of familiesOf(input.service)) {
    const has = (list: readonly EndpointSlice[]): boolean => list.some((slice) => slice.addressType === addressType);
    const untouched = input.existing.filter(
      (slice) =>
        slice.metadata.deletionTimestamp === undefined &&
        !remove.some((one) => one.metadata.uid === slice.metadata.uid),
    );
    if (has(create) || has(untouched)) continue;
    const reuse = remove.findIndex((slice) => slice.addressType === addressType);
    const [spared] = reuse < 0 ? [] : remove.splice(reuse, 1);
    if (spared === undefined) create.push(newSlice(input, { addressType, ports: [] }, []));
    else if ((spared.endpoints ?? []).length > 0 || (spared.ports ?? []).length > 0)
      update.push({ ...spared, endpoints: [], ports: [] });
    else {
      const before = input.existing.find((one) => one.metadata.uid === spared.metadata.uid);
      if ((before?.endpoints ?? []).length > 0) update.push(spared);
    }
  }
  return { create, update, remove };
}
