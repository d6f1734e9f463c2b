// The nft table of one node's pod network: published host ports, hairpin and egress masquerading, as one transaction.
import { runProgram } from '../../host/programs.ts';

export interface HostPort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly hostPort: number;
  readonly containerPort: number;
  /** Empty: every address of the host. */
  readonly hostIp: string;
}

export interface PublishedPod {
  readonly ip: string;
  readonly ports: readonly HostPort[];
}

export interface TableInput {
  readonly table: string;
  readonly podCidr: string;
  readonly clusterCidr: string;
  readonly masquerade: boolean;
  /** What goes from pod to pod over the bridge passes the rules too, so that answers find back without the host's address. */
  readonly bridgeFiltered: boolean;
  readonly pods: readonly PublishedPod[];
}

function element(pod: PublishedPod, port: HostPort, withAddress: boolean): string {
  const address = withAddress ? `${port.hostIp} . ` : '';
  return `${address}${port.protocol.toLowerCase()} . ${port.hostPort} : ${pod.ip} . ${port.containerPort}`;
}

function isEveryAddress(ip: string): boolean {
  return ip === '' || ip === '0.0.0.0' || ip === '::';
}

function elements(list: readonly string[]): string {
  return list.length === 0 ? '' : ` elements = { ${list.join(', ')} };`;
}

/** The whole table as nft reads it: the old one, if any, goes in the same transaction. */
export function renderTable(input: TableInput): string {
  const everywhere = new Map<string, string>();
  const addressed = new Map<string, string>();
  for (const pod of input.pods) {
    for (const port of pod.ports) {
      if (port.hostIp.includes(':') && port.hostIp !== '::') continue; // pods here have IPv4 addresses
      const every = isEveryAddress(port.hostIp);
      const key = `${port.protocol}/${every ? '' : port.hostIp}/${port.hostPort}`;
      (every ? everywhere : addressed).set(key, element(pod, port, !every));
    }
  }
  const outside = `ip saddr ${input.podCidr} ip daddr != ${input.clusterCidr} ip daddr != 224.0.0.0/4 masquerade`;
  const hairpins = [...new Set(input.pods.map(({ ip }) => `${ip} . ${ip}`))];
  const within = input.bridgeFiltered
    ? 'ct status dnat ip saddr . ip daddr @hairpins masquerade'
    : `ct status dnat ip saddr ${input.podCidr} ip daddr ${input.podCidr} masquerade`;
  return `table ip ${input.table}
delete table ip ${input.table}
table ip ${input.table} {
  map everywhere { type inet_proto . inet_service : ipv4_addr . inet_service;${elements([...everywhere.values()])} }
  map addressed { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service;${elements([...addressed.values()])} }
  set hairpins { type ipv4_addr . ipv4_addr;${elements(hairpins)} }
  chain publish {
    dnat ip to ip daddr . meta l4proto . th dport map @addressed
    dnat ip to meta l4proto . th dport map @everywhere
  }
  chain prerouting { type nat hook prerouting priority -100; policy accept; fib daddr type local jump publish; }
  chain output { type nat hook output priority -100; policy accept; fib daddr type local jump publish; }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    ct status dnat ip saddr 127.0.0.0/8 ip daddr ${input.podCidr} masquerade
    ${within}
    ${input.masquerade ? outside : ''}
  }
}
`;
}

export async function applyTable(input: TableInput): Promise<void> {
  await runProgram('nft', ['-f', '-'], { stdin: renderTable(input) });
}

export async function removeTable(table: string): Promise<void> {
  await runProgram('nft', ['-f', '-'], { stdin: `table ip ${table}\ndelete table ip ${table}\n` });
}
