// The last words of HTTP on a connection that becomes something else: which protocol, and the 101 or the refusal.
import type { Duplex } from 'node:stream';
import type { WireRequest } from '../../machinery/http.ts';

/** An authenticated, authorized and admitted request whose connection is to be taken over. */
export interface UpgradedConnection {
  readonly request: WireRequest;
  readonly socket: Duplex;
  /** What the client sent already. */
  readonly head: Buffer;
}

export type UpgradeKind = 'spdy' | 'websocket';

/** Undefined when the request asks for no protocol that is spoken here. */
export function upgradeKind(request: WireRequest): UpgradeKind | undefined {
  const upgrade = request.headers.upgrade?.toLowerCase() ?? '';
  if (upgrade.startsWith('spdy/3.1')) return 'spdy';
  return upgrade.includes('websocket') ? 'websocket' : undefined;
}

/** A header that lists values. */
export function listHeader(request: WireRequest, name: string): string[] {
  return (request.headers[name] ?? '')
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

/** The first of the client's protocols that is spoken here. */
export function negotiate(offered: readonly string[], spoken: readonly string[]): string | undefined {
  return offered.find((protocol) => spoken.includes(protocol));
}

export function acceptSpdy(socket: Duplex, protocol: string | undefined): void {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1'];
  if (protocol !== undefined) lines.push(`X-Stream-Protocol-Version: ${protocol}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
}

export interface Refusal {
  readonly status: string;
  readonly text: string;
  readonly headers?: readonly string[];
}

export function refuse(socket: Duplex, refusal: Refusal): void {
  const body = Buffer.from(refusal.text);
  const lines = [
    `HTTP/1.1 ${refusal.status}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${body.length}`,
    ...(refusal.headers ?? []),
  ];
  socket.end(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]));
}

/** The client and this server have no protocol in common. */
export function refuseProtocols(socket: Duplex, offered: readonly string[], spoken: readonly string[]): void {
  const text = `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${spoken.join(' ')}]`;
  const headers = spoken.map((protocol) => `X-Accepted-Stream-Protocol-Versions: ${protocol}`);
  refuse(socket, { status: '403 Forbidden', text, headers });
}
