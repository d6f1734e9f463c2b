// Service accounts of pods: their tokens, and what credential providers may know of them.
import { SERVICE_ACCOUNTS } from '../client/index.ts';
import { parseTime } from '../machinery/time.ts';
import type { TokenRequest } from '../resources/generated/authentication-v1.ts';
import type { Pod } from '../resources/generated/core-v1.ts';
import type { PodAccount } from './images/providers.ts';
import type { KubeletOptions } from './options.ts';
import { isStatic, namesOf, specOf } from './pod/identity.ts';
import type { TokenRequester } from './volumes/tokens.ts';

/** Asks the API for tokens of service accounts, bound to a pod. */
export function tokenRequester(options: KubeletOptions): TokenRequester {
  return async (ask) => {
    const body: TokenRequest = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: [...ask.audiences],
        expirationSeconds: ask.expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: ask.pod.name, uid: ask.pod.uid },
      },
    };
    const accounts = options.client.resource(SERVICE_ACCOUNTS);
    const answer = await accounts.createSubresource<TokenRequest>(ask.namespace, ask.serviceAccount, 'token', body);
    const { token, expirationTimestamp } = answer.status ?? {};
    if (token === undefined) throw new Error('failed to fetch token: the answer holds none');
    const end = expirationTimestamp === undefined ? undefined : parseTime(expirationTimestamp);
    return { token, expiresAt: end ?? options.clock.now() + ask.expirationSeconds * 1000 };
  };
}

/** Whose pod it is, for credential providers; static pods are nobody's. */
export async function podAccount(options: KubeletOptions, pod: Pod): Promise<PodAccount | undefined> {
  if (isStatic(pod)) return undefined;
  const { namespace, name: podName, uid } = namesOf(pod);
  const name = specOf(pod).serviceAccountName ?? 'default';
  const account = await options.client.resource(SERVICE_ACCOUNTS).get(namespace, name);
  const request = tokenRequester(options);
  return {
    namespace,
    name,
    uid: account.metadata.uid ?? '',
    annotations: account.metadata.annotations ?? {},
    async token(audience) {
      const ask = { namespace, serviceAccount: name, audiences: [audience], expirationSeconds: 600 };
      return (await request({ ...ask, pod: { name: podName, uid } })).token;
    },
  };
}
