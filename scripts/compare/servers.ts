// The two servers of a comparison, by the options that all its programs have.
import { readFileSync } from 'node:fs';
import { type Answer, type Ask, Endpoint } from './endpoint.ts';

/** `--reference URL --token T` for the genuine server, `--server URL --cert FILE --key FILE` for this one. */
export const SERVER_OPTIONS = {
  reference: { type: 'string' },
  token: { type: 'string' },
  server: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
} as const;

export interface Servers {
  readonly genuine: Endpoint;
  readonly ours: Endpoint;
  /** The genuine server's answer, then ours. */
  both(ask: Ask): Promise<[Answer, Answer]>;
}

export function openServers(values: Readonly<Partial<Record<keyof typeof SERVER_OPTIONS, string>>>): Servers {
  const { reference, token, server, cert, key } = values;
  if (reference === undefined || token === undefined) throw new Error('--reference and --token are needed');
  if (server === undefined || cert === undefined || key === undefined)
    throw new Error('--server, --cert and --key are needed');
  const genuine = new Endpoint(reference, { token });
  const ours = new Endpoint(server, { cert: readFileSync(cert), key: readFileSync(key) });
  return { genuine, ours, both: (ask) => Promise.all([genuine.send(ask), ours.send(ask)]) };
}
