// Addresses that are on no wire: those of pods that a simulated runtime runs. Elsewhere they may be somebody's, so nothing may be sent there.
import ipaddr from 'ipaddr.js';

/** Throws, in the words of a host without a route, when an address lies in one of the ranges. */
export type ReachCheck = (address: { readonly host: string; readonly port: number }) => void;

/** `ranges`: CIDRs. */
export function reachCheck(ranges: readonly string[]): ReachCheck {
  const parsed = ranges.map((range) => ipaddr.parseCIDR(range));
  return ({ host, port }) => {
    if (!ipaddr.isValid(host)) return;
    const address = ipaddr.process(host);
    const isOff = parsed.some((range) => range[0].kind() === address.kind() && address.match(range));
    if (isOff) throw new Error(`dial tcp ${host}:${port}: connect: no route to host`);
  };
}
