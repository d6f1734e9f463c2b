// Match conditions: CEL expressions that must all be true for a webhook or policy to be asked.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions

import { DYN } from '../../../machinery/cel/index.ts';
import type { JsonObject } from '../../../machinery/object.ts';
import { expressionError, OUT_OF_BUDGET, Programs } from './programs.ts';

export interface Condition {
  readonly name: string;
  readonly expression: string;
}

/** What the conditions of one request may cost together, and each of them alone. */
const BUDGET = 2_500_000;
const EACH = 1_000_000;
const programs = new Programs({ params: DYN });

export interface Seen {
  /** The AdmissionRequest document: holds object and oldObject. */
  readonly document: JsonObject;
  /** `authorizer` and what belongs to it. */
  readonly authorizer: Readonly<Record<string, unknown>>;
  readonly params?: JsonObject | null;
}

export type Verdict = { readonly matches: boolean } | { readonly error: string };

/** False as soon as one is false; errors only count when none is false. */
export function evaluateConditions(conditions: readonly Condition[], seen: Seen): Verdict {
  if (conditions.length === 0) return { matches: true };
  let left = BUDGET;
  const errors = new Set<string>();
  const { document, authorizer, params = null } = seen;
  // Kubernetes does not tell conditions of the namespace.
  const values = {
    ...authorizer,
    object: document.object,
    oldObject: document.oldObject,
    request: document,
    params,
    namespaceObject: null,
  };
  let isFalse = false;
  for (const { expression } of conditions) {
    const budget = { left: EACH };
    try {
      if (programs.of(expression).evaluate(values, budget) !== true) isFalse = true;
    } catch (error) {
      errors.add(expressionError(expression, error));
    }
    left -= EACH - budget.left;
    if (left < 0) return { error: OUT_OF_BUDGET };
  }
  if (isFalse) return { matches: false };
  const [first, ...others] = errors;
  if (first === undefined) return { matches: true };
  return { error: others.length === 0 ? first : `[${[...errors].join(', ')}]` };
}
