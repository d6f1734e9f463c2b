// The rows of admissionregistration.k8s.io.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { MUTATING_POLICY_ROWS } from './mutating-policy.ts';
import { validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from './validating-policy.ts';
import { mutatingWebhookConfigurations, validatingWebhookConfigurations } from './webhook-configuration.ts';

export { admissionEnvironment, type Environment, type Scope as ExpressionScope, variableType } from './environment.ts';

export const ADMISSIONREGISTRATION_ROWS: readonly AnyResource[] = metadataOnUpdate(
  [
    mutatingWebhookConfigurations,
    validatingWebhookConfigurations,
    validatingAdmissionPolicies,
    validatingAdmissionPolicyBindings,
    ...MUTATING_POLICY_ROWS,
  ],
  {
    mutatingwebhookconfigurations: 'create',
    validatingwebhookconfigurations: 'create',
    validatingadmissionpolicies: 'create',
    validatingadmissionpolicybindings: 'create',
    mutatingadmissionpolicies: 'create',
    mutatingadmissionpolicybindings: 'create',
  },
);
