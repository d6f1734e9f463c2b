// What the CEL rules of a schema may cost together and each by itself; definitions whose rules could stop the server are refused.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#resource-use-by-validation-functions
import { type CelProgram, estimateCost } from '../../machinery/cel/index.ts';
import { type FieldError, type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { mostElements, type SchemaNode, sizeOfSchema } from '../schema/index.ts';

const RULE_LIMIT = 10_000_000;
const SCHEMA_LIMIT = 100_000_000;
/** So many of the most expensive rules are named. */
const NAMED = 4;

function exceeded(what: string, cost: number, limit: number): string {
  const factor = cost / limit;
  let text = `${factor.toFixed(1)}x`;
  if (factor > 100) text = 'more than 100x';
  else if (factor < 1.5) text = `${factor.toFixed(6)}x`;
  return `${what} exceeds budget by factor of ${text} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

export interface CostPlace {
  readonly node: SchemaNode;
  readonly root: boolean;
  /** How many values there can be at this place of the schema; undefined where a list or map has no end. */
  readonly cardinality: number | undefined;
}

export class RuleCosts {
  private total = 0;
  private readonly seen: { readonly path: FieldPath; readonly cost: number }[] = [];

  /** The errors of one rule; `at` is the rule. */
  rule(program: CelProgram | undefined, at: FieldPath, place: CostPlace): FieldError[] {
    if (program === undefined) return [];
    const { tree } = sizeOfSchema(place.node, place.root);
    const times = place.cardinality ?? mostElements(sizeOfSchema(place.node, place.root));
    const cost = estimateCost(program, { self: tree, oldSelf: tree }) * times;
    const path = at.child('rule');
    this.total += cost;
    this.seen.push({ path, cost });
    if (cost <= RULE_LIMIT) return [];
    return [fieldErrors.forbidden(path, exceeded('estimated rule cost', cost, RULE_LIMIT))];
  }

  message(program: CelProgram | undefined, at: FieldPath, place: CostPlace): FieldError[] {
    if (program === undefined) return [];
    const { tree } = sizeOfSchema(place.node, place.root);
    const cost = estimateCost(program, { self: tree, oldSelf: tree });
    const path = at.child('messageExpression');
    this.total += cost;
    this.seen.push({ path, cost });
    if (cost <= RULE_LIMIT) return [];
    const text = exceeded('estimated messageExpression cost', cost, RULE_LIMIT);
    return [fieldErrors.forbidden(path, text)];
  }

  /** What is to be said of all the rules of a schema. */
  all(schema: FieldPath): FieldError[] {
    if (this.total <= SCHEMA_LIMIT) return [];
    const heavy = this.seen.filter(({ cost }) => cost >= SCHEMA_LIMIT / 100);
    const worst = heavy.sort((a, b) => b.cost - a.cost).slice(0, NAMED);
    const contributed = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    return [
      ...worst.map(({ path }) => fieldErrors.forbidden(path, contributed)),
      fieldErrors.forbidden(schema, exceeded(what, this.total, SCHEMA_LIMIT)),
    ];
  }
}
