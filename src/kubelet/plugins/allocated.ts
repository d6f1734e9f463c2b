// How the devices that a container holds are, for the pod's status. https://kep.k8s.io/4680
import type { Container, Pod, ResourceHealth, ResourceStatus } from '../../resources/generated/core-v1.ts';
import { namesOf } from '../pod/identity.ts';
import type { ClaimDevices } from './claims.ts';
import type { DevicePlugins } from './device-plugins.ts';

function claimed(claims: ClaimDevices, pod: Pod, container: Container): ResourceStatus[] {
  const byName = new Map<string, Map<string, ResourceHealth>>();
  for (const claim of container.resources?.claims ?? []) {
    const name = `claim:${claim.name}${(claim.request ?? '') === '' ? '' : `/${claim.request}`}`;
    const health = new Map<string, ResourceHealth>();
    for (const { driver, device } of claims.of(pod, { resources: { claims: [claim] } })) {
      const { pool_name: pool, device_name: own } = device;
      const resourceID = device.cdi_device_ids[0] ?? `${driver}/${pool}/${own}`;
      if (!health.has(resourceID))
        health.set(resourceID, { resourceID, ...claims.drivers.health.of(driver, pool, own) });
    }
    if (health.size > 0) byName.set(name, health);
  }
  return [...byName].map(([name, health]) => ({ name, resources: [...health.values()] }));
}

export function allocatedResources(
  pod: Pod,
  container: Container,
  from: { readonly devices: DevicePlugins; readonly claims: ClaimDevices },
): ResourceStatus[] {
  const { devices, claims } = from;
  const held = devices.ledger.holdingsOf(namesOf(pod).uid, container.name).map(({ resource, ids }) => ({
    name: resource,
    resources: ids.map((id) => ({
      resourceID: id,
      health: devices.saidHealthy(resource, id) ? 'Healthy' : 'Unhealthy',
    })),
  }));
  return [...held, ...claimed(claims, pod, container)];
}
