// Where a Service is reached from this server, without its cluster's DNS.
// Source: https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/util/proxy/proxy.go
import type { Service } from '../../resources/generated/core-v1.ts';

export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
}

/** Throws with Kubernetes' words when there is no way to it. */
export function serviceAddress(service: Service | undefined, name: string, port: number): ServiceAddress {
  const spec = service?.spec;
  if (spec === undefined) throw new Error(`service ${JSON.stringify(name)} not found`);
  if (spec.type === 'ExternalName') return { host: spec.externalName ?? '', port };
  const host = spec.clusterIP ?? '';
  if (host === '' || host === 'None') throw new Error('cannot route to service with ClusterIP "None"');
  if (!(spec.ports ?? []).some((one) => one.port === port))
    throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`);
  return { host, port };
}
