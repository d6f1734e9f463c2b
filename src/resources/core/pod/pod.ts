// Pods: the row of the table, and what the registry does to a pod before it is checked.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
import type { Int64 } from '../../../machinery/int64.ts';
import { isDns1123Label } from '../../../machinery/names.ts';
import { rfc3339 } from '../../../machinery/time.ts';
import { keepStatus } from '../../checks/index.ts';
import { computeQosClass, defaultPod, defaultPodSpec } from '../../common/index.ts';
import { applyAppArmorAnnotations } from '../../common/pod/annotations.ts';
import { podWarnings } from '../../common/pod/warnings.ts';
import { ALL_VERBS, defineResource, type RowCondition, type StrategyContext } from '../../definition.ts';
import type { Pod, PodAffinity, PodAffinityTerm, PodSpec } from '../../generated/core-v1.ts';
import { POD_COLUMNS } from './columns.ts';
import { preparePodStatus, syncAddresses, validatePodStatusUpdate } from './status.ts';
import { prepareEphemeral, prepareResize, validateEphemeralUpdate, validateResize } from './subresources.ts';
import { validatePodUpdate } from './update.ts';
import { validatePodCreate } from './validate.ts';

function applyDefaults(pod: Pod): void {
  pod.spec ??= { containers: [] };
  defaultPodSpec(pod.spec);
  defaultPod(pod.spec);
  syncAddresses(pod);
}

/** A time that is not yet known is sent all the same. */
const NEVER_PROBED: object = { lastProbeTime: null };

function prepareForCreate(pod: Pod, { now }: Pick<StrategyContext, 'now'>): void {
  const spec = pod.spec ?? { containers: [] };
  // Kubernetes believes the class that comes with a new pod.
  pod.status = { phase: 'Pending', qosClass: pod.status?.qosClass || computeQosClass(spec) };
  if ((spec.schedulingGates ?? []).length > 0)
    pod.status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
        lastTransitionTime: rfc3339(now),
        ...NEVER_PROBED,
      },
    ];
  applyLabelKeys(pod, spec);
  applyAppArmorAnnotations(pod.metadata.annotations, spec);
}

/** `matchLabelKeys` become part of the selector, with the pod's own labels. Source: KEP-3633, KEP-3243. */
function applyLabelKeys(pod: Pod, spec: PodSpec): void {
  const { affinity, topologySpreadConstraints } = spec;
  if (!affinity && !topologySpreadConstraints) return;
  const found: Pick<PodAffinityTerm, 'labelSelector' | 'matchLabelKeys' | 'mismatchLabelKeys'>[] = [
    ...terms(affinity?.podAffinity),
    ...terms(affinity?.podAntiAffinity),
    ...(topologySpreadConstraints ?? []),
  ];
  for (const term of found) {
    const selector = term.labelSelector;
    if (!selector) continue;
    for (const [keys, operator] of [
      [term.matchLabelKeys, 'In'],
      [term.mismatchLabelKeys, 'NotIn'],
    ] as const)
      for (const key of keys ?? []) {
        const value = pod.metadata.labels?.[key];
        if (value === undefined) continue;
        selector.matchExpressions = [...(selector.matchExpressions ?? []), { key, operator, values: [value] }];
      }
  }
}

function terms(affinity: PodAffinity | undefined): PodAffinityTerm[] {
  return [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((weighted) => weighted.podAffinityTerm),
  ];
}

function warnings(pod: Pod, old: Pod | undefined): string[] {
  // Updates come from programs, often: nobody would read the warnings.
  if (old !== undefined) return [];
  const problems = isDns1123Label(pod.metadata.name ?? '');
  const found = podWarnings(pod.spec ?? { containers: [] }, pod.metadata.annotations);
  if (problems.length === 0) return found;
  return [
    `metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [${problems.join(' ')}]`,
    ...found,
  ];
}

function gracePeriod(pod: Pod, requested: Int64 | undefined): Int64 {
  const phase = pod.status?.phase;
  if (!pod.spec?.nodeName || phase === 'Failed' || phase === 'Succeeded') return 0;
  const seconds = requested ?? pod.spec.terminationGracePeriodSeconds ?? 0;
  return seconds < 0 ? 1 : seconds;
}

/** Rows of finished pods carry a remark. */
function rowConditions(pod: Pod): readonly RowCondition[] {
  const phase = pod.status?.phase;
  if (phase === 'Succeeded')
    return [{ type: 'Completed', status: 'True', reason: phase, message: 'The pod has completed successfully.' }];
  if (phase === 'Failed') return [{ type: 'Completed', status: 'True', reason: phase, message: 'The pod failed.' }];
  return [];
}

const FIELD_LABELS = [
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.serviceAccountName',
  'spec.hostNetwork',
  'status.phase',
  'status.podIP',
  'status.podIPs',
  'status.nominatedNodeName',
];

function fieldValues(pod: Pod): Record<string, string> {
  const podIP = pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '';
  return {
    'spec.nodeName': pod.spec?.nodeName ?? '',
    'spec.restartPolicy': pod.spec?.restartPolicy ?? '',
    'spec.schedulerName': pod.spec?.schedulerName ?? '',
    'spec.serviceAccountName': pod.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': String(pod.spec?.hostNetwork === true),
    'status.phase': pod.status?.phase ?? '',
    'status.podIP': podIP,
    'status.podIPs': podIP,
    'status.nominatedNodeName': pod.status?.nominatedNodeName ?? '',
  };
}

/** Everything but the one part that a side door is for. */
const NOT_STATUS = ['spec', 'metadata.deletionTimestamp', 'metadata.ownerReferences'];

export const pods = defineResource<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.Pod',
  // The gate PodObservedGenerationTracking has it counted, as Kubernetes does from v1.35 on (KEP-5067).
  generation: 'none',
  resetFields: ['status'],
  deleteAnswersObject: true,
  gracePeriod,
  selectableFields: { labels: FIELD_LABELS, values: fieldValues },
  strategy: {
    applyDefaults,
    prepareForCreate,
    prepareForUpdate: keepStatus,
    validate: validatePodCreate,
    validateUpdate: validatePodUpdate,
    warnings,
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      resetFields: NOT_STATUS,
      strategy: { applyDefaults, prepareForUpdate: preparePodStatus, validateUpdate: validatePodStatusUpdate },
    },
    ephemeralcontainers: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      // As measured; v1.36 lets a write here own spec.ephemeralContainers, and nothing else.
      resetFields: ['spec', 'status'],
      strategy: { applyDefaults, prepareForUpdate: prepareEphemeral, validateUpdate: validateEphemeralUpdate },
    },
    resize: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      resetFields: ['status'],
      strategy: { applyDefaults, prepareForUpdate: prepareResize, validateUpdate: validateResize },
    },
    binding: { type: 'connect', verbs: ['create'], kind: 'Binding' },
    eviction: { type: 'connect', verbs: ['create'], kind: 'Eviction', group: 'policy', version: 'v1' },
    log: { type: 'connect', verbs: ['get'], kind: 'Pod' },
    exec: { type: 'connect', verbs: ['create', 'get'], kind: 'PodExecOptions' },
    attach: { type: 'connect', verbs: ['create', 'get'], kind: 'PodAttachOptions' },
    portforward: { type: 'connect', verbs: ['create', 'get'], kind: 'PodPortForwardOptions' },
    proxy: { type: 'connect', verbs: ['create', 'delete', 'get', 'patch', 'update'], kind: 'PodProxyOptions' },
  },
  columns: POD_COLUMNS,
  rowConditions,
});
