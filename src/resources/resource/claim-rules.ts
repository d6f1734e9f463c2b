// Validation and defaults of the spec of a ResourceClaim, which its template has as well. https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../machinery/names.ts';
import type { ErrorList } from '../checks/index.ts';
import type {
  DeviceClaim,
  DeviceConstraint,
  DeviceRequest,
  DeviceSubRequest,
  ExactDeviceRequest,
  ResourceClaimSpec,
  ResourceClaimStatus,
} from '../generated/resource-v1.ts';
import {
  checkAttributeReference,
  checkConfiguration,
  checkCount,
  checkSelectors,
  checkTolerations,
  MAX_ITEMS,
} from './device-rules.ts';

const MAX_ALTERNATIVES = 8;
const ONE_OF = 'exactly one of `exactly` or `firstAvailable` is required';

type Wanted = ExactDeviceRequest | DeviceSubRequest;

function defaultWanted(wanted: Wanted): void {
  wanted.allocationMode ||= 'ExactCount';
  if (wanted.allocationMode === 'ExactCount') wanted.count ||= 1;
  defaultTolerations(wanted);
}

function defaultTolerations(one: Pick<Wanted, 'tolerations'>): void {
  for (const toleration of one.tolerations ?? []) toleration.operator ||= 'Equal';
}

export function defaultAllocation(status: ResourceClaimStatus | undefined): void {
  for (const result of status?.allocation?.devices?.results ?? []) defaultTolerations(result);
}

export function defaultClaim(spec: ResourceClaimSpec | undefined): void {
  for (const request of spec?.devices?.requests ?? []) {
    if (request.exactly !== undefined) defaultWanted(request.exactly);
    for (const one of request.firstAvailable ?? []) defaultWanted(one);
  }
}

function checkWanted(found: ErrorList, wanted: Wanted, path: FieldPath): void {
  const { deviceClassName = '', allocationMode = '', count = 0 } = wanted;
  if (deviceClassName === '') found.required(path.child('deviceClassName'));
  else found.text(path.child('deviceClassName'), deviceClassName, isDns1123Subdomain);
  checkSelectors(found, wanted.selectors, path.child('selectors'));
  if (allocationMode === 'All') {
    if (count !== 0) found.invalid(path.child('count'), count, "must not be specified when allocationMode is 'All'");
  } else if (allocationMode !== 'ExactCount')
    found.notSupported(path.child('allocationMode'), allocationMode, ['All', 'ExactCount']);
  else if (count <= 0) found.invalid(path.child('count'), count, 'must be greater than zero');
  checkTolerations(found, wanted.tolerations, path.child('tolerations'));
}

function checkName(found: ErrorList, name: string, path: FieldPath): void {
  if (name === '') found.required(path);
  else found.text(path, name, isDns1123Label);
}

function checkAlternatives(found: ErrorList, list: readonly DeviceSubRequest[], path: FieldPath): void {
  checkCount(found, list, path, MAX_ALTERNATIVES);
  const names = new Set<string>();
  list.forEach((one, i) => {
    const name = one.name ?? '';
    checkName(found, name, path.index(i).child('name'));
    if (names.has(name)) found.duplicate(path.index(i).child('name'), name);
    names.add(name);
    checkWanted(found, one, path.index(i));
  });
}

function checkRequest(found: ErrorList, request: DeviceRequest, path: FieldPath): void {
  checkName(found, request.name ?? '', path.child('name'));
  const alternatives = request.firstAvailable ?? [];
  if (request.exactly === undefined && alternatives.length === 0) found.required(path, ONE_OF);
  else if (request.exactly !== undefined && alternatives.length > 0)
    found.invalid(path, null, `${ONE_OF}, but multiple fields are set`);
  else if (request.exactly !== undefined) checkWanted(found, request.exactly, path.child('exactly'));
  else checkAlternatives(found, alternatives, path.child('firstAvailable'));
}

/** Requests by name; an alternative is `request/alternative`. */
export function requestNames(claim: DeviceClaim): Set<string> {
  const names = new Set<string>();
  for (const request of claim.requests ?? []) {
    names.add(request.name);
    for (const one of request.firstAvailable ?? []) names.add(`${request.name}/${one.name}`);
  }
  return names;
}

interface Where {
  readonly path: FieldPath;
  readonly names: ReadonlySet<string>;
}

const NO_REQUEST =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

export function checkReference(found: ErrorList, name: string, { path, names }: Where): void {
  const segments = name.split('/');
  if (segments.length <= 2) for (const segment of segments) found.text(path, segment, isDns1123Label);
  if (!names.has(name)) found.invalid(path, name, NO_REQUEST);
}

export function checkReferences(found: ErrorList, references: readonly string[] | undefined, where: Where): void {
  const { path, names } = where;
  checkCount(found, references, path, MAX_ITEMS);
  const seen = new Set<string>();
  for (const [i, name] of (references ?? []).entries()) checkReference(found, name, { path: path.index(i), names });
  references?.forEach((name, i) => {
    if (seen.has(name)) found.duplicate(path.index(i), name);
    seen.add(name);
  });
}

function checkConstraint(found: ErrorList, constraint: DeviceConstraint, path: FieldPath): void {
  const { matchAttribute, distinctAttribute } = constraint;
  if (matchAttribute !== undefined) checkAttributeReference(found, matchAttribute, path.child('matchAttribute'));
  else if (distinctAttribute !== undefined)
    checkAttributeReference(found, distinctAttribute, path.child('distinctAttribute'));
  else
    found.required(
      path,
      'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set',
    );
}

export function checkClaimSpec(found: ErrorList, spec: ResourceClaimSpec | undefined, path: FieldPath): void {
  const claim = spec?.devices ?? {};
  const at = path.child('devices');
  const names = requestNames(claim);
  const seen = new Set<string>();
  for (const field of ['requests', 'constraints', 'config'] as const)
    checkCount(found, claim[field] ?? [], at.child(field), MAX_ITEMS);
  claim.requests?.forEach((request, i) => {
    checkRequest(found, request, at.child('requests').index(i));
    if (seen.has(request.name)) found.duplicate(at.child('requests').index(i).child('name'), request.name);
    seen.add(request.name);
  });
  claim.constraints?.forEach((constraint, i) => {
    const here = at.child('constraints').index(i);
    checkReferences(found, constraint.requests, { path: here.child('requests'), names });
    checkConstraint(found, constraint, here);
  });
  claim.config?.forEach((config, i) => {
    const here = at.child('config').index(i);
    checkReferences(found, config.requests, { path: here.child('requests'), names });
    checkConfiguration(found, config, here);
  });
}

export const SPEC = FieldPath.of('spec');
