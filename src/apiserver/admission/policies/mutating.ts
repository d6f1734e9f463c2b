// MutatingAdmissionPolicy: expressions that say how an object is to be changed before it is checked and written.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
import { ApiError, internalError } from '../../../machinery/errors.ts';
import { deepEqual, goQuote } from '../../../machinery/json.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
} from '../../../resources/generated/admissionregistration-v1.ts';
import { converted, requestIn } from '../dynamic/equivalent.ts';
import type { AdmissionPlugin, AdmissionRequest, Operation } from '../plugin.ts';
import { replaceDraft } from '../webhooks/webhooks.ts';
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
  scopeOf,
} from './bindings.ts';
import { mutated } from './mutations.ts';

type MutatingPolicy = MutatingAdmissionPolicy & KubeObject;
type MutatingBinding = MutatingAdmissionPolicyBinding & KubeObject;
type BoundPolicy = Bound<MutatingPolicy, MutatingBinding>;

export interface MutatingParts extends PolicyParts {
  policies(): Iterable<MutatingPolicy>;
  bindings(): Iterable<MutatingBinding>;
}

/** A policy with one binding and one set of parameters. */
interface Invocation {
  readonly bound: BoundPolicy;
  readonly params: KubeObject | null;
}

/** What went wrong in one request, by the policies that do not fail open. */
class Failures {
  private readonly found: { readonly text: string; readonly reason: 'Forbidden' | 'Invalid' }[] = [];

  add({ policy, binding }: BoundPolicy, problem: string, reason: 'Forbidden' | 'Invalid'): void {
    const names = `policy '${policy.metadata.name ?? ''}' with binding '${binding.metadata.name ?? ''}'`;
    this.push(policy, `${names} denied request: ${problem}`, reason);
  }

  /** Trouble with the policy itself. */
  addConfiguration(policy: MutatingPolicy, problem: string): void {
    const name = goQuote(policy.metadata.name ?? '');
    this.push(policy, `policy ${name} denied request: ${POLICY_TROUBLE}${problem}`, 'Forbidden');
  }

  private push(policy: MutatingPolicy, text: string, reason: 'Forbidden' | 'Invalid'): void {
    const isKnown = this.found.some((one) => one.text === text);
    if (policy.spec?.failurePolicy !== 'Ignore' && !isKnown) this.found.push({ text, reason });
  }

  /** The first is told, with the code that all refusals of admission have. */
  check(request: AdmissionRequest): void {
    const [first] = this.found;
    if (first === undefined) return;
    const { details } = denial(request, first.text);
    const causes = this.found.map(({ text }) => ({ message: text }));
    throw new ApiError({ reason: first.reason, code: 403, message: first.text, details: { ...details, causes } });
  }
}

async function invocationsOf(
  bounds: readonly BoundPolicy[],
  request: AdmissionRequest,
  { parts, failures }: { readonly parts: MutatingParts; readonly failures: Failures },
): Promise<Invocation[]> {
  const found: Invocation[] = [];
  for (const bound of bounds) {
    try {
      for (const params of await paramsOf(bound, request, parts)) found.push({ bound, params });
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      if (error instanceof PolicyError) failures.addConfiguration(bound.policy, error.message);
      else failures.add(bound, `failed to configure binding: ${error.message}`, 'Forbidden');
    }
  }
  return found;
}

/** True when the object was changed. A mutation that fails leaves what the others make. */
async function run(
  { bound, params }: Invocation,
  original: AdmissionRequest,
  { parts, failures }: { readonly parts: MutatingParts; readonly failures: Failures },
): Promise<boolean> {
  const { object: draft } = original;
  if (draft === undefined) return false;
  const spec = bound.policy.spec ?? {};
  let request: AdmissionRequest;
  try {
    request = await requestIn(bound.entry, original);
  } catch (error) {
    failures.addConfiguration(bound.policy, (error as Error).message);
    return false;
  }
  const verdict = conditionsOf({ request, original, spec, params }, parts);
  if ('error' in verdict) failures.add(bound, verdict.error, 'Invalid');
  if ('error' in verdict || !verdict.matches) return false;
  const before = request.object;
  for (const mutation of spec.mutations ?? []) {
    const { object } = request;
    if (object === undefined) continue;
    try {
      // Each mutation sees what those before it made.
      const scope = scopeOf({ request, original, spec, params }, parts);
      request = { ...request, object: mutated(mutation, bound.entry, object, scope) };
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      failures.add(bound, error.message, 'Invalid');
    }
  }
  const { object: after } = request;
  if (after === undefined || deepEqual(before, after)) return false;
  replaceDraft(draft, await convertedBack(after, bound, original));
  return true;
}

async function convertedBack(object: KubeObject, bound: BoundPolicy, original: AdmissionRequest): Promise<KubeObject> {
  try {
    return await converted(object, bound.entry, original.entry);
  } catch (error) {
    throw internalError(new Error(`failed to convert object: ${(error as Error).message}`));
  }
}

const OPERATIONS: readonly Operation[] = ['CREATE', 'UPDATE'];

export function mutatingPolicies(parts: MutatingParts): AdmissionPlugin {
  return {
    name: 'MutatingAdmissionPolicy',
    operations: OPERATIONS,
    async admit(request) {
      const bounds = boundPolicies({ policies: parts.policies(), bindings: parts.bindings() }, request, parts);
      if (bounds.length === 0) return;
      const failures = new Failures();
      const invocations = await invocationsOf(bounds, request, { parts, failures });
      // Those that ask for it are run once more when a later one changed the object.
      const again = new Set<Invocation>();
      for (const [i, invocation] of invocations.entries()) {
        if (!(await run(invocation, request, { parts, failures }))) continue;
        for (const earlier of invocations.slice(0, i)) {
          if (earlier.bound.policy.spec?.reinvocationPolicy === 'IfNeeded') again.add(earlier);
        }
      }
      failures.check(request);
      for (const invocation of again) await run(invocation, request, { parts, failures });
      failures.check(request);
    },
  };
}
