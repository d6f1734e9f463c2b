// Addresses that make no sense behind or in front of a Service: unspecified, loopback, link-local.
import ipaddr from 'ipaddr.js';
import { type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { canonicalIP } from '../../machinery/names.ts';
import type { Findings } from '../common/index.ts';

const REASONS: Readonly<Record<string, string>> = {
  loopback: 'may not be in the loopback range (127.0.0.0/8, ::1/128)',
  linkLocal: 'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
};

function isLinkLocalMulticast(ip: string): boolean {
  return ip.startsWith('224.0.0.') || /^ff.2:/i.test(ip);
}

export function checkNotSpecialIP(text: string, path: FieldPath, out: Findings): void {
  const ip = canonicalIP(text);
  if (ip === undefined) {
    out.push(fieldErrors.invalid(path, text, 'must be a valid IP address'));
    return;
  }
  const range = ipaddr.parse(ip).range();
  if (ip === '0.0.0.0' || ip === '::') out.push(fieldErrors.invalid(path, text, `may not be unspecified (${text})`));
  else if (isLinkLocalMulticast(ip))
    out.push(fieldErrors.invalid(path, text, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'));
  else if (Object.hasOwn(REASONS, range)) out.push(fieldErrors.invalid(path, text, REASONS[range] ?? ''));
}
