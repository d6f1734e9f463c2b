// Which address ranges lie inside which.
import { BlockList } from 'node:net';
import { type Cidr, parseCIDR } from '../../machinery/names.ts';

/** True when `inner` is a smaller range within `outer`. */
export function isStrictlyInside(inner: Cidr, outer: Cidr): boolean {
  if (inner.family !== outer.family || inner.prefix <= outer.prefix) return false;
  const family = outer.family === 4 ? 'ipv4' : 'ipv6';
  const range = new BlockList();
  range.addSubnet(outer.address, outer.prefix, family);
  return range.check(inner.address, family);
}

/** True when there are two ranges of one family. */
export function sameFamily(a: string, b: string): boolean {
  return parseCIDR(a)?.family === parseCIDR(b)?.family;
}
