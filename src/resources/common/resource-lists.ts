// Validation and defaults of resource lists (`limits`, `requests`, `capacity`): names, amounts, and how requests relate to limits.
import { type FieldError, type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { isQualifiedName } from '../../machinery/names.ts';
import { parseQuantity } from '../../machinery/quantity.ts';
import type { ResourceClaim, ResourceRequirements } from '../generated/core-v1.ts';
import { addInvalid, type Findings, sortedKeys } from './collect.ts';
import { checkDnsLabel } from './names.ts';
import {
  isExtendedResource,
  isHugePages,
  isIntegerResource,
  isNativeResource,
  isOvercommitAllowed,
  isStandardContainerResource,
  isStandardResource,
  isWholePages,
} from './resource-names.ts';

export type ResourceList = Record<string, string>;

/** The amount as the client wrote it, in Kubernetes' canonical form. */
export function quantityText(amount: string): string {
  return parseQuantity(amount).toString();
}

export function compareQuantities(a: string, b: string): number {
  return a === b ? 0 : parseQuantity(a).cmp(parseQuantity(b));
}

export function isNegative(amount: string): boolean {
  return amount.startsWith('-') && parseQuantity(amount).milliValue() < 0n;
}

/** Not negative, and whole where only whole things can be counted. */
export function checkResourceAmount(resource: { name: string; amount: string }, path: FieldPath, out: Findings): void {
  const { name, amount } = resource;
  if (isNegative(amount))
    out.push(fieldErrors.invalid(path, quantityText(amount), 'must be greater than or equal to 0'));
  if (isIntegerResource(name) && parseQuantity(amount).milliValue() % 1000n !== 0n)
    out.push(fieldErrors.invalid(path, quantityText(amount), 'must be an integer'));
}

export function checkPositiveAmount(amount: string, path: FieldPath, out: Findings): void {
  if (compareQuantities(amount, '0') <= 0)
    out.push(fieldErrors.invalid(path, quantityText(amount), 'must be greater than zero'));
}

export function checkResourceName(name: string, path: FieldPath, out: Findings): void {
  const messages = isQualifiedName(name);
  if (messages.length > 0) addInvalid(name, path, messages, out);
  else if (!name.includes('/') && !isStandardResource(name))
    out.push(fieldErrors.invalid(path, name, 'must be a standard resource type or fully qualified'));
}

export function checkContainerResourceName(name: string, path: FieldPath, out: Findings): void {
  if (isStandardContainerResource(name) && !name.includes('/') && !isHugePages(name)) return;
  checkResourceName(name, path, out);
  if (!name.includes('/')) {
    if (!isStandardContainerResource(name))
      out.push(fieldErrors.invalid(path, name, 'must be a standard resource for containers'));
  } else if (!isNativeResource(name) && !isExtendedResource(name))
    out.push(fieldErrors.invalid(path, name, "doesn't follow extended resource name standard"));
}

export interface RequirementRules {
  readonly checkName: (name: string, path: FieldPath, out: Findings) => void;
  readonly claimNames: ReadonlySet<string>;
  readonly allowIndivisibleHugePages: boolean;
}

export function checkResourceRequirements(
  requirements: ResourceRequirements | undefined,
  path: FieldPath,
  rules: RequirementRules,
  out: Findings,
): void {
  if (requirements === undefined) return;
  const limits = requirements.limits;
  const requests = requirements.requests;
  if (limits !== undefined) checkLimits(limits, path.child('limits'), rules, out);
  if (requests !== undefined) checkRequests({ requests, limits }, path, rules, out);
  if (limits !== undefined || requests !== undefined) checkHugePagesCompany(limits, requests, path, out);
  checkClaims(requirements.claims, path.child('claims'), rules.claimNames, out);
}

function checkLimits(limits: ResourceList, path: FieldPath, rules: RequirementRules, out: Findings): void {
  for (const name of sortedKeys(limits)) {
    const amount = String(limits[name]);
    const key = path.key(name);
    rules.checkName(name, key, out);
    checkResourceAmount({ name, amount }, key, out);
    checkPages({ name, amount }, key, rules, out);
  }
}

interface Requested {
  readonly requests: ResourceList;
  readonly limits: ResourceList | undefined;
}

function checkRequests(given: Requested, path: FieldPath, rules: RequirementRules, out: Findings): void {
  for (const name of sortedKeys(given.requests)) {
    const amount = String(given.requests[name]);
    const key = path.child('requests').key(name);
    rules.checkName(name, key, out);
    checkResourceAmount({ name, amount }, key, out);
    const limit =
      given.limits !== undefined && Object.hasOwn(given.limits, name) ? String(given.limits[name]) : undefined;
    checkAgainstLimit({ name, amount, limit }, path, out);
    checkPages({ name, amount }, key, rules, out);
  }
}

function checkAgainstLimit(
  given: { name: string; amount: string; limit: string | undefined },
  path: FieldPath,
  out: Findings,
): void {
  const { name, amount, limit } = given;
  const overcommit = isOvercommitAllowed(name);
  if (limit === undefined) {
    if (!overcommit)
      out.push(fieldErrors.required(path.child('limits'), 'Limit must be set for non overcommitable resources'));
    return;
  }
  const difference = compareQuantities(amount, limit);
  if (difference === 0) return;
  const how = overcommit ? 'less than or equal to' : 'equal to';
  if (!overcommit || difference > 0)
    out.push(
      fieldErrors.invalid(
        path.child('requests'),
        quantityText(amount),
        `must be ${how} ${name} limit of ${quantityText(limit)}`,
      ),
    );
}

function checkPages(
  resource: { name: string; amount: string },
  path: FieldPath,
  rules: RequirementRules,
  out: Findings,
): void {
  const { name, amount } = resource;
  if (!isHugePages(name) || rules.allowIndivisibleHugePages || isWholePages(name, amount)) return;
  const text = quantityText(amount);
  out.push(fieldErrors.invalid(path, text, `${text} is not positive integer multiple of ${name}`));
}

function checkHugePagesCompany(
  limits: ResourceList | undefined,
  requests: ResourceList | undefined,
  path: FieldPath,
  out: Findings,
): void {
  const names = [...Object.keys(limits ?? {}), ...Object.keys(requests ?? {})];
  if (names.some(isHugePages) && !names.some((name) => name === 'cpu' || name === 'memory'))
    out.push(fieldErrors.forbidden(path, 'HugePages require cpu or memory'));
}

function checkClaims(
  claims: readonly ResourceClaim[] | undefined,
  path: FieldPath,
  known: ReadonlySet<string>,
  out: Findings,
): void {
  if (claims === undefined) return;
  const seen = new Set<string>();
  for (const [i, claim] of claims.entries()) {
    const at = path.index(i);
    const name = claim.name ?? '';
    if (name === '') {
      out.push(fieldErrors.required(at));
      continue;
    }
    checkClaimUnique(claim, at, seen, out);
    if (!known.has(name)) out.push(unknownClaim(at, name, known));
  }
}

function checkClaimUnique(claim: ResourceClaim, path: FieldPath, seen: Set<string>, out: Findings): void {
  const request = claim.request ?? '';
  const key = request === '' ? claim.name : `${claim.name}/${request}`;
  if (seen.has(claim.name)) {
    out.push(fieldErrors.duplicate(path, claim.name));
    return;
  }
  if (request !== '') checkDnsLabel(request, path.child('request'), out);
  if (seen.has(key)) out.push(fieldErrors.duplicate(path, key));
  else if (request === '')
    for (const other of seen) if (other.startsWith(`${claim.name}/`)) out.push(fieldErrors.duplicate(path, claim.name));
  seen.add(key);
}

function unknownClaim(path: FieldPath, name: string, known: ReadonlySet<string>): FieldError {
  const choice = known.size === 0 ? ' which is empty' : `: ${[...known].sort().join(', ')}`;
  const error = fieldErrors.notFound(path, name);
  return { ...error, body: `${error.body}: must be one of the names in pod.spec.resourceClaims${choice}` };
}

const FINER_THAN_MILLI = /[nu]$|\.\d{4}/;

/** Kubernetes keeps amounts of resources to the thousandth, rounded up. */
export function roundUpToMilli(list: ResourceList | undefined): void {
  if (list === undefined) return;
  for (const name of Object.keys(list)) {
    const amount = list[name];
    if (typeof amount !== 'string' || !FINER_THAN_MILLI.test(amount)) continue;
    const milli = parseQuantity(amount).milliValue();
    list[name] = parseQuantity(`${milli}m`).toString();
  }
}
