// ValidatingAdmissionPolicy: expressions that a request must satisfy.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
import { jsonText } from '../../../machinery/exact-json.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import type {
  AuditAnnotation,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from '../../../resources/generated/admissionregistration-v1.ts';
import { requestIn } from '../dynamic/equivalent.ts';
import { expressionError } from '../dynamic/programs.ts';
import type { AdmissionPlugin, AdmissionRequest, Operation } from '../plugin.ts';
import {
  type Bound,
  boundPolicies,
  ConfigurationError,
  conditionsOf,
  denial,
  POLICY_TROUBLE,
  PolicyError,
  type PolicyParts,
  paramsOf,
  refusalText,
  type Sight,
  scopeOf,
} from './bindings.ts';
import { OutOfBudget, type Scope } from './scope.ts';

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
  /** Refuses whatever the binding's actions are. */
  readonly always?: boolean;
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
      if (error instanceof OutOfBudget) throw error;
      if (!failsOpen) failures.push({ message: expressionError(validation.expression, error), reason, index });
    }
  }
  return failures;
}

/** Annotations of one policy: what its bindings make of one key is told together. */
class Annotations {
  private readonly values = new Map<string, Set<string>>();

  /** What could not be worked out. */
  collect(annotations: readonly AuditAnnotation[], scope: Scope): string[] {
    const failed: string[] = [];
    for (const { key, valueExpression } of annotations) {
      try {
        const value = scope.evaluate(valueExpression.trim());
        const text = typeof value === 'string' ? value.trim().slice(0, MAX_ANNOTATION) : '';
        if (text !== '') this.values.set(key, (this.values.get(key) ?? new Set()).add(text));
      } catch (error) {
        failed.push(expressionError(valueExpression, error));
      }
    }
    return failed;
  }

  publish(request: AdmissionRequest, policy: string): void {
    for (const [key, values] of this.values) request.annotate?.(`${policy}/${key}`, [...values].join(', '));
  }
}

/** With one set of parameters. */
function failuresWith(
  sight: Sight & { readonly spec: NonNullable<ValidatingPolicy['spec']> },
  parts: ValidatingParts,
  annotations: Annotations,
): Failure[] {
  const { spec } = sight;
  const failsOpen = spec.failurePolicy === 'Ignore';
  const broken = (message: string): Failure[] => (failsOpen ? [] : [{ message, reason: 'Invalid', index: 0 }]);
  const verdict = conditionsOf(sight, parts);
  if ('error' in verdict) return broken(verdict.error);
  if (!verdict.matches) return [];
  try {
    const failures = failuresOf(spec.validations ?? [], scopeOf(sight, parts), failsOpen);
    const failed = annotations.collect(spec.auditAnnotations ?? [], scopeOf(sight, parts));
    return failsOpen
      ? failures
      : [...failures, ...failed.map((message) => ({ message, reason: 'Invalid', index: 0, always: true }))];
  } catch (error) {
    if (error instanceof OutOfBudget) return broken(error.message);
    throw error;
  }
}

/** What is wrong with the binding refuses, unless the policy fails open. */
async function failuresIn(
  { policy, binding, entry }: BoundPolicy,
  request: AdmissionRequest,
  { parts, annotations }: { readonly parts: ValidatingParts; readonly annotations: Annotations },
): Promise<Failure[]> {
  const spec = policy.spec ?? {};
  const misconfigured = (problem: string, before = 'failed to configure binding: '): Failure[] =>
    spec.failurePolicy === 'Ignore'
      ? []
      : [{ message: `${before}${problem}`, reason: 'Invalid', index: 0, always: true }];
  let all: readonly (KubeObject | null)[];
  try {
    all = await paramsOf({ policy, binding, entry }, request, parts);
  } catch (error) {
    if (error instanceof PolicyError) return misconfigured(error.message, POLICY_TROUBLE);
    if (error instanceof ConfigurationError) return misconfigured(error.message);
    throw error;
  }
  if (all.length === 0) return [];
  let seen: AdmissionRequest;
  try {
    seen = await requestIn(entry, request);
  } catch (error) {
    return misconfigured(`failed to convert object version: ${(error as Error).message}`);
  }
  return all.flatMap((params) => failuresWith({ request: seen, original: request, spec, params }, parts, annotations));
}

/** Kubernetes notes the first failure only. */
function audit(request: AdmissionRequest, bound: BoundPolicy, failures: readonly Failure[]): void {
  const [failure] = failures.filter((one) => one.always !== true);
  if (failure === undefined) return;
  const value = {
    message: failure.message,
    policy: bound.policy.metadata.name ?? '',
    binding: bound.binding.metadata.name ?? '',
    expressionIndex: failure.index,
    validationActions: bound.binding.spec.validationActions ?? [],
  };
  request.annotate?.('validation.policy.admission.k8s.io/validation_failure', jsonText([value]));
}

/** Carries out the binding's actions; answers with the refusal, where there is one. */
function act(bound: BoundPolicy, failures: readonly Failure[], request: AdmissionRequest): Error | undefined {
  const actions = bound.binding.spec.validationActions ?? [];
  if (actions.includes('Audit')) audit(request, bound, failures);
  const names = `ValidatingAdmissionPolicy '${bound.policy.metadata.name ?? ''}' with binding '${bound.binding.metadata.name ?? ''}'`;
  if (actions.includes('Warn')) {
    for (const failure of failures)
      if (failure.always !== true) request.warn(`Validation failed for ${names}: ${failure.message}`);
  }
  const first = failures.find((failure) => failure.always === true || actions.includes('Deny'));
  if (first === undefined) return undefined;
  return denial(request, refusalText('ValidatingAdmissionPolicy', bound, first.message), first.reason);
}

const OPERATIONS: readonly Operation[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];

export function validatingPolicies(parts: ValidatingParts): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionPolicy',
    operations: OPERATIONS,
    async validate(request) {
      const lists = { policies: parts.policies(), bindings: parts.bindings() };
      let refused: Error | undefined;
      const annotations = new Map<string, Annotations>();
      for (const bound of boundPolicies(lists, request, parts)) {
        const name = bound.policy.metadata.name ?? '';
        const own = annotations.get(name) ?? new Annotations();
        annotations.set(name, own);
        const refusal = act(bound, await failuresIn(bound, request, { parts, annotations: own }), request);
        refused ??= refusal;
      }
      for (const [name, own] of annotations) own.publish(request, name);
      if (refused !== undefined) throw refused;
    },
  };
}
