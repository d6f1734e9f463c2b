// Node selectors and node affinity: which nodes a pod or a volume may be on.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#node-affinity
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { isDns1123Subdomain, isValidLabelValue } from '../../../machinery/names.ts';
import type { NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from '../../generated/core-v1.ts';
import { addInvalid, type Findings } from '../collect.ts';
import { checkLabelName, checkSetValues } from '../labels.ts';

/** Values that are no label values may stay where an old object has them, and in mere preferences. */
export interface TermRules {
  readonly allowInvalidValues: boolean;
}

const LENIENT: TermRules = { allowInvalidValues: true };

export function checkNodeSelector(selector: NodeSelector, path: FieldPath, rules: TermRules, out: Findings): void {
  const terms = selector.nodeSelectorTerms ?? [];
  const at = path.child('nodeSelectorTerms');
  if (terms.length === 0) out.push(fieldErrors.required(at, 'must have at least one node selector term'));
  for (const [i, term] of terms.entries()) checkTerm(term, at.index(i), rules, out);
}

function checkTerm(term: NodeSelectorTerm, path: FieldPath, rules: TermRules, out: Findings): void {
  for (const [i, requirement] of (term.matchExpressions ?? []).entries())
    checkRequirement(requirement, path.child('matchExpressions').index(i), rules, out);
  for (const [i, requirement] of (term.matchFields ?? []).entries())
    checkFieldRequirement(requirement, path.child('matchFields').index(i), out);
}

function checkRequirement(
  requirement: NodeSelectorRequirement,
  path: FieldPath,
  rules: TermRules,
  out: Findings,
): void {
  const values = requirement.values ?? [];
  if (requirement.operator === 'Gt' || requirement.operator === 'Lt') {
    if (values.length !== 1)
      out.push(
        fieldErrors.required(path.child('values'), "must be specified single value when `operator` is 'Lt' or 'Gt'"),
      );
  } else if (!checkSetValues(requirement, path.child('values'), out))
    out.push(fieldErrors.invalid(path.child('operator'), requirement.operator ?? '', 'not a valid selector operator'));
  checkLabelName(requirement.key ?? '', path.child('key'), out);
  if (rules.allowInvalidValues) return;
  for (const [i, value] of values.entries())
    addInvalid(value, path.child('values').index(i), isValidLabelValue(value), out);
}

function checkFieldRequirement(requirement: NodeSelectorRequirement, path: FieldPath, out: Findings): void {
  const values = requirement.values ?? [];
  if (requirement.operator !== 'In' && requirement.operator !== 'NotIn')
    out.push(fieldErrors.invalid(path.child('operator'), requirement.operator ?? '', 'not a valid selector operator'));
  else if (values.length !== 1)
    out.push(
      fieldErrors.required(
        path.child('values'),
        "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
      ),
    );
  if (requirement.key !== 'metadata.name') {
    out.push(fieldErrors.invalid(path.child('key'), requirement.key ?? '', 'not a valid field selector key'));
    return;
  }
  for (const [i, value] of values.entries())
    addInvalid(value, path.child('values').index(i), isDns1123Subdomain(value), out);
}

export function checkWeight(weight: number | undefined, path: FieldPath, out: Findings): void {
  const value = weight ?? 0;
  if (value <= 0 || value > 100)
    out.push(fieldErrors.invalid(path.child('weight'), value, 'must be in the range 1-100'));
}

export function checkNodeAffinity(affinity: NodeAffinity, path: FieldPath, rules: TermRules, out: Findings): void {
  const required = affinity.requiredDuringSchedulingIgnoredDuringExecution;
  if (required) checkNodeSelector(required, path.child('requiredDuringSchedulingIgnoredDuringExecution'), rules, out);
  const preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const at = path.child('preferredDuringSchedulingIgnoredDuringExecution');
  for (const [i, term] of preferred.entries()) {
    checkWeight(term.weight, at.index(i), out);
    checkTerm(term.preference ?? {}, at.index(i).child('preference'), LENIENT, out);
  }
}

/** True when a required term has values that are no label values. */
export function hasInvalidValues(selector: NodeSelector | undefined): boolean {
  return (selector?.nodeSelectorTerms ?? []).some((term) =>
    (term.matchExpressions ?? []).some((e) => (e.values ?? []).some((v) => isValidLabelValue(v).length > 0)),
  );
}
