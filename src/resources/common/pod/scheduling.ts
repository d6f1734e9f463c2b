// Where a pod may run: affinity to pods, tolerations, spread over topologies, gates.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { isValidLabelValue } from '../../../machinery/names.ts';
import type {
  Affinity,
  PodAffinity,
  PodAffinityTerm,
  PodReadinessGate,
  PodSchedulingGate,
  Toleration,
  TopologySpreadConstraint,
} from '../../generated/core-v1.ts';
import type { LabelSelector } from '../../generated/meta-v1.ts';
import { checkOneOf, type Findings } from '../collect.ts';
import { checkLabelName, checkLabelSelector, checkQualifiedName } from '../labels.ts';
import { checkDnsLabel } from '../names.ts';
import { checkNodeAffinity, checkWeight } from './node-selectors.ts';
import type { PodScope } from './scope.ts';

export function checkAffinity(affinity: Affinity, path: FieldPath, scope: PodScope): void {
  if (affinity.nodeAffinity)
    checkNodeAffinity(
      affinity.nodeAffinity,
      path.child('nodeAffinity'),
      { allowInvalidValues: scope.rules.allowInvalidNodeAffinityValues },
      scope.out,
    );
  if (affinity.podAffinity) checkPodAffinity(affinity.podAffinity, path.child('podAffinity'), scope);
  if (affinity.podAntiAffinity) checkPodAffinity(affinity.podAntiAffinity, path.child('podAntiAffinity'), scope);
}

