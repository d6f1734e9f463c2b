// ValidatingAdmissionPolicy: expressions that a request must satisfy.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
import type { KubeObject } from '../../../machinery/object.ts';
import type {
  AuditAnnotation,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from '../../../resources/generated/admissionregistration-v1.ts';
import type { AdmissionPlugin, AdmissionRequest, Operation } from '../plugin.ts';
import {
  type Bound,
  boundPolicies,
  ConfigurationError,
  conditionsHold,
  denial,
  type PolicyParts,
  paramsOf,
  refusalText,
  scopeOf,
} from './bindings.ts';
import { expressionError, type Scope } from './scope.ts';

type ValidatingPolicy = ValidatingAdmissionPolicy & KubeObject;
type ValidatingBinding = ValidatingAdmissionPolicyBinding & KubeObject;
type BoundPolicy = Bound<ValidatingPolicy, ValidatingBinding>;

export interface ValidatingParts extends PolicyParts {
  policies(): Iterable<ValidatingPolicy>;
  bindings(): Iterable<ValidatingBinding>;
}

interface Failure {
  readonly message: string;
  readonly reason: string;
  readonly index: number;
}

/** Longer messages are not shown. */
const MAX_MESSAGE = 5 * 1024;
const MAX_ANNOTATION = 10 * 1024;

function messageOf(validation: Validation, scope: Scope): string {
  const fallback = validation.message?.trim() ?? '';
  const usual = fallback === '' ? `failed expression: ${validation.expression.trim()}` : fallback;
  const expression = validation.messageExpression ?? '';
  if (expression === '') return usual;
  try {
    const text = scope.evaluate(expression);
    if (typeof text !== 'string') return usual;
    const trimmed = text.trim();
    return trimmed === '' || trimmed.includes('\n') || trimmed.length > MAX_MESSAGE ? usual : trimmed;
  } catch {
    // A message that cannot be made is no reason to answer differently.
    return usual;
  }
}

function failuresOf(validations: readonly Validation[], scope: Scope, failsOpen: boolean): Failure[] {
  const failures: Failure[] = [];
  for (const [index, validation] of validations.entries()) {
    const reason = validation.reason ?? 'Invalid';
    try {
      if (scope.evaluate(validation.expression) !== true) {
        failures.push({ message: messageOf(validation, scope), reason, index });
      }
    } catch (error) {
      if (!failsOpen) failures.push({ message: expressionError(validation.expression, error), reason, index });
    }
  }
  return failures;
}

function annotate(
  request: AdmissionRequest,
  policy: KubeObject,
  annotations: readonly AuditAnnotation[],
  scope: Scope,
): void {
  if (request.annotate === undefined) return;
  for (const { key, valueExpression } of annotations) {
    try {
      const value = scope.evaluate(valueExpression);
      if (typeof value !== 'string' || value.trim() === '') continue;
      request.annotate(`${policy.metadata.name ?? ''}/${key}`, value.trim().slice(0, MAX_ANNOTATION));
    } catch {
      // An annotation that cannot be made is left out.
    }
  }
}

async function evaluate(bound: BoundPolicy, request: AdmissionRequest, parts: ValidatingParts): Promise<Failure[]> {
  const spec = bound.policy.spec ?? {};
  const failures: Failure[] = [];
  for (const params of await paramsOf(bound, request, parts)) {
    const scope = scopeOf({ request, spec, params }, parts);
    if (!conditionsHold(spec.matchConditions ?? [], scope)) continue;
    failures.push(...failuresOf(spec.validations ?? [], scope, spec.failurePolicy === 'Ignore'));
    annotate(request, bound.policy, spec.auditAnnotations ?? [], scope);
  }
  return failures;
}

/** What is wrong with the policy or the binding counts as a failure, unless the policy fails open. */
async function failuresIn(bound: BoundPolicy, request: AdmissionRequest, parts: ValidatingParts): Promise<Failure[]> {
  try {
    return await evaluate(bound, request, parts);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    if (bound.policy.spec?.failurePolicy === 'Ignore') return [];
    const isExpression = error.message.startsWith('expression ');
    const message = isExpression ? error.message : `failed to configure binding: ${error.message}`;
    return [{ message, reason: 'Invalid', index: 0 }];
  }
}

function audit(request: AdmissionRequest, bound: BoundPolicy, failures: readonly Failure[]): void {
  const list = failures.map((failure) => ({
    message: failure.message,
    policy: bound.policy.metadata.name ?? '',
    binding: bound.binding.metadata.name ?? '',
    expressionIndex: String(failure.index),
    validationActions: bound.binding.spec.validationActions ?? [],
  }));
  request.annotate?.('validation.policy.admission.k8s.io/validation_failure', JSON.stringify(list));
}

const OPERATIONS: readonly Operation[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];

export function validatingPolicies(parts: ValidatingParts): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionPolicy',
    operations: OPERATIONS,
    async validate(request) {
      const lists = { policies: parts.policies(), bindings: parts.bindings() };
      let refused: Error | undefined;
      for (const bound of boundPolicies(lists, request, parts)) {
        const failures = await failuresIn(bound, request, parts);
        if (failures.length === 0) continue;
        const actions = bound.binding.spec.validationActions ?? [];
        if (actions.includes('Audit')) audit(request, bound, failures);
        const names = `ValidatingAdmissionPolicy '${bound.policy.metadata.name ?? ''}' with binding '${bound.binding.metadata.name ?? ''}'`;
        if (actions.includes('Warn')) {
          for (const failure of failures) request.warn(`Validation failed for ${names}: ${failure.message}`);
        }
        const [first] = failures;
        if (actions.includes('Deny') && first !== undefined) {
          refused ??= denial(request, refusalText('ValidatingAdmissionPolicy', bound, first.message), first.reason);
        }
      }
      if (refused !== undefined) throw refused;
    },
  };
}
