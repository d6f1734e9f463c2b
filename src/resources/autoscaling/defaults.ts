// Defaults of a HorizontalPodAutoscaler in its v2 form. https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
import type { HorizontalPodAutoscaler, HPAScalingRules } from '../generated/autoscaling-v2.ts';

const DEFAULT_CPU_PERCENT = 80;

function scaleUpDefaults(rules: HPAScalingRules | undefined): HPAScalingRules {
  return {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
    ...given(rules),
  };
}

function scaleDownDefaults(rules: HPAScalingRules | undefined): HPAScalingRules {
  return {
    selectPolicy: 'Max',
    policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
    ...given(rules),
  };
}

function given(rules: HPAScalingRules | undefined): HPAScalingRules {
  const set: HPAScalingRules = { ...rules };
  for (const key of ['stabilizationWindowSeconds', 'selectPolicy', 'policies', 'tolerance'] as const)
    if (set[key] === undefined || set[key] === null) delete set[key];
  return set;
}

export function applyDefaults(draft: HorizontalPodAutoscaler): void {
  draft.spec ??= { scaleTargetRef: { kind: '', name: '' }, maxReplicas: 0 };
  const { spec } = draft;
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0)
    spec.metrics = [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: DEFAULT_CPU_PERCENT } },
      },
    ];
  if (spec.behavior === undefined) return;
  spec.behavior.scaleUp = scaleUpDefaults(spec.behavior.scaleUp);
  spec.behavior.scaleDown = scaleDownDefaults(spec.behavior.scaleDown);
}
