// Validation of a HorizontalPodAutoscaler in its v2 form; v1 objects are checked in it, too.
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { ErrorList, NOT_NEGATIVE } from '../checks/index.ts';
import { compareQuantities } from '../common/index.ts';
import type { HorizontalPodAutoscaler, HPAScalingRules } from '../generated/autoscaling-v2.ts';
import { checkMetrics } from './metric-rules.ts';
import { checkObjectReference, type VersionRule, versionProblem } from './object-reference.ts';

const MAX_WINDOW = 3600;
const MAX_PERIOD = 1800;

function checkScalingRules(found: ErrorList, rules: HPAScalingRules | undefined, path: FieldPath): void {
  if (rules === undefined) return;
  const window = rules.stabilizationWindowSeconds;
  const at = path.child('stabilizationWindowSeconds');
  if (window !== undefined && window < 0) found.invalid(at, window, 'must be greater than or equal to zero');
  if (window !== undefined && window > MAX_WINDOW)
    found.invalid(at, window, `must be less than or equal to ${MAX_WINDOW}`);
  if (rules.selectPolicy !== undefined)
    found.oneOf(path.child('selectPolicy'), rules.selectPolicy, ['Disabled', 'Max', 'Min']);
  const policies = rules.policies ?? [];
  if (policies.length === 0) found.required(path.child('policies'), 'must specify at least one Policy');
  policies.forEach((policy, i) => {
    const here = path.child('policies').index(i);
    const { type = '', value = 0, periodSeconds = 0 } = policy;
    found.oneOf(here.child('type'), type, ['Percent', 'Pods']);
    if (value <= 0) found.invalid(here.child('value'), value, 'must be greater than zero');
    if (periodSeconds <= 0) found.invalid(here.child('periodSeconds'), periodSeconds, 'must be greater than zero');
    if (periodSeconds > MAX_PERIOD)
      found.invalid(here.child('periodSeconds'), periodSeconds, `must be less than or equal to ${MAX_PERIOD}`);
  });
  if (rules.tolerance !== undefined && compareQuantities(rules.tolerance, '0') < 0)
    found.invalid(path.child('tolerance'), rules.tolerance, NOT_NEGATIVE);
}

/** An apiVersion that is already stored is not looked at again. */
function targetRule(autoscaler: HorizontalPodAutoscaler, old: HorizontalPodAutoscaler | undefined): VersionRule {
  const { apiVersion = '', kind } = autoscaler.spec?.scaleTargetRef ?? {};
  const before = old?.spec?.scaleTargetRef;
  if (old !== undefined && (before?.apiVersion ?? '') === apiVersion && before?.kind === kind) return 'any';
  return kind === 'ReplicationController' ? 'readable' : 'group';
}

function metricRule(old: HorizontalPodAutoscaler | undefined): VersionRule {
  const measured = (old?.spec?.metrics ?? []).filter(({ type }) => type === 'Object');
  return measured.some(({ object }) => versionProblem(object?.describedObject, 'readable') !== '') ? 'any' : 'readable';
}

export function validateAutoscaler(autoscaler: HorizontalPodAutoscaler, old?: HorizontalPodAutoscaler): FieldError[] {
  const found = new ErrorList();
  const path = FieldPath.of('spec');
  const { minReplicas, maxReplicas = 0, scaleTargetRef, metrics, behavior } = autoscaler.spec ?? {};
  const least = old?.spec?.minReplicas === 0 ? 0 : 1;
  if (minReplicas !== undefined && minReplicas < least)
    found.invalid(path.child('minReplicas'), minReplicas, `must be greater than or equal to ${least}`);
  if (maxReplicas === 0) found.required(path.child('maxReplicas'), 'must be set and greater than 0');
  else if (maxReplicas < 1) found.invalid(path.child('maxReplicas'), maxReplicas, 'must be greater than or equal to 1');
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    found.invalid(path.child('maxReplicas'), maxReplicas, 'must be greater than or equal to `minReplicas`');
  checkObjectReference(found, scaleTargetRef, {
    path: path.child('scaleTargetRef'),
    rule: targetRule(autoscaler, old),
  });
  checkMetrics(found, metrics ?? [], { path: path.child('metrics'), minReplicas, rule: metricRule(old) });
  checkScalingRules(found, behavior?.scaleUp, path.child('behavior', 'scaleUp'));
  checkScalingRules(found, behavior?.scaleDown, path.child('behavior', 'scaleDown'));
  return found.errors;
}

export function validateAutoscalerStatus(autoscaler: HorizontalPodAutoscaler): FieldError[] {
  const found = new ErrorList();
  const path = FieldPath.of('status');
  found.notNegative(path.child('currentReplicas'), autoscaler.status?.currentReplicas);
  found.notNegative(path.child('desiredReplicas'), autoscaler.status?.desiredReplicas);
  return found.errors;
}
