// Which pods a Service leads to, at which addresses and ports. Pure.
// Source: https://kubernetes.io/docs/concepts/services-networking/service/
import type { Container, Pod, Service, ServicePort } from '../../resources/generated/core-v1.ts';
import { isFinished, isReady } from '../shared/pods.ts';

export type AddressType = 'IPv4' | 'IPv6';

export interface TargetPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly appProtocol?: string;
}

export interface Target {
  readonly pod: Pod;
  readonly address: string;
  readonly addressType: AddressType;
  readonly ports: readonly TargetPort[];
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly hostname?: string;
}

export function isHeadless(service: Service): boolean {
  return service.spec?.clusterIP === 'None';
}

export function familiesOf(service: Service): readonly AddressType[] {
  const families = service.spec?.ipFamilies ?? [];
  if (families.length > 0) return families.map((family) => (family === 'IPv6' ? 'IPv6' : 'IPv4'));
  return [service.spec?.clusterIP?.includes(':') ? 'IPv6' : 'IPv4'];
}

/** The number behind a service's targetPort on this pod; undefined when no container has a port of the name. */
function portOn(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort;
  if (target === undefined || target === 0) return port.port;
  if (typeof target === 'number') return target;
  const sidecars = (pod.spec?.initContainers ?? []).filter((one) => one.restartPolicy === 'Always');
  const protocol = port.protocol ?? 'TCP';
  const named = (container: Container): number | undefined =>
    (container.ports ?? []).find((one) => one.name === target && (one.protocol ?? 'TCP') === protocol)?.containerPort;
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    const found = named(container);
    if (found !== undefined) return found;
  }
  const number = Number(target);
  return Number.isInteger(number) && number > 0 ? number : undefined;
}

function portsOn(pod: Pod, service: Service): TargetPort[] {
  const ports: TargetPort[] = [];
  for (const one of service.spec?.ports ?? []) {
    const port = portOn(pod, one);
    if (port === undefined) continue;
    const { name = '', protocol = 'TCP', appProtocol } = one;
    ports.push({ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) });
  }
  return ports;
}

export function targetsOf(service: Service, pods: readonly Pod[]): Target[] {
  const families = familiesOf(service);
  const targets: Target[] = [];
  const patient = service.spec?.publishNotReadyAddresses === true;
  for (const pod of pods) {
    if (isFinished(pod)) continue;
    const ips =
      pod.status?.podIPs?.flatMap((one) => one.ip ?? []) ?? [pod.status?.podIP ?? ''].filter((ip) => ip !== '');
    const ports = portsOn(pod, service);
    if (ports.length === 0 && !isHeadless(service)) continue;
    const terminating = pod.metadata.deletionTimestamp !== undefined;
    const serving = isReady(pod);
    const { hostname, subdomain } = pod.spec ?? {};
    const named = hostname !== undefined && hostname !== '' && subdomain === service.metadata.name;
    for (const addressType of families) {
      const address = ips.find((ip) => ip.includes(':') === (addressType === 'IPv6'));
      if (address === undefined) continue;
      targets.push({
        pod,
        address,
        addressType,
        ports,
        ready: patient || (serving && !terminating),
        serving,
        terminating,
        ...(named ? { hostname } : {}),
      });
    }
  }
  return targets;
}

export function portsKey(ports: readonly TargetPort[]): string {
  return JSON.stringify([...ports].map((p) => [p.name, p.port, p.protocol, p.appProtocol ?? '']).sort());
}
