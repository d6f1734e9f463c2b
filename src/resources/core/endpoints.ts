// Endpoints: the older list of addresses behind a Service.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoints-v1/
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { ageColumn, column, nameColumn } from '../checks/index.ts';
import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkIP,
  checkPortNumber,
  checkProtocol,
  checkQualifiedName,
  type Findings,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { EndpointAddress, EndpointPort, Endpoints } from '../generated/core-v1.ts';
import { checkNotSpecialIP } from './special-ip.ts';

function applyDefaults(endpoints: Endpoints): void {
  for (const subset of endpoints.subsets ?? []) for (const port of subset.ports ?? []) port.protocol ||= 'TCP';
}

function checkAddress(address: EndpointAddress, path: FieldPath, out: Findings): void {
  checkIP(address.ip ?? '', path.child('ip'), out);
  if (address.hostname) checkDnsLabel(address.hostname, path.child('hostname'), out);
  if (address.nodeName !== undefined) checkDnsSubdomain(address.nodeName, path.child('nodeName'), out);
  checkNotSpecialIP(address.ip ?? '', path.child('ip'), out);
}

function checkPort(port: EndpointPort, nameRequired: boolean, path: FieldPath, out: Findings): void {
  if (port.name) checkDnsLabel(port.name, path.child('name'), out);
  else if (nameRequired) out.push(fieldErrors.required(path.child('name')));
  checkPortNumber(port.port ?? 0, path.child('port'), out);
  checkProtocol(port.protocol, path.child('protocol'), out);
  if (port.appProtocol !== undefined) checkQualifiedName(port.appProtocol, path.child('appProtocol'), out);
}

function validate(endpoints: Endpoints): FieldError[] {
  const out: Findings = [];
  for (const [i, subset] of (endpoints.subsets ?? []).entries()) {
    const path = FieldPath.of('subsets').index(i);
    const ports = subset.ports ?? [];
    if ((subset.addresses ?? []).length === 0 && (subset.notReadyAddresses ?? []).length === 0)
      out.push(fieldErrors.required(path, 'must specify `addresses` or `notReadyAddresses`'));
    for (const list of ['addresses', 'notReadyAddresses'] as const)
      for (const [j, address] of (subset[list] ?? []).entries()) checkAddress(address, path.child(list).index(j), out);
    for (const [j, port] of ports.entries()) checkPort(port, ports.length > 1, path.child('ports').index(j), out);
  }
  return out;
}

const SHOWN = 3;

function shownAddresses(endpoints: Endpoints): string {
  const subsets = endpoints.subsets ?? [];
  if (subsets.length === 0) return '<none>';
  const all = subsets.flatMap((subset) => {
    const ips = (subset.addresses ?? []).map((address) => address.ip);
    const ports = subset.ports ?? [];
    if (ports.length === 0) return ips;
    return ports.flatMap((port) => ips.map((ip) => (ip.includes(':') ? `[${ip}]:${port.port}` : `${ip}:${port.port}`)));
  });
  const shown = all.slice(0, SHOWN).join(',');
  return all.length > SHOWN ? `${shown} + ${all.length - SHOWN} more...` : shown;
}

export const endpoints = defineResource<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  listKind: 'EndpointsList',
  plural: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.Endpoints',
  generation: 'none',
  createOnUpdate: true,
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  strategy: {
    applyDefaults,
    validate,
    validateUpdate: (object, old) => [
      ...validateObjectMetaUpdate(object.metadata, old.metadata),
      ...validateObjectMeta(object.metadata, { namespaced: true }),
      ...validate(object),
    ],
  },
  columns: [
    nameColumn(),
    column({ name: 'Endpoints', description: ['core/v1', 'Endpoints', 'subsets'], cell: shownAddresses }),
    ageColumn(),
  ],
});
