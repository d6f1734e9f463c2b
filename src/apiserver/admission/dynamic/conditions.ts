// Match conditions: CEL expressions that must all be true for a webhook or policy to be asked.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions
import { type CelProgram, compileCel, DYN } from '../../../machinery/cel/index.ts';
import type { JsonObject } from '../../../machinery/object.ts';

export interface Condition {
  readonly name: string;
  readonly expression: string;
}

const VARIABLES = { object: DYN, oldObject: DYN, request: DYN };
/** Steps that the expressions of one request may take together. */
export const CEL_BUDGET = 1_000_000;

const compiled = new Map<string, CelProgram>();

/** Compiled once per text. */
function program(expression: string): CelProgram {
  let known = compiled.get(expression);
  if (known === undefined) {
    known = compileCel(expression, VARIABLES);
    if (compiled.size > 1000) compiled.clear();
    compiled.set(expression, known);
  }
  return known;
}

export type Verdict = { readonly matches: boolean } | { readonly error: string };

/** False as soon as one is false; an error only counts when none is false. */
export function evaluateConditions(conditions: readonly Condition[], document: JsonObject): Verdict {
  const budget = { left: CEL_BUDGET };
  let failed: string | undefined;
  for (const condition of conditions) {
    try {
      const values = { object: document.object, oldObject: document.oldObject, request: document };
      if (program(condition.expression).evaluate(values, budget) !== true) return { matches: false };
    } catch (error) {
      failed ??= `expression '${condition.expression}' resulted in error: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  return failed === undefined ? { matches: true } : { error: failed };
}
