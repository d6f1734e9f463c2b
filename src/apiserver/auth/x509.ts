// Client certificates: the common name is the user, the organizations are the groups.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
import type { PeerCertificate } from 'node:tls';
import type { UserInfo } from '../../machinery/http.ts';
import { AUTHENTICATED } from './authenticator.ts';

function list(value: string | readonly string[] | undefined): string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : [...value];
}

export function certificateUser(certificate: PeerCertificate): UserInfo | undefined {
  const subject: { CN?: string | string[]; O?: string | string[] } | undefined = certificate.subject;
  const [username] = list(subject?.CN);
  if (username === undefined || username === '') return undefined;
  return { username, groups: [...list(subject?.O), AUTHENTICATED] };
}
