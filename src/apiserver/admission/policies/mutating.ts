// MutatingAdmissionPolicy: expressions that say how an object is to be changed before it is checked and written.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
import { ApiError } from '../../../machinery/errors.ts';
import { deepClone, deepEqual } from '../../../machinery/json.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../../../machinery/object.ts';
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
} from '../../../resources/generated/admissionregistration-v1.ts';
import { mergeConfiguration } from '../../apply/index.ts';
import { jsonPatch, plainError } from '../../patch/index.ts';
import { decodePatched, schemaOf } from '../../registry/codec.ts';
import type { AdmissionPlugin, AdmissionRequest, Operation } from '../plugin.ts';
import { replaceDraft } from '../webhooks/webhooks.ts';
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
import { expressionError, type Scope, toJson } from './scope.ts';

type MutatingPolicy = MutatingAdmissionPolicy & KubeObject;
type MutatingBinding = MutatingAdmissionPolicyBinding & KubeObject;
type BoundPolicy = Bound<MutatingPolicy, MutatingBinding>;

export interface MutatingParts extends PolicyParts {
  policies(): Iterable<MutatingPolicy>;
  bindings(): Iterable<MutatingBinding>;
}

function resultOf(expression: string, scope: Scope): unknown {
  try {
    return toJson(scope.evaluate(expression));
  } catch (error) {
    throw new ConfigurationError(expressionError(expression, error));
  }
}

function applyConfiguration(draft: KubeObject, request: AdmissionRequest, configuration: unknown): unknown {
  if (!isJsonObject(configuration)) throw new ConfigurationError('apply configuration must be an object');
  const own: JsonObject = { ...configuration, apiVersion: draft.apiVersion, kind: draft.kind };
  return mergeConfiguration(schemaOf(request.entry), draft as unknown as JsonObject, own);
}

function mutated(mutation: Mutation, request: AdmissionRequest, draft: KubeObject, scope: Scope): unknown {
  if (mutation.patchType === 'ApplyConfiguration') {
    return applyConfiguration(draft, request, resultOf(mutation.applyConfiguration?.expression ?? '', scope));
  }
  const operations = resultOf(mutation.jsonPatch?.expression ?? '', scope);
  if (!Array.isArray(operations)) throw new ConfigurationError('JSON patch must be a list of JSONPatch');
  return jsonPatch(draft, operations);
}

/** Carries out one mutation on the draft. What cannot be carried out is the policy's failure. */
function mutate(mutation: Mutation, request: AdmissionRequest, draft: KubeObject, scope: Scope): void {
  try {
    const next = mutated(mutation, request, deepClone(draft), scope);
    const decoded = decodePatched(request.entry, next, (problem) => plainError(problem));
    replaceDraft(draft, deepClone(decoded.object));
    request.entry.row.strategy.applyDefaults?.(draft);
  } catch (error) {
    if (error instanceof ApiError)
      throw new ConfigurationError(error.cause instanceof Error ? error.cause.message : error.message);
    throw error;
  }
}

/** True when the object was changed. */
async function run(bound: BoundPolicy, request: AdmissionRequest, parts: MutatingParts): Promise<boolean> {
  const draft = request.object;
  if (draft === undefined) return false;
  const before = deepClone(draft);
  const spec = bound.policy.spec ?? {};
  try {
    for (const params of await paramsOf(bound, request, parts)) {
      if (!conditionsHold(spec.matchConditions ?? [], scopeOf({ request, spec, params }, parts))) continue;
      // Each mutation sees what those before it made.
      for (const mutation of spec.mutations ?? []) {
        mutate(mutation, request, draft, scopeOf({ request, spec, params }, parts));
      }
    }
  } catch (error) {
    replaceDraft(draft, before);
    if (!(error instanceof ConfigurationError)) throw error;
    if (spec.failurePolicy !== 'Ignore') {
      throw denial(request, refusalText('MutatingAdmissionPolicy', bound, error.message));
    }
  }
  return !deepEqual(before, draft);
}

const OPERATIONS: readonly Operation[] = ['CREATE', 'UPDATE'];

export function mutatingPolicies(parts: MutatingParts): AdmissionPlugin {
  return {
    name: 'MutatingAdmissionPolicy',
    operations: OPERATIONS,
    async admit(request) {
      const bounds = boundPolicies({ policies: parts.policies(), bindings: parts.bindings() }, request, parts);
      // Those that ask for it are run once more when a later one changed the object.
      const again = new Set<BoundPolicy>();
      for (const [i, bound] of bounds.entries()) {
        if (!(await run(bound, request, parts))) continue;
        for (const earlier of bounds.slice(0, i)) {
          if (earlier.policy.spec?.reinvocationPolicy === 'IfNeeded') again.add(earlier);
        }
      }
      for (const bound of again) await run(bound, request, parts);
    },
  };
}
