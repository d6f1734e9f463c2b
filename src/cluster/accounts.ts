// The service accounts in kube-system that the controllers act as: made by the controller manager where they are missing, as Kubernetes' does.
import { type Client, SERVICE_ACCOUNTS } from '../client/index.ts';
import { isApiError } from '../machinery/errors.ts';

const NAMESPACE = 'kube-system';

async function uidOf(client: Client, name: string): Promise<string> {
  const accounts = client.resource(SERVICE_ACCOUNTS);
  const account = await accounts.get(NAMESPACE, name).catch((error: unknown) => {
    if (!isApiError(error, 'NotFound')) throw error;
    return accounts.create(NAMESPACE, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } });
  });
  return account.metadata.uid ?? '';
}

/** Their uids by their names: what admission is told beside the name. Without one a part does as well; a webhook may keep it from being made. */
export async function ensureAccounts(
  client: Client,
  names: Iterable<string>,
  onError: (error: unknown) => void,
): Promise<ReadonlyMap<string, string>> {
  const uids = new Map<string, string>();
  const find = async (name: string): Promise<void> => {
    try {
      uids.set(name, await uidOf(client, name));
    } catch (error) {
      onError(error);
    }
  };
  await Promise.all([...new Set(names)].map(find));
  return uids;
}
