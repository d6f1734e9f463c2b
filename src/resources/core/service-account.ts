// ServiceAccounts: who a pod is to the API, and its tokens.
// Source: https://kubernetes.io/docs/concepts/security/service-accounts/
import { nameAndAge } from '../checks/index.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { ServiceAccount } from '../generated/core-v1.ts';

const MOUNTABLE = 'kubernetes.io/enforce-mountable-secrets';

/** Of a secret only its name counts. */
function keepSecretNames(account: ServiceAccount): void {
  account.secrets = account.secrets?.map(({ name }) => (name ? { name } : {}));
}

function warnings(account: ServiceAccount, old: ServiceAccount | undefined): string[] {
  const isNew = old?.metadata.annotations?.[MOUNTABLE] === undefined;
  return isNew && account.metadata.annotations?.[MOUNTABLE] !== undefined
    ? [
        `metadata.annotations[${MOUNTABLE}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
      ]
    : [];
}

export const serviceAccounts = defineResource<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  singular: 'serviceaccount',
  shortNames: ['sa'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.ServiceAccount',
  generation: 'none',
  deleteAnswersObject: true,
  strategy: {
    prepareForCreate: keepSecretNames,
    prepareForUpdate: keepSecretNames,
    warnings,
    validateUpdate: (account, old) => [
      ...validateObjectMetaUpdate(account.metadata, old.metadata),
      ...validateObjectMeta(account.metadata, { namespaced: true }),
    ],
  },
  subresources: {
    token: {
      type: 'connect',
      verbs: ['create'],
      kind: 'TokenRequest',
      group: 'authentication.k8s.io',
      version: 'v1',
    },
  },
  columns: nameAndAge(),
});
