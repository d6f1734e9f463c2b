// Fills Secrets of the type kubernetes.io/service-account-token, and removes those whose account is gone. The key that signs them is the API server's alone.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#token-controller
import type { KubeObject } from '../../machinery/object.ts';
import type { Secret } from '../../resources/generated/core-v1.ts';
import type { Write } from './keeper.ts';

export const TOKEN_SECRET = 'kubernetes.io/service-account-token';
const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
const ACCOUNT_UID = 'kubernetes.io/service-account.uid';

export interface SignedFor {
  readonly namespace: string;
  readonly secret: string;
  readonly serviceAccount: { readonly name: string; readonly uid: string };
}

export interface TokenSecretParts {
  readonly secrets: () => Iterable<KubeObject & Secret>;
  readonly account: (namespace: string, name: string) => Promise<KubeObject | undefined>;
  /** PEM; empty: there is none to be told. */
  readonly rootCa: string;
  readonly sign: (what: SignedFor) => Promise<string>;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function writeFor(secret: KubeObject & Secret, parts: TokenSecretParts): Promise<Write | undefined> {
  const { namespace = '', name = '', annotations = {}, uid, resourceVersion, deletionTimestamp } = secret.metadata;
  if (deletionTimestamp !== undefined) return undefined;
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
  const account = await parts.account(namespace, annotations[ACCOUNT_NAME] ?? '');
  const accountUid = account?.metadata.uid ?? '';
  const meant = annotations[ACCOUNT_UID] ?? '';
  if (account === undefined || (meant !== '' && meant !== accountUid))
    return { method: 'DELETE', path, body: { preconditions: { uid, resourceVersion } } };
  const data = { ...secret.data };
  if (parts.rootCa !== '') data['ca.crt'] = base64(parts.rootCa);
  data.namespace ||= base64(namespace);
  const serviceAccount = { name: account.metadata.name ?? '', uid: accountUid };
  data.token ||= base64(await parts.sign({ namespace, secret: name, serviceAccount }));
  const isFull = Object.keys(data).every((key) => data[key] === secret.data?.[key]) && meant === accountUid;
  if (isFull) return undefined;
  const metadata = { ...secret.metadata, annotations: { ...annotations, [ACCOUNT_UID]: accountUid } };
  return { method: 'PUT', path, body: { ...secret, metadata, data } };
}

export async function planTokenSecrets(parts: TokenSecretParts): Promise<Write[]> {
  const writes: Write[] = [];
  for (const secret of parts.secrets()) {
    const write = await writeFor(secret, parts);
    if (write !== undefined) writes.push(write);
  }
  return writes;
}