function checkPodAffinity(affinity: PodAffinity, path: FieldPath, scope: PodScope): void {
  const required = path.child('requiredDuringSchedulingIgnoredDuringExecution');
  for (const [i, term] of (affinity.requiredDuringSchedulingIgnoredDuringExecution ?? []).entries())
    checkAffinityTerm(term, required.index(i), scope);
  const preferred = path.child('preferredDuringSchedulingIgnoredDuringExecution');
  for (const [i, term] of (affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    checkWeight(term.weight, preferred.index(i), scope.out);
    checkAffinityTerm(term.podAffinityTerm ?? { topologyKey: '' }, preferred.index(i).child('podAffinityTerm'), scope);
  }
}

function checkAffinityTerm(term: PodAffinityTerm, path: FieldPath, scope: PodScope): void {
  const { out } = scope;
  const leniency = { allowInvalidValues: scope.rules.allowInvalidSelectorValues };
  checkLabelSelector(term.labelSelector, path.child('labelSelector'), leniency, out);
  checkLabelSelector(term.namespaceSelector, path.child('namespaceSelector'), leniency, out);
  for (const name of term.namespaces ?? []) checkDnsLabel(name, path.child('namespace'), out);
  if (term.matchLabelKeys || term.mismatchLabelKeys) checkLabelKeys(term, path, out);
  if (!term.topologyKey) out.push(fieldErrors.required(path.child('topologyKey'), 'can not be empty'));
  checkLabelName(term.topologyKey ?? '', path.child('topologyKey'), out);
}

/** What a selector gets from the pod's own labels. */
type LabelKeys = Pick<PodAffinityTerm, 'labelSelector' | 'matchLabelKeys' | 'mismatchLabelKeys'>;

/** The keys are in the selector by now: twice is once too often. Source: KEP-3633. */
function checkLabelKeys(term: LabelKeys, path: FieldPath, out: Findings): void {
  const match = term.matchLabelKeys ?? [];
  const mismatch = term.mismatchLabelKeys ?? [];
  checkKeyNames(match, term.labelSelector, path.child('matchLabelKeys'), out);
  checkKeyNames(mismatch, term.labelSelector, path.child('mismatchLabelKeys'), out);
  const known = new Set(Object.keys(term.labelSelector?.matchLabels ?? {}));
  for (const expression of term.labelSelector?.matchExpressions ?? []) {
    const i = match.lastIndexOf(expression.key);
    if (i >= 0 && known.has(expression.key))
      out.push(fieldErrors.invalid(path.index(i), expression.key, 'exists in both matchLabelKeys and labelSelector'));
    known.add(expression.key);
  }
  for (const [i, key] of match.entries())
    if (mismatch.includes(key))
      out.push(
        fieldErrors.invalid(
          path.child('matchLabelKeys').index(i),
          key,
          'exists in both matchLabelKeys and mismatchLabelKeys',
        ),
      );
}

const NO_SELECTOR = 'must not be specified when labelSelector is not set';

function checkKeyNames(
  keys: readonly string[],
  selector: LabelSelector | undefined,
  path: FieldPath,
  out: Findings,
): void {
  if (keys.length === 0) return;
  if (!selector) out.push(fieldErrors.forbidden(path, NO_SELECTOR));
  else for (const [i, key] of keys.entries()) checkLabelName(key, path.index(i), out);
}

const TAINT_EFFECTS: readonly string[] = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function checkTaintEffect(effect: string, path: FieldPath, out: Findings): void {
  checkOneOf(effect, path, { supported: TAINT_EFFECTS }, out);
}

export function checkTolerations(tolerations: readonly Toleration[], path: FieldPath, out: Findings): void {
  for (const [i, toleration] of tolerations.entries()) checkToleration(toleration, path.index(i), out);
}

function checkToleration(toleration: Toleration, path: FieldPath, out: Findings): void {
  const key = toleration.key ?? '';
  const operator = toleration.operator ?? '';
  const effect = toleration.effect ?? '';
  if (key !== '') checkLabelName(key, path.child('key'), out);
  else if (operator !== 'Exists')
    out.push(
      fieldErrors.invalid(
        path.child('operator'),
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  if (toleration.tolerationSeconds !== undefined && effect !== 'NoExecute')
    out.push(
      fieldErrors.invalid(path.child('effect'), effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"),
    );
  checkTolerationValue(operator, toleration.value ?? '', path.child('operator'), out);
  if (effect !== '') checkTaintEffect(effect, path.child('effect'), out);
}

const OPERATORS: readonly string[] = ['Equal', 'Exists'];

/** Comparison is behind the gate TaintTolerationComparisonOperators, off by default: named, but refused. Source: KEP-5471. */
const ALL_OPERATORS: readonly string[] = [...OPERATORS, 'Lt', 'Gt'];

function isComparison(operator: string): boolean {
  return operator === 'Lt' || operator === 'Gt';
}

/** Kubernetes reports a bad value at the operator. */
function checkTolerationValue(operator: string, value: string, path: FieldPath, out: Findings): void {
  if (operator === 'Equal' || operator === '') {
    const messages = isValidLabelValue(value);
    if (messages.length > 0) out.push(fieldErrors.invalid(path, value, messages.join(';')));
  } else if (operator === 'Exists') {
    if (value !== '') out.push(fieldErrors.invalid(path, value, "value must be empty when `operator` is 'Exists'"));
  } else out.push(fieldErrors.notSupported(path, operator, isComparison(operator) ? ALL_OPERATORS : OPERATORS));
}

const WHEN_UNSATISFIABLE = { supported: ['DoNotSchedule', 'ScheduleAnyway'] };
const INCLUSION_POLICIES = { supported: ['Honor', 'Ignore'] };

export function checkSpread(constraints: readonly TopologySpreadConstraint[], path: FieldPath, scope: PodScope): void {
  for (const [i, constraint] of constraints.entries()) {
    const at = path.index(i);
    checkConstraint(constraint, at, scope.out);
    checkNotRepeated(constraint, constraints.slice(i + 1), at, scope.out);
    checkConstraintDetails(constraint, at, scope);
  }
}

function checkConstraint(constraint: TopologySpreadConstraint, path: FieldPath, out: Findings): void {
  if ((constraint.maxSkew ?? 0) <= 0)
    out.push(fieldErrors.invalid(path.child('maxSkew'), constraint.maxSkew ?? 0, 'must be greater than zero'));
  if (!constraint.topologyKey) out.push(fieldErrors.required(path.child('topologyKey'), 'can not be empty'));
  checkOneOf(constraint.whenUnsatisfiable ?? '', path.child('whenUnsatisfiable'), WHEN_UNSATISFIABLE, out);
}

function checkNotRepeated(
  constraint: TopologySpreadConstraint,
  rest: readonly TopologySpreadConstraint[],
  path: FieldPath,
  out: Findings,
): void {
  const { topologyKey, whenUnsatisfiable } = constraint;
  if (rest.some((r) => r.topologyKey === topologyKey && r.whenUnsatisfiable === whenUnsatisfiable))
    out.push(
      fieldErrors.duplicate(path.child('{topologyKey, whenUnsatisfiable}'), `{${topologyKey}, ${whenUnsatisfiable}}`),
    );
}

function checkConstraintDetails(constraint: TopologySpreadConstraint, path: FieldPath, scope: PodScope): void {
  const { out } = scope;
  const domains = constraint.minDomains;
  if (domains !== undefined) {
    const at = path.child('minDomains');
    if (domains <= 0) out.push(fieldErrors.invalid(at, domains, 'must be greater than zero'));
    if (constraint.whenUnsatisfiable !== 'DoNotSchedule')
      out.push(
        fieldErrors.invalid(
          at,
          domains,
          `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${constraint.whenUnsatisfiable ?? ''}`,
        ),
      );
  }
  for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
    const policy = constraint[field];
    if (policy !== undefined) checkOneOf(policy, path.child(field), INCLUSION_POLICIES, out);
  }
  if (constraint.matchLabelKeys) checkLabelKeys(constraint, path, out);
  if (!scope.rules.allowInvalidSpreadSelector)
    checkLabelSelector(constraint.labelSelector, path.child('labelSelector'), {}, out);
}

export function checkReadinessGates(gates: readonly PodReadinessGate[], path: FieldPath, out: Findings): void {
  for (const [i, gate] of gates.entries())
    checkQualifiedName(gate.conditionType ?? '', path.index(i).child('conditionType'), out);
}

export function checkSchedulingGates(gates: readonly PodSchedulingGate[], path: FieldPath, out: Findings): void {
  const seen = new Set<string>();
  for (const [i, gate] of gates.entries()) {
    const name = gate.name ?? '';
    checkQualifiedName(name, path.index(i), out);
    if (seen.has(name)) out.push(fieldErrors.duplicate(path.index(i), name));
    seen.add(name);
  }
}
