// IP addresses and ranges in the fields that are older than v1.33: from v1.36 on nothing that two programs could read in two ways.
// Source: KEP-4858, https://kubernetes.io/docs/reference/networking/ (StrictIPCIDRValidation)
import type { FieldPath } from '../../machinery/field-error.ts';
import { canonicalIP, isStrictCIDR, isStrictIP, parseCIDR } from '../../machinery/names.ts';

/** Old fields take addresses in any of their IPv6 spellings, and only say in a warning which one is canonical. */
function withoutSpelling(messages: readonly string[]): string[] {
  return messages.filter((message) => !message.startsWith('must be in canonical form'));
}

export function addressProblems(value: string): string[] {
  return withoutSpelling(isStrictIP(value));
}

export function rangeProblems(value: string): string[] {
  return withoutSpelling(isStrictCIDR(value));
}

/** For what was checked, and for what never is (`loadBalancerIP`). */
export function addressWarnings(value: string, path: FieldPath): string[] {
  const canonical = canonicalIP(value);
  if (canonical === undefined || canonical === value) return [];
  const shown = JSON.stringify(value);
  return addressProblems(value).length > 0
    ? [`${path}: non-standard IP address ${shown} is invalid: use ${JSON.stringify(canonical)}`]
    : [`${path}: IPv6 address ${shown} should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`];
}

export function rangeWarnings(value: string, path: FieldPath): string[] {
  const canonical = parseCIDR(value)?.text;
  if (canonical === undefined || canonical === value || rangeProblems(value).length > 0) return [];
  return [
    `${path}: IPv6 CIDR value ${JSON.stringify(value)} should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`,
  ];
}
