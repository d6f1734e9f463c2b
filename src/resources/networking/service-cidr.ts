// ServiceCIDR: ranges that Service addresses come from. https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/
import { FieldPath } from '../../machinery/field-error.ts';
import { isStrictCIDR } from '../../machinery/names.ts';
import {
  ageColumn,
  column,
  ErrorList,
  IMMUTABLE,
  nameColumn,
  statusKept,
  statusSubresource,
  twinOf,
} from '../checks/index.ts';
import { ALL_VERBS, defineResource, type ResourceDefinition } from '../definition.ts';
import type { ServiceCIDR } from '../generated/networking-v1.ts';
import { sameFamily } from './cidr.ts';

const CIDRS = FieldPath.of('spec', 'cidrs');

function validate(range: ServiceCIDR): ErrorList {
  const found = new ErrorList();
  const cidrs = range.spec?.cidrs ?? [];
  if (cidrs.length === 0) {
    found.required(CIDRS, 'at least one CIDR required');
    return found;
  }
  if (cidrs.length > 2) {
    // In the form of Go, whose fields have no names of JSON.
    found.invalid(CIDRS, { CIDRs: cidrs }, 'may only hold up to 2 values');
    return found;
  }
  cidrs.forEach((cidr, i) => {
    found.text(CIDRS.index(i), cidr, isStrictCIDR);
  });
  const [first = '', second] = cidrs;
  if (second !== undefined && sameFamily(first, second))
    found.invalid(
      CIDRS,
      cidrs,
      'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    );
  return found;
}

/** A second family may be added; nothing else changes. */
function validateUpdate(range: ServiceCIDR, old: ServiceCIDR): ErrorList {
  const now = range.spec?.cidrs ?? [];
  const before = old.spec?.cidrs ?? [];
  const found = new ErrorList();
  const grown = before.length === 1 && now.length === 2;
  if (!grown && now.length !== before.length) {
    found.invalid(CIDRS, now, IMMUTABLE);
    return found;
  }
  before.forEach((cidr, i) => {
    if (now[i] !== cidr) found.invalid(CIDRS.index(i), now[i], IMMUTABLE);
  });
  return grown ? found.add(validate(range).errors) : found;
}

function row(version: 'v1' | 'v1beta1'): ResourceDefinition<ServiceCIDR> {
  return defineResource<ServiceCIDR>({
    group: 'networking.k8s.io',
    version,
    kind: 'ServiceCIDR',
    plural: 'servicecidrs',
    singular: 'servicecidr',
    namespaced: false,
    verbs: ALL_VERBS,
    schema: `io.k8s.api.networking.${version}.ServiceCIDR`,
    resetFields: ['status'],
    strategy: {
      ...statusKept<ServiceCIDR>(),
      validate: (range) => validate(range).errors,
      validateUpdate: (range, old) => validateUpdate(range, old).errors,
    },
    generation: 'none',
    subresources: {
      status: statusSubresource<ServiceCIDR>({ keep: 'metadata' }),
    },
    columns: [
      nameColumn(),
      column({
        name: 'CIDRs',
        description: ['networking/v1', 'ServiceCIDRSpec', 'cidrs'],
        cell: (o) => (o.spec?.cidrs ?? []).join(','),
      }),
      ageColumn(),
    ],
    ...(version === 'v1'
      ? {}
      : { storedAs: twinOf<ServiceCIDR>('networking.k8s.io/v1/servicecidrs', `networking.k8s.io/${version}`) }),
  });
}

export const serviceCidrRows = [row('v1'), row('v1beta1')];
