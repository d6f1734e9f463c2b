// Pods that no node takes, and what keeps the nodes from it.
import type { NodeSelectorRequirement } from '../../resources/generated/core-v1.ts';
import { type Facts, podFacts, type Rule } from './rule.ts';
import { eventOf, type PodView } from './view.ts';

/** The scheduler's sentence without what only tells of preemption. */
const plain = (message: string): string =>
  message
    .replace(/\.?( no new claims to deallocate,)? preemption: .*$/s, '')
    .replace(/\. not found$/, '')
    .replace(/\.+$/, '');

function schedulerSays(view: PodView, message: RegExp): Facts | undefined {
  if ((view.pod.spec?.nodeName ?? '') !== '') return undefined;
  const condition = view.pod.status?.conditions?.find((c) => c.type === 'PodScheduled' && c.status === 'False');
  const words = condition?.message ?? eventOf(view, 'FailedScheduling') ?? '';
  return message.test(words) ? podFacts(view, { message: plain(words) }) : undefined;
}

function noFittingNode(view: PodView): Facts | undefined {
  const selector = Object.entries(view.pod.spec?.nodeSelector ?? {}).map(([k, v]) => `${k}=${v}`);
  const facts = selector.length === 0 ? undefined : schedulerSays(view, /node affinity\/selector/);
  return facts && { ...facts, selector: selector.join(','), labels: selector.join(' ') };
}

const expression = ({ key, operator, values }: NodeSelectorRequirement): string =>
  values === undefined ? `${key} ${operator}` : `${key} ${operator} (${values.join(', ')})`;

function noFittingAffinity(view: PodView): Facts | undefined {
  const required = view.pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const asked = (required?.nodeSelectorTerms ?? []).flatMap((term) => term.matchExpressions ?? []);
  const facts = schedulerSays(view, /node affinity\/selector/);
  const positive = asked.find((one) => one.operator === 'In');
  return (
    facts && {
      ...facts,
      affinity: asked.map(expression).join('; '),
      label: positive === undefined ? 'KEY=VALUE' : `${positive.key}=${positive.values?.[0] ?? ''}`,
    }
  );
}

function tooLittleRoom(view: PodView): Facts | undefined {
  const facts = schedulerSays(view, /Insufficient|Too many pods/);
  return facts && { ...facts, resource: /Insufficient ([\w./-]+)/.exec(facts.message ?? '')?.[1] ?? 'pods' };
}

function cordoned(view: PodView): Facts | undefined {
  const node = view.nodes.find((n) => n.spec?.unschedulable === true)?.metadata.name;
  const facts = schedulerSays(view, /were unschedulable/);
  return facts && node !== undefined ? { ...facts, node } : undefined;
}

function tainted(view: PodView): Facts | undefined {
  const facts = schedulerSays(view, /untolerated taint/);
  const node = view.nodes.find((n) => (n.spec?.taints ?? []).length > 0);
  const taint = node?.spec?.taints?.[0];
  if (facts === undefined) return undefined;
  return {
    ...facts,
    node: node?.metadata.name ?? 'NODE',
    key: taint?.key ?? 'KEY',
    effect: taint?.effect ?? 'NoSchedule',
  };
}

function portTaken(view: PodView): Facts | undefined {
  const ports = (view.pod.spec?.containers ?? [])
    .flatMap((c) => (c.ports ?? []).map((p) => p.hostPort))
    .filter((p) => p !== undefined);
  const facts = schedulerSays(view, /free ports for the requested pod ports/);
  return facts && { ...facts, port: ports.join(', ') };
}

function claimMissing(view: PodView): Facts | undefined {
  const facts = schedulerSays(view, /persistentvolumeclaim "[^"]+" not found/);
  return facts && { ...facts, claim: /persistentvolumeclaim "([^"]+)"/.exec(facts.message ?? '')?.[1] ?? '' };
}

function claimUnbound(view: PodView): Facts | undefined {
  const facts = schedulerSays(
    view,
    /unbound immediate|persistentvolumeclaim|did(n't| not) find available persistent volumes/,
  );
  const claims = (view.pod.spec?.volumes ?? []).flatMap((v) => v.persistentVolumeClaim?.claimName ?? []);
  return facts && { ...facts, claim: claims[0] ?? '' };
}

function gated(view: PodView): Facts | undefined {
  const gates = (view.pod.spec?.schedulingGates ?? []).map((g) => g.name);
  return gates.length === 0 ? undefined : podFacts(view, { gates: gates.join(', ') });
}

/** Nobody has looked at the pod: it asks for a scheduler that does not run. */
function otherScheduler(view: PodView): Facts | undefined {
  const { schedulerName: scheduler = 'default-scheduler', nodeName = '' } = view.pod.spec ?? {};
  const seen = view.pod.status?.conditions?.some((c) => c.type === 'PodScheduled') ?? false;
  return scheduler === 'default-scheduler' || nodeName !== '' || seen ? undefined : podFacts(view, { scheduler });
}

function nodeMissing(view: PodView): Facts | undefined {
  const node = view.pod.spec?.nodeName ?? '';
  return node === '' || view.nodes.some((n) => n.metadata.name === node) ? undefined : podFacts(view, { node });
}

export const SCHEDULING_RULES: readonly Rule[] = [
  { id: 'gated', find: gated },
  { id: 'other-scheduler', find: otherScheduler },
  { id: 'claim-missing', find: claimMissing },
  { id: 'claim-unbound', find: claimUnbound },
  { id: 'port-taken', find: portTaken },
  { id: 'no-fitting-node', find: noFittingNode },
  { id: 'no-fitting-affinity', find: noFittingAffinity },
  { id: 'too-little-room', find: tooLittleRoom },
  { id: 'cordoned', find: cordoned },
  { id: 'tainted', find: tainted },
  { id: 'unschedulable', find: (v) => schedulerSays(v, /./) },
  { id: 'node-missing', find: nodeMissing },
];
