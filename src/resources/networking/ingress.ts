// Ingress: HTTP routes into the cluster. https://kubernetes.io/docs/concepts/services-networking/ingress/
import { ageColumn, column, listWithMore, nameColumn, statusKept, statusSubresource } from '../checks/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type { Ingress } from '../generated/networking-v1.ts';
import { ingressWarnings, validateIngress, validateIngressCreate, validateIngressStatus } from './ingress-rules.ts';

const SHOWN_HOSTS = 3;

/** Kubernetes counts rules without a host among those that it does not show. */
function hosts(ingress: Ingress): string {
  const rules = ingress.spec?.rules ?? [];
  const shown: string[] = [];
  let more = false;
  for (const { host } of rules) {
    if (shown.length === SHOWN_HOSTS) more = true;
    if (!more && (host ?? '') !== '') shown.push(host ?? '');
  }
  if (shown.length === 0) return '*';
  return more ? `${shown.join(',')} + ${rules.length - SHOWN_HOSTS} more...` : shown.join(',');
}

function addresses(ingress: Ingress): string {
  const points = ingress.status?.loadBalancer?.ingress ?? [];
  const found = new Set(points.map((point) => point.ip || point.hostname || '').filter((text) => text !== ''));
  return listWithMore([...found].sort(), found.size, '');
}

const COLUMNS: readonly Column<Ingress>[] = [
  nameColumn(),
  column({
    name: 'Class',
    description: 'The name of the IngressClass resource that should be used for additional configuration',
    cell: (o) => o.spec?.ingressClassName ?? '<none>',
  }),
  column({
    name: 'Hosts',
    description: 'Hosts that incoming requests are matched against before the ingress rule',
    cell: hosts,
  }),
  column({
    name: 'Address',
    description: 'Address is a list containing ingress points for the load-balancer',
    cell: addresses,
  }),
  column({
    name: 'Ports',
    description: 'Ports of TLS configurations that open',
    cell: (o) => ((o.spec?.tls ?? []).length > 0 ? '80, 443' : '80'),
  }),
  ageColumn(),
];

export const ingresses = defineResource<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  singular: 'ingress',
  shortNames: ['ing'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.networking.v1.Ingress',
  resetFields: ['status'],
  strategy: {
    ...statusKept<Ingress>(),
    validate: validateIngressCreate,
    validateUpdate: validateIngress,
    warnings: (ingress, old) => (old === undefined ? ingressWarnings(ingress) : []),
  },
  generation: 'spec',
  subresources: { status: statusSubresource<Ingress>({ validateUpdate: validateIngressStatus }) },
  columns: COLUMNS,
});
