// What a Job reads from its pods, and how it makes them. Pure.
import { generateName, randomSuffix } from '../../machinery/hash.ts';
import { parseTime } from '../../machinery/time.ts';
import type { Job, PodFailurePolicyRule } from '../../resources/generated/batch-v1.ts';
import type { Container, Pod } from '../../resources/generated/core-v1.ts';
import { podFromTemplate } from '../shared/pods.ts';

export const TRACKING = 'batch.kubernetes.io/job-tracking';
export const INDEX = 'batch.kubernetes.io/job-completion-index';
const INDEX_FAILURES = 'batch.kubernetes.io/job-index-failure-count';

export function isIndexed(job: Job): boolean {
  return job.spec?.completionMode === 'Indexed';
}

export function indexOf(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[INDEX];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

export function isTracked(pod: Pod): boolean {
  return (pod.metadata.finalizers ?? []).includes(TRACKING);
}

/** Failed, or going before it could succeed (unless only failed pods are to be replaced: then it is waited for). */
export function hasFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true;
  if (pod.status?.phase === 'Succeeded' || pod.metadata.deletionTimestamp === undefined) return false;
  return job.spec?.podReplacementPolicy !== 'Failed' && job.spec?.podFailurePolicy === undefined;
}

/** When the pod ended, as far as it tells. */
export function endedAt(pod: Pod, now: number): number {
  const times = (pod.status?.containerStatuses ?? []).flatMap(
    (status) => parseTime(status.state?.terminated?.finishedAt ?? '') ?? [],
  );
  if (times.length > 0) return Math.max(...times);
  // Pods that failed before anything ran (evicted, refused by the node) have no such times.
  const unready = pod.status?.conditions?.find(({ type, status }) => type === 'Ready' && status === 'False');
  return (
    parseTime(unready?.lastTransitionTime ?? '') ??
    parseTime(pod.metadata.deletionTimestamp ?? '') ??
    parseTime(pod.metadata.creationTimestamp ?? '') ??
    now
  );
}

export type FailureAction = 'Count' | 'Ignore' | { readonly fail: string } | { readonly failIndex: true };

/** What the policy says of a failed pod. Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy */
export function failureAction(pod: Pod, rules: readonly PodFailurePolicyRule[]): FailureAction {
  for (const [i, rule] of rules.entries()) {
    const why = matches(pod, rule);
    if (why === undefined) continue;
    if (rule.action === 'Ignore' || rule.action === 'Count') return rule.action;
    if (rule.action === 'FailIndex') return { failIndex: true };
    return { fail: `${why} matching FailJob rule at index ${i}` };
  }
  return 'Count';
}

function matches(pod: Pod, rule: PodFailurePolicyRule): string | undefined {
  const where = `${pod.metadata.namespace}/${pod.metadata.name}`;
  const exits = rule.onExitCodes;
  if (exits !== undefined) {
    const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    for (const status of statuses) {
      const code = status.state?.terminated?.exitCode;
      if (code === undefined || code === 0) continue;
      if (exits.containerName !== undefined && exits.containerName !== status.name) continue;
      if (exits.values.includes(code) === (exits.operator === 'In'))
        return `Container ${status.name} for pod ${where} failed with exit code ${code}`;
    }
  }
  for (const wanted of rule.onPodConditions ?? []) {
    const found = pod.status?.conditions?.some(
      (one) => one.type === wanted.type && one.status === (wanted.status ?? 'True'),
    );
    if (found) return `Pod ${where} has condition ${wanted.type}`;
  }
  return undefined;
}

function withIndex(container: Container): Container {
  if ((container.env ?? []).some((one) => one.name === 'JOB_COMPLETION_INDEX')) return container;
  const valueFrom = { fieldRef: { fieldPath: `metadata.labels['${INDEX}']` } };
  return { ...container, env: [...(container.env ?? []), { name: 'JOB_COMPLETION_INDEX', valueFrom }] };
}

export interface JobPodOptions {
  readonly index: number | undefined;
  /** How often pods of the index failed before; undefined when that is not counted. */
  readonly indexFailures: number | undefined;
  readonly random: () => number;
}

export function jobPod(job: Job, { index, indexFailures, random }: JobPodOptions): Pod {
  const name = job.metadata.name ?? '';
  const template = job.spec?.template ?? {};
  const prefix = index === undefined ? `${name}-` : `${name}-${index}-`;
  const podName =
    prefix.length > 57 ? `${prefix.slice(0, 57)}-${randomSuffix(5, random)}` : generateName(prefix, random);
  const pod = podFromTemplate({ template, owner: job, name: podName, generateName: prefix });
  pod.metadata.finalizers = [...(pod.metadata.finalizers ?? []).filter((one) => one !== TRACKING), TRACKING];
  if (pod.spec === undefined) return pod;
  pod.spec = { ...pod.spec, restartPolicy: pod.spec.restartPolicy ?? 'Never' };
  if (index === undefined) return pod;
  pod.metadata.labels = { ...pod.metadata.labels, [INDEX]: String(index) };
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [INDEX]: String(index),
    ...(indexFailures === undefined ? {} : { [INDEX_FAILURES]: String(indexFailures) }),
  };
  pod.spec = {
    ...pod.spec,
    hostname: `${name}-${index}`,
    containers: pod.spec.containers.map(withIndex),
    ...(pod.spec.initContainers === undefined ? {} : { initContainers: pod.spec.initContainers.map(withIndex) }),
  };
  return pod;
}

export function indexFailuresOf(pod: Pod): number {
  return Number(pod.metadata.annotations?.[INDEX_FAILURES] ?? '0') || 0;
}
