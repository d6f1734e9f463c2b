// Lease: who leads, and until when. https://kubernetes.io/docs/concepts/architecture/leases/
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain } from '../../machinery/names.ts';
import { ageColumn, column, ErrorList, NOT_NEGATIVE, nameColumn } from '../checks/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { Lease } from '../generated/coordination-v1.ts';

const BUILT_IN_STRATEGY = 'OldestEmulationVersion';

/** `OldestEmulationVersion`, or a third party's `example.com/Name`. Source: KEP-4355. */
export function checkLeaseStrategy(found: ErrorList, strategy: string, path: FieldPath): void {
  const [domain = '', ...rest] = strategy.split('/');
  if (rest.length === 0) found.oneOf(path, strategy, [BUILT_IN_STRATEGY]);
  else if (rest.length === 1) found.text(path, domain, isDns1123Subdomain);
  else found.invalid(path, strategy, 'must be either built-in or of the form domain/name');
}

function validate(lease: Lease): FieldError[] {
  const found = new ErrorList();
  const path = FieldPath.of('spec');
  const { leaseDurationSeconds, leaseTransitions, strategy, preferredHolder } = lease.spec ?? {};
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0)
    found.invalid(path.child('leaseDurationSeconds'), leaseDurationSeconds, 'must be greater than 0');
  if (leaseTransitions !== undefined && leaseTransitions < 0)
    found.invalid(path.child('leaseTransitions'), leaseTransitions, NOT_NEGATIVE);
  if (strategy !== undefined) checkLeaseStrategy(found, strategy, path.child('strategy'));
  if ((preferredHolder ?? '') !== '' && (strategy ?? '') === '')
    found.forbidden(path.child('preferredHolder'), 'may only be specified if `strategy` is defined');
  return found.errors;
}

export const leases = defineResource<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  singular: 'lease',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.coordination.v1.Lease',
  anyFinalizer: true,
  createOnUpdate: true,
  unconditionalUpdate: false,
  strategy: {
    // Behind the gate CoordinatedLeaderElection (KEP-4355), which is off.
    prepareForCreate: ({ spec }) => {
      delete spec?.strategy;
      delete spec?.preferredHolder;
    },
    prepareForUpdate({ spec }, old) {
      for (const field of ['strategy', 'preferredHolder'] as const)
        if (old.spec?.[field] === undefined) delete spec?.[field];
    },
    validate,
    validateUpdate: validate,
  },
  generation: 'none',
  columns: [
    nameColumn(),
    column({
      name: 'Holder',
      description: ['coordination/v1', 'LeaseSpec', 'holderIdentity'],
      cell: (o) => o.spec?.holderIdentity ?? '',
    }),
    ageColumn(),
  ],
});
