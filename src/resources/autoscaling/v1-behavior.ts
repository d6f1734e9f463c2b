// The scaling behaviour in the annotation of autoscaling/v1: Go wrote it with the names of its own fields.
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import type {
  HorizontalPodAutoscalerBehavior,
  HPAScalingPolicy,
  HPAScalingRules,
} from '../generated/autoscaling-v2.ts';

function rulesToGo(rules: HPAScalingRules | undefined): JsonObject | null {
  if (rules === undefined) return null;
  const out: JsonObject = {
    StabilizationWindowSeconds: rules.stabilizationWindowSeconds ?? null,
    SelectPolicy: rules.selectPolicy ?? null,
    Policies:
      rules.policies?.map(({ type, value, periodSeconds }) => ({
        Type: type,
        Value: value,
        PeriodSeconds: periodSeconds,
      })) ?? null,
  };
  if (rules.tolerance !== undefined) out.Tolerance = rules.tolerance;
  return out;
}

export function behaviorToAnnotation(behavior: HorizontalPodAutoscalerBehavior): string {
  return JSON.stringify({ ScaleUp: rulesToGo(behavior.scaleUp), ScaleDown: rulesToGo(behavior.scaleDown) });
}

/** Go reads the names of fields without regard to case. */
function field(object: JsonObject, name: string): unknown {
  const key = Object.keys(object).find((one) => one.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : object[key];
}

function policyFromGo(value: unknown): HPAScalingPolicy {
  const policy = isJsonObject(value) ? value : {};
  return {
    type: String(field(policy, 'Type') ?? ''),
    value: Number(field(policy, 'Value') ?? 0),
    periodSeconds: Number(field(policy, 'PeriodSeconds') ?? 0),
  };
}

function rulesFromGo(value: unknown): HPAScalingRules | undefined {
  if (!isJsonObject(value)) return undefined;
  const rules: HPAScalingRules = {};
  const window = field(value, 'StabilizationWindowSeconds');
  const select = field(value, 'SelectPolicy');
  const policies = field(value, 'Policies');
  const tolerance = field(value, 'Tolerance');
  if (typeof window === 'number') rules.stabilizationWindowSeconds = window;
  if (typeof select === 'string') rules.selectPolicy = select;
  if (Array.isArray(policies)) rules.policies = policies.map(policyFromGo);
  if (typeof tolerance === 'string') rules.tolerance = tolerance;
  return rules;
}

export function behaviorFromAnnotation(text: string | undefined): HorizontalPodAutoscalerBehavior | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const behavior: HorizontalPodAutoscalerBehavior = {};
  const scaleUp = rulesFromGo(field(value, 'ScaleUp'));
  const scaleDown = rulesFromGo(field(value, 'ScaleDown'));
  if (scaleUp !== undefined) behavior.scaleUp = scaleUp;
  if (scaleDown !== undefined) behavior.scaleDown = scaleDown;
  return behavior;
}
