// The environment variables that name the Services of a pod's namespace.
// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
import type { Service } from '../../resources/generated/core-v1.ts';

function envName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

function hostPort(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function usable(service: Service): boolean {
  const ip = service.spec?.clusterIP ?? '';
  return ip !== '' && ip !== 'None';
}

function variablesOf(service: Service): [string, string][] {
  const spec = service.spec ?? {};
  const ports = spec.ports ?? [];
  const ip = spec.clusterIP ?? '';
  const prefix = envName(service.metadata.name ?? '');
  const [first] = ports;
  if (first === undefined) return [];
  const out: [string, string][] = [
    [`${prefix}_SERVICE_HOST`, ip],
    [`${prefix}_SERVICE_PORT`, String(first.port)],
  ];
  for (const port of ports) {
    if (port.name !== undefined && port.name !== '') {
      out.push([`${prefix}_SERVICE_PORT_${envName(port.name)}`, String(port.port)]);
    }
  }
  ports.forEach((port, i) => {
    const protocol = port.protocol ?? 'TCP';
    const url = `${protocol.toLowerCase()}://${hostPort(ip, port.port)}`;
    const base = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
    if (i === 0) out.push([`${prefix}_PORT`, url]);
    out.push([base, url], [`${base}_PROTO`, protocol.toLowerCase()], [`${base}_PORT`, String(port.port)]);
    out.push([`${base}_ADDR`, ip]);
  });
  return out;
}

/** `default/kubernetes` is told to every pod; the rest to those that want links. */
export function serviceEnv(
  services: readonly Service[],
  namespace: string,
  links: boolean,
): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  const chosen = new Map<string, Service>();
  for (const service of services) {
    if (!usable(service)) continue;
    const name = service.metadata.name ?? '';
    const own = service.metadata.namespace === namespace;
    const master = service.metadata.namespace === 'default' && name === 'kubernetes';
    if (own && links) chosen.set(name, service);
    else if (master && !chosen.has(name)) chosen.set(name, service);
  }
  for (const service of chosen.values()) for (const [k, v] of variablesOf(service)) out.set(k, v);
  return out;
}
