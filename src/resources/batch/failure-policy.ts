// Validation of a Job's podFailurePolicy. https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
import type { FieldPath } from '../../machinery/field-error.ts';
import { isQualifiedName } from '../../machinery/names.ts';
import type { ErrorList } from '../checks/index.ts';
import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
} from '../generated/batch-v1.ts';

const MAX_RULES = 20;
const MAX_CODES = 255;
const MAX_CONDITIONS = 20;
const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const OPERATORS = ['In', 'NotIn'];
const STATUSES = ['False', 'True', 'Unknown'];

/** How Kubernetes shows one that was changed. */
export const FAILURE_POLICY = {
  Rules: {
    Action: '',
    OnExitCodes: { ContainerName: null, Operator: '', Values: null },
    OnPodConditions: { Type: '', Status: '' },
  },
} as const;

/** As Go prints a list of strings with %q. */
function quotedList(values: readonly string[]): string {
  return `valid values: [${values.map((value) => JSON.stringify(value)).join(' ')}]`;
}

function checkAction(found: ErrorList, rule: PodFailurePolicyRule, where: { path: FieldPath; spec: JobSpec }): void {
  const action = rule.action ?? '';
  const path = where.path.child('action');
  if (action === '') found.required(path, quotedList(ACTIONS));
  else if (action === 'FailIndex') {
    if (where.spec.backoffLimitPerIndex === undefined)
      found.invalid(path, action, 'requires the backoffLimitPerIndex to be set');
  } else found.oneOf(path, action, ACTIONS);
}

function checkCodes(
  found: ErrorList,
  given: readonly number[] | undefined,
  where: { path: FieldPath; operator: string },
): void {
  const { path, operator } = where;
  const values = given ?? [];
  if (values.length === 0) found.invalid(path, given ?? null, 'at least one value is required');
  else if (values.length > MAX_CODES) found.tooMany(path, values.length, MAX_CODES);
  const seen = new Set<number>();
  let ordered = true;
  values.forEach((value, i) => {
    if (operator === 'In' && value === 0) found.invalid(path.index(i), value, 'must not be 0 for the In operator');
    if (seen.has(value)) found.duplicate(path.index(i), value);
    seen.add(value);
    if (i > 0 && (values[i - 1] ?? 0) > value) ordered = false;
  });
  if (!ordered) found.invalid(path, values, 'must be ordered');
}

function checkExitCodes(
  found: ErrorList,
  codes: PodFailurePolicyOnExitCodesRequirement,
  where: { path: FieldPath; containers: ReadonlySet<string> },
): void {
  const { path, containers } = where;
  const operator = codes.operator ?? '';
  if (operator === '') found.required(path.child('operator'), quotedList(OPERATORS));
  else found.oneOf(path.child('operator'), operator, OPERATORS);
  const name = codes.containerName;
  if (name !== undefined && !containers.has(name))
    found.invalid(
      path.child('containerName'),
      name,
      'must be one of the container or initContainer names in the pod template',
    );
  checkCodes(found, codes.values, { path: path.child('values'), operator });
}

function checkConditions(
  found: ErrorList,
  patterns: readonly PodFailurePolicyOnPodConditionsPattern[],
  path: FieldPath,
): void {
  if (patterns.length > MAX_CONDITIONS) found.tooMany(path, patterns.length, MAX_CONDITIONS);
  patterns.forEach((pattern, i) => {
    found.text(path.index(i).child('type'), pattern.type ?? '', isQualifiedName);
    const status = pattern.status ?? '';
    const at = path.index(i).child('status');
    if (status === '') found.required(at, quotedList(STATUSES));
    else found.oneOf(at, status, STATUSES);
  });
}

export function checkFailurePolicy(found: ErrorList, spec: JobSpec, path: FieldPath): void {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const at = path.child('rules');
  if (rules.length > MAX_RULES) found.tooMany(at, rules.length, MAX_RULES);
  const pod = spec.template?.spec;
  const names = new Set([...(pod?.containers ?? []), ...(pod?.initContainers ?? [])].map(({ name }) => name));
  rules.forEach((rule, i) => {
    const here = at.index(i);
    checkAction(found, rule, { path: here, spec });
    const codes = rule.onExitCodes;
    const conditions = rule.onPodConditions ?? [];
    if (codes !== undefined) checkExitCodes(found, codes, { path: here.child('onExitCodes'), containers: names });
    if (conditions.length > 0) checkConditions(found, conditions, here.child('onPodConditions'));
    if (codes !== undefined && conditions.length > 0)
      found.invalidWithoutValue(here, 'specifying both OnExitCodes and OnPodConditions is not supported');
    if (codes === undefined && conditions.length === 0)
      found.invalidWithoutValue(here, 'specifying one of OnExitCodes and OnPodConditions is required');
  });
}
