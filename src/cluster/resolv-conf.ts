// Which resolv.conf pods with the host's settings get: behind systemd-resolved the host's own names a server on loopback, which is not there in a pod.
// Source: https://kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/#known-issues
import { existsSync, readFileSync } from 'node:fs';

const HOST = '/etc/resolv.conf';
const RESOLVED = '/run/systemd/resolve/resolv.conf';
const STUBS = new Set(['127.0.0.53', '127.0.0.54']);

/** Whether all servers are systemd-resolved's own. */
export function namesOnlyStubs(text: string): boolean {
  const servers = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = '']) => address);
  return servers.length > 0 && servers.every((address) => STUBS.has(address));
}

export function resolvConfForPods(): string {
  if (!existsSync(RESOLVED) || !existsSync(HOST)) return HOST;
  return namesOnlyStubs(readFileSync(HOST, 'utf8')) ? RESOLVED : HOST;
}
