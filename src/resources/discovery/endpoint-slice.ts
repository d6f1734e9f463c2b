// EndpointSlice: the addresses behind a Service. https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
import { isIPv4 } from 'node:net';
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import {
  canonicalIP,
  isDns1123Label,
  isDns1123Subdomain,
  isFullyQualifiedDomainName,
  isQualifiedName,
  isValidLabelValue,
} from '../../machinery/names.ts';
import { ageColumn, column, ErrorList, listWithMore, nameColumn, specialAddressMessages } from '../checks/index.ts';
import { addressProblems, addressWarnings, semanticEqual } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { Endpoint, EndpointHints, EndpointPort, EndpointSlice } from '../generated/discovery-v1.ts';

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20000;
const MAX_TOPOLOGY = 16;
const MAX_HINTS = 8;
const SHOWN = 3;

function applyDefaults(draft: EndpointSlice): void {
  for (const port of draft.ports ?? []) {
    port.name ??= '';
    port.protocol ??= 'TCP';
  }
}

interface Place {
  readonly type: string;
  readonly path: FieldPath;
  /** Where Kubernetes reports an address of the other family. */
  readonly list: FieldPath;
  /** Addresses of the slice as it was: they may stay as they are written. */
  readonly old: ReadonlySet<string>;
}

function checkAddress(found: ErrorList, address: string, where: Place): void {
  const { type, path, old } = where;
  if (type === 'FQDN') {
    found.text(path, address, isFullyQualifiedDomainName);
    return;
  }
  if (type !== 'IPv4' && type !== 'IPv6') return;
  const canonical = canonicalIP(address);
  const problems = old.has(address) ? [] : addressProblems(address);
  if (canonical === undefined || problems.length > 0) {
    for (const message of problems) found.invalid(path, address, message);
    return;
  }
  if ((type === 'IPv4') !== isIPv4(canonical)) found.invalid(where.list, address, `must be an ${type} address`);
  found.text(path, address, specialAddressMessages);
}

function checkHints(found: ErrorList, hints: EndpointHints, path: FieldPath): void {
  const lists = [
    { field: 'forZones', rule: isValidLabelValue },
    { field: 'forNodes', rule: isDns1123Subdomain },
  ] as const;
  for (const { field, rule } of lists) {
    const list = hints[field] ?? [];
    if (list.length > MAX_HINTS) {
      found.tooMany(path.child(field), list.length, MAX_HINTS);
      continue;
    }
    const seen = new Set<string>();
    list.forEach((hint, i) => {
      const at = path.child(field).index(i).child('name');
      const name = hint.name ?? '';
      if (seen.has(name)) found.duplicate(at, name);
      seen.add(name);
      found.text(at, name, rule);
    });
  }
}

function checkEndpoint(found: ErrorList, endpoint: Endpoint, where: Omit<Place, 'list'>): void {
  const { type, path, old } = where;
  const addresses = endpoint.addresses ?? [];
  const at = path.child('addresses');
  if (addresses.length === 0) found.required(at, 'must contain at least 1 address');
  else if (addresses.length > MAX_ADDRESSES) found.tooMany(at, addresses.length, MAX_ADDRESSES);
  addresses.forEach((address, i) => {
    checkAddress(found, address, { type, path: at.index(i), list: at, old });
  });
  if (endpoint.nodeName !== undefined) found.text(path.child('nodeName'), endpoint.nodeName, isDns1123Subdomain);
  const topology = Object.keys(endpoint.deprecatedTopology ?? {});
  if (topology.length > MAX_TOPOLOGY) found.tooMany(path.child('deprecatedTopology'), topology.length, MAX_TOPOLOGY);
  for (const key of topology) found.text(path.child('deprecatedTopology').key(key), key, isQualifiedName);
  if (endpoint.hostname !== undefined) found.text(path.child('hostname'), endpoint.hostname, isDns1123Label);
  if (endpoint.hints !== undefined) checkHints(found, endpoint.hints, path.child('hints'));
}

function checkPorts(found: ErrorList, ports: readonly EndpointPort[]): void {
  const path = FieldPath.of('ports');
  if (ports.length > MAX_PORTS) {
    found.tooMany(path, ports.length, MAX_PORTS);
    return;
  }
  const names = new Set<string>();
  ports.forEach((port, i) => {
    const at = path.index(i);
    const name = port.name ?? '';
    if (name !== '') found.text(at.child('name'), name, isDns1123Label);
    if (names.has(name)) found.duplicate(at.child('name'), name);
    names.add(name);
    if (port.protocol === undefined) found.required(at.child('protocol'));
    else found.oneOf(at.child('protocol'), port.protocol, PROTOCOLS);
    if (port.appProtocol !== undefined) found.text(at.child('appProtocol'), port.appProtocol, isQualifiedName);
  });
}

