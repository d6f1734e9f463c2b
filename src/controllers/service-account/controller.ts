// Every namespace has the service account `default`.
import { NAMESPACES, objectKey, SERVICE_ACCOUNTS } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';

const NAME = 'default';

export const serviceAccountController: ControllerRow = {
  name: 'serviceaccount-controller',
  account: 'service-account-controller',
  start(context) {
    const namespaces = context.informers.informer(NAMESPACES);
    const accounts = context.informers.informer(SERVICE_ACCOUNTS);
    const client = context.client.resource(SERVICE_ACCOUNTS);
    const queue = startKeyed(context, {
      name: 'serviceaccount-controller',
      waitFor: [namespaces, accounts],
      async reconcile(key) {
        const namespace = namespaces.get(key);
        if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return undefined;
        if (accounts.get(`${key}/${NAME}`) !== undefined) return undefined;
        try {
          const metadata = { name: NAME, namespace: key };
          await client.create(key, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
        } catch (error) {
          if (!isApiError(error, 'AlreadyExists') && !endsMeanwhile(error)) throw error;
        }
        return undefined;
      },
    });
    const consider = (object: { metadata: { name?: string } }): void => queue.add(object.metadata.name ?? '');
    namespaces.addHandler({ onAdd: consider, onUpdate: (namespace) => queue.add(objectKey(namespace)) });
    accounts.addHandler({
      onDelete(account) {
        if (account.metadata.name === NAME) queue.add(account.metadata.namespace ?? '');
      },
    });
  },
};

/** Nothing can be made in a namespace that is being ended. */
export function endsMeanwhile(error: unknown): boolean {
  if (isApiError(error, 'NotFound')) return true;
  return (
    isApiError(error, 'Forbidden') && (error.details?.causes ?? []).some((c) => c.reason === 'NamespaceTerminating')
  );
}
