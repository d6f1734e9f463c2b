// The Endpoints object of a Service, as clients older than EndpointSlices read it. Pure.
import { deepEqual } from '../../machinery/json.ts';
import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '../../resources/generated/core-v1.ts';
import { familiesOf, isHeadless, portsKey, type Target } from './targets.ts';
import { withTriggerTime } from './trigger-times.ts';

const HEADLESS = 'service.kubernetes.io/headless';
const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const MANAGER = 'endpoint-controller';
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
const MOST = 1000;

function addressOf({ pod, address, hostname }: Target): EndpointAddress {
  const { namespace, name, uid } = pod.metadata;
  const { nodeName } = pod.spec ?? {};
  return {
    ip: address,
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: {
      kind: 'Pod',
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
      ...(uid === undefined ? {} : { uid }),
    },
  };
}

function subsetsOf(service: Service, targets: readonly Target[]): EndpointSubset[] {
  const [family = 'IPv4'] = familiesOf(service);
  const patient = service.spec?.publishNotReadyAddresses === true;
  const groups = new Map<string, { ports: Target['ports']; ready: EndpointAddress[]; unready: EndpointAddress[] }>();
  const usable = targets.filter((target) => target.addressType === family && (!target.terminating || patient));
  for (const target of usable.slice(0, MOST)) {
    const key = portsKey(target.ports);
    const group = groups.get(key) ?? { ports: target.ports, ready: [], unready: [] };
    groups.set(key, group);
    (target.ready ? group.ready : group.unready).push(addressOf(target));
  }
  const byIp = (a: EndpointAddress, b: EndpointAddress): number => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0);
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, unready }]) => ({
      ...(ready.length === 0 ? {} : { addresses: ready.sort(byIp) }),
      ...(unready.length === 0 ? {} : { notReadyAddresses: unready.sort(byIp) }),
      ...(ports.length === 0
        ? {}
        : {
            ports: ports.map(({ name, port, protocol, appProtocol }) => ({
              ...(name === '' ? {} : { name }),
              port,
              protocol,
              ...(appProtocol === undefined ? {} : { appProtocol }),
            })),
          }),
    }));
}

/** The object as it is to be; undefined when it is so. */
export function plannedEndpoints({
  service,
  targets,
  existing,
  triggerTime,
}: {
  readonly service: Service;
  readonly targets: readonly Target[];
  readonly existing: Endpoints | undefined;
  readonly triggerTime: string | undefined;
}): Endpoints | undefined {
  const subsets = subsetsOf(service, targets);
  const { [HEADLESS]: _headless, ...own } = service.metadata.labels ?? {};
  const labels = { ...own, [MANAGED_BY]: MANAGER, ...(isHeadless(service) ? { [HEADLESS]: '' } : {}) };
  const { [OVER_CAPACITY]: _over, ...annotations } = existing?.metadata.annotations ?? {};
  const truncated = targets.length > MOST;
  if (truncated) annotations[OVER_CAPACITY] = 'truncated';
  const dated = withTriggerTime(annotations, triggerTime);
  const same =
    deepEqual(existing?.subsets ?? [], subsets) &&
    deepEqual(existing?.metadata.labels ?? {}, labels) &&
    (existing?.metadata.annotations?.[OVER_CAPACITY] !== undefined) === truncated;
  if (existing !== undefined && same) return undefined;
  const { namespace, name } = service.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      ...existing?.metadata,
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      annotations: dated,
    },
    ...(subsets.length === 0 ? {} : { subsets }),
  };
}
