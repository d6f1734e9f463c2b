// Addresses that no endpoint may have: unspecified, loopback, link-local.
import ipaddr from 'ipaddr.js';
import { canonicalIP } from '../../machinery/names.ts';

/** Kubernetes words, by the range as ipaddr.js names it. */
export function specialAddressMessages(address: string): string[] {
  const canonical = canonicalIP(address);
  if (canonical === undefined) return ['must be a valid IP address'];
  const parsed = ipaddr.parse(canonical);
  const [first = 0, second = 0, third = 0] = parsed.toByteArray();
  switch (parsed.range()) {
    case 'unspecified':
      return canonical === '0.0.0.0' || canonical === '::' ? [`may not be unspecified (${address})`] : [];
    case 'loopback':
      return ['may not be in the loopback range (127.0.0.0/8, ::1/128)'];
    case 'linkLocal':
      return ['may not be in the link-local range (169.254.0.0/16, fe80::/10)'];
    case 'multicast': {
      const local = parsed.kind() === 'ipv4' ? first === 224 && second === 0 && third === 0 : (second & 0x0f) === 2;
      return local ? ['may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'] : [];
    }
    default:
      return [];
  }
}
