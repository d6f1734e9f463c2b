// The failures that beginners meet most, each told by what Kubernetes itself shows. The first rule that fits is the answer.
import { CONTAINER_RULES } from './container-rules.ts';
import { IMAGE_RULES } from './image-rules.ts';
import { type Facts, podFacts, type Rule, type RuleId } from './rule.ts';
import { SCHEDULING_RULES } from './scheduling-rules.ts';
import { eventOf, type PodView, waiting } from './view.ts';

const stage = (view: PodView, reason: string): Facts | undefined =>
  view.pod.status?.reason === reason ? podFacts(view, { message: (view.pod.status.message ?? '').trim() }) : undefined;

function heldByFinalizer({ pod, ...view }: PodView): Facts | undefined {
  const finalizers = pod.metadata.finalizers ?? [];
  if (pod.metadata.deletionTimestamp === undefined || finalizers.length === 0) return undefined;
  return podFacts({ pod, ...view }, { finalizers: finalizers.join(', ') });
}

function ending(view: PodView): Facts | undefined {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = view.pod.metadata;
  return deletionTimestamp === undefined ? undefined : podFacts(view, { seconds: String(deletionGracePeriodSeconds) });
}

/** The pod's own limit, and not the node's disk. */
function overDiskLimit(view: PodView): Facts | undefined {
  const facts = stage(view, 'Evicted');
  return facts !== undefined && /exceeds?(ed)? .*limit/.test(facts.message ?? '') ? facts : undefined;
}

function readinessFails(view: PodView): Facts | undefined {
  const container = view.containers.find(
    (c) =>
      !c.init &&
      c.status?.state?.running !== undefined &&
      c.status.ready !== true &&
      c.spec.readinessProbe !== undefined,
  );
  if (container === undefined) return undefined;
  return podFacts(view, { container: container.name, message: eventOf(view, 'Unhealthy', /^Readiness/) ?? '' });
}

const isTrue = (view: PodView, type: string): boolean =>
  (view.pod.status?.conditions ?? []).some((c) => c.type === type && c.status === 'True');

function readinessGate(view: PodView): Facts | undefined {
  const gate = (view.pod.spec?.readinessGates ?? []).find((g) => !isTrue(view, g.conditionType));
  return gate === undefined || !isTrue(view, 'ContainersReady')
    ? undefined
    : podFacts(view, { gate: gate.conditionType });
}

function pulling(view: PodView): Facts | undefined {
  const last = view.events.at(-1);
  return waiting(view, ['ContainerCreating']) !== undefined && last?.reason === 'Pulling'
    ? podFacts(view, { message: last.message ?? '' })
    : undefined;
}

function failed(view: PodView): Facts | undefined {
  const { phase, message, reason = '' } = view.pod.status ?? {};
  return phase === 'Failed' ? podFacts(view, { message: message ?? reason }) : undefined;
}

export const RULES: readonly Rule[] = [
  { id: 'held-by-finalizer', find: heldByFinalizer },
  { id: 'ending', find: ending },
  { id: 'over-disk-limit', find: overDiskLimit },
  { id: 'evicted', find: (v) => stage(v, 'Evicted') },
  { id: 'too-late', find: (v) => stage(v, 'DeadlineExceeded') },
  ...IMAGE_RULES,
  ...CONTAINER_RULES,
  ...SCHEDULING_RULES,
  { id: 'readiness-fails', find: readinessFails },
  { id: 'readiness-gate', find: readinessGate },
  { id: 'failed', find: failed },
  { id: 'succeeded', find: (v) => (v.pod.status?.phase === 'Succeeded' ? podFacts(v) : undefined) },
  { id: 'pulling', find: pulling },
  { id: 'well', find: (v) => (isTrue(v, 'Ready') ? podFacts(v) : undefined) },
  { id: 'starting', find: (v) => podFacts(v) },
];

export interface Diagnosis {
  readonly id: RuleId;
  readonly facts: Facts;
}

export function diagnose(view: PodView): Diagnosis {
  for (const rule of RULES) {
    const facts = rule.find(view);
    if (facts !== undefined) return { id: rule.id, facts };
  }
  return { id: 'starting', facts: podFacts(view) };
}
