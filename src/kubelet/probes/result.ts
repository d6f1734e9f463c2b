// What a probe found, and how Go's network errors read, which is how users know them.

export type ProbeResult =
  | { readonly outcome: 'success'; readonly output: string }
  | { readonly outcome: 'warning'; readonly output: string }
  | { readonly outcome: 'failure'; readonly output: string }
  /** The probe itself could not be carried out. */
  | { readonly outcome: 'error'; readonly output: string };

const CONNECT: Record<string, string> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
};

export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function networkError(error: unknown, host: string, port: number): string {
  const { code, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { code: '', message: String(error) };
  const connect = code === undefined ? undefined : CONNECT[code];
  if (connect !== undefined) return `dial tcp ${hostPort(host, port)}: ${connect}`;
  // What a server that knows no TLS says: the record that should be the handshake is text.
  if (code === 'EPROTO' && message.includes('wrong version number')) {
    return 'http: server gave HTTP response to HTTPS client';
  }
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${host}: no such host`;
  if (code === 'ECONNRESET') return message === 'socket hang up' ? 'EOF' : 'read: connection reset by peer';
  return message;
}
