// The rows of networking.k8s.io.
import type { AnyResource } from '../definition.ts';
import { ingresses } from './ingress.ts';
import { ingressClasses } from './ingress-class.ts';
import { ipAddressRows } from './ip-address.ts';
import { networkPolicies } from './network-policy.ts';
import { serviceCidrRows } from './service-cidr.ts';

export const NETWORKING_ROWS: readonly AnyResource[] = [
  ingresses,
  ingressClasses,
  networkPolicies,
  ...ipAddressRows,
  ...serviceCidrRows,
];