function addressesOf(slice: EndpointSlice | undefined): Set<string> {
  return new Set((slice?.endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? []));
}

/** The slices of the controllers hold what Services and Endpoints were warned about already. */
const OWN_CONTROLLERS = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io'];
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';

function warnings(slice: EndpointSlice, old: EndpointSlice | undefined): string[] {
  const fqdn = slice.addressType === 'FQDN' && old === undefined;
  return [...(fqdn ? ['spec.addressType: FQDN endpoints are deprecated'] : []), ...addressTexts(slice)];
}

function addressTexts(slice: EndpointSlice): string[] {
  if (OWN_CONTROLLERS.includes(slice.metadata.labels?.[MANAGED_BY] ?? '')) return [];
  return (slice.endpoints ?? []).flatMap((endpoint, i) =>
    (endpoint.addresses ?? []).flatMap((address, j) =>
      addressWarnings(address, FieldPath.of('endpoints').index(i).child('addresses').index(j)),
    ),
  );
}

function validate(slice: EndpointSlice, before?: EndpointSlice): FieldError[] {
  const found = new ErrorList();
  const old = addressesOf(before);
  const type = slice.addressType ?? '';
  if (type === '') found.required(FieldPath.of('addressType'));
  else found.oneOf(FieldPath.of('addressType'), type, ADDRESS_TYPES);
  const endpoints = slice.endpoints ?? [];
  const path = FieldPath.of('endpoints');
  if (endpoints.length > MAX_ENDPOINTS) found.tooMany(path, endpoints.length, MAX_ENDPOINTS);
  // What was taken once and has not changed is not looked at again.
  else if (before === undefined || !semanticEqual(before.endpoints, slice.endpoints))
    endpoints.forEach((endpoint, i) => {
      checkEndpoint(found, endpoint, { type, path: path.index(i), old });
    });
  checkPorts(found, slice.ports ?? []);
  return found.errors;
}

const HOSTNAME_LABEL = 'kubernetes.io/hostname';

/** v1 does not take the topology of v1beta1; a node's name that was kept there moves to its field. */
function dropTopology(draft: EndpointSlice, old: EndpointSlice | undefined): void {
  if (old !== undefined && semanticEqual(old.endpoints, draft.endpoints)) return;
  const before = new Set((old?.endpoints ?? []).map((endpoint) => endpoint.deprecatedTopology?.[HOSTNAME_LABEL]));
  for (const endpoint of draft.endpoints ?? []) {
    const name = endpoint.deprecatedTopology?.[HOSTNAME_LABEL];
    if (
      endpoint.nodeName === undefined &&
      name !== undefined &&
      before.has(name) &&
      isDns1123Subdomain(name).length === 0
    )
      endpoint.nodeName = name;
    delete endpoint.deprecatedTopology;
  }
}

function validateUpdate(slice: EndpointSlice, old: EndpointSlice): FieldError[] {
  const found = new ErrorList().add(validate(slice, old));
  found.unchanged(FieldPath.of('addressType'), slice.addressType, old.addressType);
  return found.errors;
}

export const endpointSlices = defineResource<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  singular: 'endpointslice',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.discovery.v1.EndpointSlice',
  strategy: {
    applyDefaults,
    prepareForCreate: (draft) => dropTopology(draft, undefined),
    prepareForUpdate: dropTopology,
    validate: (slice) => validate(slice),
    validateUpdate,
    warnings,
  },
  // Labels count as well: Services are found by them.
  generation: {
    changed: (slice, old) =>
      (['addressType', 'endpoints', 'ports'] as const).some((field) => !semanticEqual(slice[field], old[field])) ||
      !semanticEqual(slice.metadata.labels ?? {}, old.metadata.labels ?? {}),
  },
  columns: [
    nameColumn(),
    column({
      name: 'AddressType',
      description: ['discovery/v1', 'EndpointSlice', 'addressType'],
      cell: (o) => o.addressType ?? '',
    }),
    column({
      name: 'Ports',
      description: ['discovery/v1', 'EndpointSlice', 'ports'],
      cell: (o) =>
        listWithMore(
          (o.ports ?? []).map((port) => String(port.port ?? port.name ?? '*')),
          SHOWN,
          '<unset>',
        ),
    }),
    column({
      name: 'Endpoints',
      description: ['discovery/v1', 'EndpointSlice', 'endpoints'],
      cell: (o) =>
        listWithMore(
          (o.endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? []),
          SHOWN,
          '<unset>',
        ),
    }),
    ageColumn(),
  ],
});
