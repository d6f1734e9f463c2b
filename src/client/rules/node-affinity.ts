// Whether a node is what nodeSelector and node affinity ask for.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#node-affinity
import { requirementMatches } from '../../machinery/label-selector.ts';
import type {
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
} from '../../resources/generated/core-v1.ts';

const OPERATORS = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!', Gt: 'gt', Lt: 'lt' } as const;

/** What the rules look at of a node. */
export interface NodeFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

function requirementHolds(raw: NodeSelectorRequirement, labels: Readonly<Record<string, string>>): boolean {
  if (!Object.hasOwn(OPERATORS, raw.operator)) return false;
  const operator = OPERATORS[raw.operator as keyof typeof OPERATORS];
  return requirementMatches({ key: raw.key, operator, values: raw.values ?? [] }, labels);
}

export function nodeTermMatches(term: NodeSelectorTerm, node: NodeFacts): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  // An empty term selects nothing.
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  return (
    matchExpressions.every((one) => requirementHolds(one, node.labels)) &&
    matchFields.every((one) => requirementHolds(one, { 'metadata.name': node.name }))
  );
}

export function nodeSelectorMatches(selector: NodeSelector | undefined, node: NodeFacts): boolean {
  return selector === undefined || selector.nodeSelectorTerms.some((term) => nodeTermMatches(term, node));
}

/** nodeSelector and required node affinity together. */
export function podWantsNode(pod: Pod, node: NodeFacts): boolean {
  for (const [key, value] of Object.entries(pod.spec?.nodeSelector ?? {})) {
    if (!Object.hasOwn(node.labels, key) || node.labels[key] !== value) return false;
  }
  return nodeSelectorMatches(pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution, node);
}

/** The nodes that every term names by metadata.name; undefined when some term does not. */
export function namedNodes(pod: Pod): ReadonlySet<string> | undefined {
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined || required.nodeSelectorTerms.length === 0) return undefined;
  const names = new Set<string>();
  for (const { matchFields = [] } of required.nodeSelectorTerms) {
    const one = matchFields.find((field) => field.key === 'metadata.name' && field.operator === 'In');
    if (one === undefined) return undefined;
    for (const name of one.values ?? []) names.add(name);
  }
  return names;
}
