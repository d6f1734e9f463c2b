// The PodResources API: which devices the containers of a node hold, for programs that watch over devices.
// https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/#monitoring-device-plugin-resources
import type { Container, Pod } from '../../resources/generated/core-v1.ts';
import { namesOf } from '../pod/identity.ts';
import type { ClaimDevices } from './claims.ts';
import type { DeviceLedger, PluginDevice } from './ledger.ts';

function devicesMessage(resource: string, device: PluginDevice): object {
  const topology = device.nodes.length === 0 ? {} : { topology: { nodes: device.nodes.map((ID) => ({ ID })) } };
  return { resource_name: resource, device_ids: [device.id], ...topology };
}

function claimsMessage(claims: ClaimDevices, pod: Pod, container: Container): object[] {
  const byClaim = new Map<string, { claim_name: string; claim_namespace: string; claim_resources: object[] }>();
  for (const { claim, driver, device } of claims.of(pod, container)) {
    const { namespace, name, uid } = claim;
    const one = byClaim.get(uid) ?? { claim_name: name, claim_namespace: namespace, claim_resources: [] };
    one.claim_resources.push({
      cdi_devices: device.cdi_device_ids.map((id) => ({ name: id })),
      driver_name: driver,
      pool_name: device.pool_name,
      device_name: device.device_name,
      ...(device.share_id === '' ? {} : { share_id: device.share_id }),
    });
    byClaim.set(uid, one);
  }
  return [...byClaim.values()];
}

export interface Holders {
  readonly ledger: DeviceLedger;
  readonly claims: ClaimDevices;
}

export function podResources(pod: Pod, { ledger, claims }: Holders): object {
  const { namespace, name, uid } = namesOf(pod);
  const { initContainers = [], containers = [] } = pod.spec ?? {};
  const running = [...initContainers.filter((c) => c.restartPolicy === 'Always'), ...containers];
  const devicesOf = (container: Container): object[] =>
    ledger.holdingsOf(uid, container.name).flatMap(({ resource, ids }) => {
      const known = new Map(ledger.of(resource).map((d) => [d.id, d]));
      return ids.map((id) => devicesMessage(resource, known.get(id) ?? { id, healthy: false, nodes: [] }));
    });
  return {
    name,
    namespace,
    containers: running.map((container) => ({
      name: container.name,
      devices: devicesOf(container),
      dynamic_resources: claimsMessage(claims, pod, container),
    })),
  };
}

/** The devices that containers may get. */
export function allocatableDevices(ledger: DeviceLedger): object[] {
  return ledger.resources.flatMap((resource) =>
    ledger
      .of(resource)
      .filter((d) => d.healthy)
      .map((d) => devicesMessage(resource, d)),
  );
}
