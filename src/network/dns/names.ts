// Names of the domain name system as texts: labels, what lies below what, and addresses written backwards.
import { isIPv4, isIPv6 } from 'node:net';

/** Without the dot of the root; the root itself is empty. */
export const plainName = (name: string): string => (name.endsWith('.') ? name.slice(0, -1) : name);

/** The labels of `name` below `zone`, in small letters; undefined when it is not in there. */
export function labelsBelow(name: string, zone: string): string[] | undefined {
  const lower = plainName(name).toLowerCase();
  if (lower === zone) return [];
  return lower.endsWith(`.${zone}`) ? lower.slice(0, -zone.length - 1).split('.') : undefined;
}

const V4_SUFFIX = '.in-addr.arpa';
const V6_SUFFIX = '.ip6.arpa';

/** The address that a name of the reverse zones spells; undefined for every other name. */
export function reversedAddress(name: string): string | undefined {
  const lower = plainName(name).toLowerCase();
  if (lower.endsWith(V4_SUFFIX)) {
    const address = lower.slice(0, -V4_SUFFIX.length).split('.').reverse().join('.');
    return isIPv4(address) ? address : undefined;
  }
  if (!lower.endsWith(V6_SUFFIX)) return undefined;
  const digits = lower.slice(0, -V6_SUFFIX.length).split('.').reverse();
  if (digits.length !== 32 || digits.some((digit) => digit.length !== 1)) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => digits.slice(i * 4, i * 4 + 4).join(''));
  return canonicalAddress(groups.join(':'));
}

/** An IPv6 address as the API writes it; others as they are. undefined for what is no address. */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

/** `1.2.3.4` as the label `1-2-3-4`. */
export const dashed = (address: string): string => address.replaceAll(/[.:]/g, '-');

/** The address in a label such as `1-2-3-4`; undefined when it is none. */
export function undashed(label: string): string | undefined {
  const v4 = label.split('-').length === 4 && !label.includes('--');
  return canonicalAddress(label.replaceAll('-', v4 ? '.' : ':'));
}
