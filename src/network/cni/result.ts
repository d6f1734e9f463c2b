// What a plugin's result says of a pod's addresses. https://www.cni.dev/docs/spec/#section-5-result-types
import { isIP } from 'node:net';

function entries(value: unknown, key: string): readonly Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  const list: unknown = new Map<string, unknown>(Object.entries(value)).get(key);
  return Array.isArray(list) ? list.filter((x) => typeof x === 'object' && x !== null) : [];
}

/** The first address of each family, IPv4 or IPv6 first as the plugins have it. */
export function addressesOf(result: unknown): string[] {
  const families = new Map<number, string>();
  for (const entry of entries(result, 'ips')) {
    const address = String(entry.address ?? '').split('/')[0] ?? '';
    const family = isIP(address);
    if (family !== 0 && !families.has(family)) families.set(family, address);
  }
  return [...families.values()];
}

/** The host's end of the pod's link: of the host's interfaces the last that plugins made, if any. */
export function hostLinkOf(result: unknown): string {
  const host = entries(result, 'interfaces').filter((i) => i.sandbox === undefined || i.sandbox === '');
  const last = host.at(-1);
  return typeof last?.name === 'string' ? last.name : '';
}
