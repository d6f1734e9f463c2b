// The host's own address: that of the link which the default route leaves by.
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** The link of the default route in /proc/net/route; undefined where there is none. */
export function defaultLink(table: string): string | undefined {
  for (const line of table.split('\n').slice(1)) {
    const [link, destination, , flags] = line.split('\t');
    if (destination === '00000000' && (Number.parseInt(flags ?? '0', 16) & 1) === 1) return link;
  }
  return undefined;
}

/** An IPv4 address of the host; loopback when it has no other. */
export function hostAddress(): string {
  let link: string | undefined;
  try {
    link = defaultLink(readFileSync('/proc/net/route', 'utf8'));
  } catch {
    link = undefined;
  }
  const links = networkInterfaces();
  const candidates = link === undefined ? [] : (links[link] ?? []);
  return candidates.find((a) => a.family === 'IPv4' && !a.internal)?.address ?? '127.0.0.1';
}
