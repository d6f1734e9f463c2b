// UDP clients whose endpoint went away: the kernel would send what they say there for as long as they talk, unless it is told to forget them.
import { findProgram, runProgram } from '../../host/programs.ts';
import { type ServiceRoute, usable } from './routes.ts';

/** By where the client sends to: the endpoints that this may lead to. An address of '' is every one of the host. */
export type UdpFlows = ReadonlyMap<string, ReadonlySet<string>>;

export function udpFlows(routes: readonly ServiceRoute[]): UdpFlows {
  const flows = new Map<string, ReadonlySet<string>>();
  for (const { protocol, clusterIp, externalIps, port, nodePort, endpoints } of routes) {
    if (protocol !== 'udp') continue;
    const ips = new Set(usable(endpoints).map((one) => one.ip));
    for (const ip of [clusterIp, ...externalIps]) flows.set(`${ip} ${port}`, ips);
    if (nodePort !== undefined) flows.set(` ${nodePort}`, ips);
  }
  return flows;
}

/** The arguments of `conntrack` for all that is to be forgotten; what begins to lead somewhere had clients that were led nowhere. */
export function forgotten(before: UdpFlows, after: UdpFlows): string[][] {
  const commands: string[][] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [ip = '', port = ''] = key.split(' ');
    const asked = ['-D', '-p', 'udp', ...(ip === '' ? [] : ['--orig-dst', ip]), '--orig-port-dst', port];
    const [old, now] = [before.get(key) ?? new Set<string>(), after.get(key) ?? new Set<string>()];
    if (old.size === 0 && now.size > 0) commands.push(asked);
    for (const endpoint of old) if (!now.has(endpoint)) commands.push([...asked, '--dst-nat', endpoint]);
  }
  return commands;
}

/** Does nothing where the host has no `conntrack`: the kernel then forgets who was silent for two minutes. */
export async function forget(commands: readonly (readonly string[])[]): Promise<void> {
  if (commands.length === 0 || findProgram('conntrack') === undefined) return;
  // It ends with 1 when there was nobody to forget.
  for (const args of commands) await runProgram('conntrack', args, { allowFailure: true });
}
