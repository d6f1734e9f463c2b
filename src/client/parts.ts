// As whom the parts of a control plane act: each controller as the service account of its name, the programs around them as themselves.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#controller-roles (`--use-service-account-credentials`)
import type { Transport, UserInfo } from '../machinery/http.ts';
import { createClient } from './client.ts';
import { limited } from './limited.ts';
import type { Client } from './port.ts';

const NAMESPACE = 'kube-system';
/** Their priority level has 98 seats for all of them. (client-go lets thirty go at once, and then twenty in a second.) */
const AT_ONCE = 64;

/** A program with a certificate of its own, which is in no group. */
function programUser(username: string): UserInfo {
  return { username, groups: ['system:authenticated'] };
}

export function accountUser(name: string, uid?: string): UserInfo {
  return {
    ...(uid === undefined ? {} : { uid }),
    username: `system:serviceaccount:${NAMESPACE}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${NAMESPACE}`, 'system:authenticated'],
  };
}

export interface PartClients {
  /** What the controllers have in common: it reads for all of them, and writes next to nothing. */
  readonly manager: Client;
  readonly scheduler: Client;
  /** Of one controller, by its service account in kube-system. */
  controller(account: string): Client;
  /** Of a part that runs as a pod elsewhere, by its service account in kube-system. */
  addon(account: string): Client;
}

/** Users with rights of their own, over a transport that takes the caller's word for who asks. Owners of fields are the programs. `uids`: those of the accounts, where they are known. */
export function partClients(transport: Transport, uids: ReadonlyMap<string, string> = new Map()): PartClients {
  const clientOf = (user: UserInfo, userAgent: string): Client =>
    createClient({ transport: limited(transport, AT_ONCE), userAgent, user });
  const manager = 'kube-controller-manager';
  const scheduler = 'kube-scheduler';
  return {
    manager: clientOf(programUser(`system:${manager}`), `${manager}/minke/shared-informers`),
    scheduler: clientOf(programUser(`system:${scheduler}`), `${scheduler}/minke/scheduler`),
    controller(account) {
      const user = accountUser(account, uids.get(account));
      return clientOf(user, `${manager}/minke/${user.username}`);
    },
    addon: (account) => clientOf(accountUser(account, uids.get(account)), `${account}/minke`),
  };
}
