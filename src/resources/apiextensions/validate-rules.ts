// Validation of the CEL rules in the schema of a CustomResourceDefinition: they must compile, and may look back only where that has a meaning.
import { type FieldError, type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import type { JSONSchemaProps, ValidationRule } from '../generated/apiextensions-v1.ts';
import { compileRule, structuralSchema } from '../schema/index.ts';
import type { RuleCosts } from './rule-costs.ts';

export interface RulePlace {
  readonly root: boolean;
  /** The part of the schema in which items cannot be told apart from one write to the next. */
  readonly noOldSelf: FieldPath | undefined;
  readonly cardinality: number | undefined;
  /** Absent: what the rules cost is not asked. */
  readonly costs: RuleCosts | undefined;
}

/** A rule as refusals show it: under the names of its Go fields, all of them. */
function shown(rule: ValidationRule): Readonly<Record<string, unknown>> {
  return {
    Rule: rule.rule ?? '',
    Message: rule.message ?? '',
    MessageExpression: rule.messageExpression ?? '',
    Reason: rule.reason ?? null,
    FieldPath: rule.fieldPath ?? '',
    OptionalOldSelf: rule.optionalOldSelf ?? null,
  };
}

export function checkRules(schema: JSONSchemaProps, path: FieldPath, place: RulePlace): FieldError[] {
  const rules = schema['x-kubernetes-validations'] ?? [];
  if (rules.length === 0) return [];
  const node = structuralSchema(schema);
  const errors: FieldError[] = [];
  rules.forEach((rule, i) => {
    const at = path.child('x-kubernetes-validations').index(i);
    const { optionalOldSelf, ...rest } = rule;
    const compiled = compileRule(
      { ...rest, ...(optionalOldSelf === undefined ? {} : { optionalOldSelf }) },
      node,
      place.root,
    );
    const where = { node, root: place.root, cardinality: place.cardinality };
    const isGood = compiled.ruleProblem === undefined;
    if (isGood) errors.push(...(place.costs?.rule(compiled.program, at, where) ?? []));
    if (compiled.ruleProblem !== undefined)
      errors.push(fieldErrors.invalid(at.child('rule'), shown(rule), compiled.ruleProblem));
    if (compiled.messageProblem !== undefined) {
      errors.push(fieldErrors.invalid(at.child('messageExpression'), shown(rule), compiled.messageProblem));
    } else errors.push(...(place.costs?.message(compiled.message, at, where) ?? []));
    if (compiled.usesOldSelf && place.noOldSelf !== undefined) {
      const problem = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.noOldSelf.toString()}`;
      errors.push(fieldErrors.invalid(at.child('rule'), rule.rule, problem));
    } else if (!compiled.usesOldSelf && optionalOldSelf !== undefined) {
      const problem = 'may not be set if oldSelf is not used in rule';
      errors.push(fieldErrors.invalid(at.child('optionalOldSelf'), optionalOldSelf, problem));
    }
  });
  return errors;
}
