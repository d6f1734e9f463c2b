// The rows of networking.k8s.io.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { ingresses } from './ingress.ts';
import { ingressClasses } from './ingress-class.ts';
import { ipAddressRows } from './ip-address.ts';
import { networkPolicies } from './network-policy.ts';
import { serviceCidrRows } from './service-cidr.ts';

export const NETWORKING_ROWS: readonly AnyResource[] = metadataOnUpdate(
  [ingresses, ingressClasses, networkPolicies, ...ipAddressRows, ...serviceCidrRows],
  { ingresses: 'update+create', ingressclasses: 'update+create', ipaddresses: 'create+update' },
);
