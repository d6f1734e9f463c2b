// The rows of admissionregistration.k8s.io.
import type { AnyResource } from '../definition.ts';
import { MUTATING_POLICY_ROWS } from './mutating-policy.ts';
import { validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from './validating-policy.ts';
import { mutatingWebhookConfigurations, validatingWebhookConfigurations } from './webhook-configuration.ts';

export const ADMISSIONREGISTRATION_ROWS: readonly AnyResource[] = [
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  ...MUTATING_POLICY_ROWS,
];
