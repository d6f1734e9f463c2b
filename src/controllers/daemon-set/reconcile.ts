// On which nodes a DaemonSet's pod belongs, what is made and taken away, and what its status is. Pure.
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/
import { podWantsNode, untolerated } from '../../client/index.ts';
import { generateName } from '../../machinery/hash.ts';
import type { DaemonSet, DaemonSetStatus } from '../../resources/generated/apps-v1.ts';
import type { Node, Pod, PodSpec, Toleration } from '../../resources/generated/core-v1.ts';
import { scaledUp } from '../shared/int-or-percent.ts';
import { createdAt, isAvailable, isReady, podFromTemplate, readySince } from '../shared/pods.ts';

export const REVISION_LABEL = 'controller-revision-hash';
const GENERATION_LABEL = 'pod-template-generation';
const BURST = 250;

/** Daemons stay where others are driven off. */
function tolerationsFor(spec: PodSpec): Toleration[] {
  const exists = (key: string, effect: string): Toleration => ({
    key: `node.kubernetes.io/${key}`,
    operator: 'Exists',
    effect,
  });
  const wanted = [
    exists('not-ready', 'NoExecute'),
    exists('unreachable', 'NoExecute'),
    exists('disk-pressure', 'NoSchedule'),
    exists('memory-pressure', 'NoSchedule'),
    exists('pid-pressure', 'NoSchedule'),
    exists('unschedulable', 'NoSchedule'),
    ...(spec.hostNetwork === true ? [exists('network-unavailable', 'NoSchedule')] : []),
  ];
  const own = spec.tolerations ?? [];
  const has = (one: Toleration): boolean =>
    own.some(
      (t) => t.key === one.key && t.effect === one.effect && t.operator === one.operator && (t.value ?? '') === '',
    );
  return [...own, ...wanted.filter((one) => !has(one))];
}

/** The pod is tied to its node by an affinity to the node's name, so that the scheduler can still refuse it. */
function tiedTo(spec: PodSpec, node: string): PodSpec {
  const required = { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] };
  const old = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms =
    old === undefined || old.nodeSelectorTerms.length === 0
      ? [required]
      : old.nodeSelectorTerms.map((term) => ({ ...term, ...required }));
  return {
    ...spec,
    tolerations: tolerationsFor(spec),
    affinity: {
      ...spec.affinity,
      nodeAffinity: {
        ...spec.affinity?.nodeAffinity,
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms },
      },
    },
  };
}

/** Where the pod is, or is meant to go. */
export function nodeOf(pod: Pod): string {
  const bound = pod.spec?.nodeName ?? '';
  if (bound !== '') return bound;
  const terms =
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  for (const { matchFields = [] } of terms)
    for (const field of matchFields) if (field.key === 'metadata.name') return field.values?.[0] ?? '';
  return '';
}

export function belongs(set: DaemonSet, node: Node): { readonly run: boolean; readonly stay: boolean } {
  const spec = set.spec?.template?.spec ?? { containers: [] };
  const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec };
  const name = node.metadata.name ?? '';
  if (spec.nodeName !== undefined && spec.nodeName !== '' && spec.nodeName !== name) return { run: false, stay: false };
  if (!podWantsNode(pod, { name, labels: node.metadata.labels ?? {} })) return { run: false, stay: false };
  const tolerations = tolerationsFor(spec);
  const driven = untolerated(node.spec?.taints, tolerations, ['NoExecute']) !== undefined;
  const shut = untolerated(node.spec?.taints, tolerations, ['NoSchedule', 'NoExecute']) !== undefined;
  return { run: !shut, stay: !driven };
}

export interface DaemonInput {
  readonly set: DaemonSet;
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  /** The hash of the present template. */
  readonly hash: string;
  readonly now: number;
  readonly random: () => number;
}

export interface DaemonPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
  /** Failed ones: they are removed with an event. */
  readonly failed: readonly Pod[];
}

function byNode(pods: readonly Pod[]): Map<string, Pod[]> {
  const out = new Map<string, Pod[]>();
  for (const pod of pods) {
    const node = nodeOf(pod);
    const group = out.get(node);
    if (group === undefined) out.set(node, [pod]);
    else group.push(pod);
  }
  return out;
}

const isUpdated = (pod: Pod, hash: string): boolean => pod.metadata.labels?.[REVISION_LABEL] === hash;
const isGoing = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

export function planDaemons(input: DaemonInput): DaemonPlan {
  const { set, nodes, pods, hash } = input;
  const placed = byNode(pods);
  const create: string[] = [];
  const remove: Pod[] = [];
  const failed: Pod[] = [];
  const known = new Set(nodes.map((node) => node.metadata.name ?? ''));
  for (const node of nodes) {
    const name = node.metadata.name ?? '';
    const here = placed.get(name) ?? [];
    const { run, stay } = belongs(set, node);
    if (!stay) {
      remove.push(...here.filter((pod) => !isGoing(pod)));
      continue;
    }
    const broken = here.filter((pod) => pod.status?.phase === 'Failed' && !isGoing(pod));
    failed.push(...broken);
    const alive = here.filter((pod) => !isGoing(pod) && pod.status?.phase !== 'Failed');
    if (run && here.filter((pod) => !broken.includes(pod)).length === 0 && broken.length === 0) create.push(name);
    remove.push(...surplus(input, alive));
  }
  // Pods that wait for a node that is gone.
  for (const [name, here] of placed)
    if (!known.has(name)) remove.push(...here.filter((pod) => !isGoing(pod) && (pod.spec?.nodeName ?? '') === ''));
  const rolling = rollingUpdate(input, placed);
  const made = [...create, ...rolling.create]
    .slice(0, BURST)
    .map((node) => daemonPod(set, node, { hash, random: input.random }));
  return { create: made, remove: [...remove, ...rolling.remove].slice(0, BURST), failed };
}

/** Of several on one node the oldest stays; during a surge an old one and a new one may stand side by side. */
function surplus({ set, hash, now }: DaemonInput, alive: readonly Pod[]): Pod[] {
  if (alive.length <= 1) return [];
  const oldestFirst = [...alive].sort((a, b) => createdAt(a) - createdAt(b));
  if (surgeOf(set) === 0) return oldestFirst.slice(1);
  const fresh = oldestFirst.filter((pod) => isUpdated(pod, hash));
  const old = oldestFirst.filter((pod) => !isUpdated(pod, hash));
  const extra = [...fresh.slice(1), ...old.slice(1)];
  const [newest] = fresh;
  const [kept] = old;
  const ready = newest !== undefined && isAvailable(newest, set.spec?.minReadySeconds ?? 0, now);
  return ready && kept !== undefined ? [...extra, kept] : extra;
}

function surgeOf(set: DaemonSet): number {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  if (type === 'OnDelete') return 0;
  return scaledUp(rollingUpdate?.maxSurge ?? 0, set.status?.desiredNumberScheduled ?? 0);
}

function rollingUpdate(input: DaemonInput, placed: ReadonlyMap<string, Pod[]>): { create: string[]; remove: Pod[] } {
  const { set, nodes, hash, now } = input;
  if (set.spec?.updateStrategy?.type === 'OnDelete') return { create: [], remove: [] };
  const wanted = nodes.filter((node) => belongs(set, node).run);
  const surge = scaledUp(set.spec?.updateStrategy?.rollingUpdate?.maxSurge ?? 0, wanted.length);
  const missing = scaledUp(set.spec?.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, wanted.length);
  const least = set.spec?.minReadySeconds ?? 0;
  const old: Pod[] = [];
  let unavailable = 0;
  let surging = 0;
  for (const node of nodes) {
    const here = placed.get(node.metadata.name ?? '') ?? [];
    if (!belongs(set, node).run) {
      // While a pod ends where none belongs any more, its node counts as one without.
      if (here.length > 0 && here.every(isGoing)) unavailable++;
      continue;
    }
    const alive = here.filter((pod) => !isGoing(pod));
    if (!alive.some((pod) => isAvailable(pod, least, now))) unavailable++;
    const outdated = alive.filter((pod) => !isUpdated(pod, hash));
    if (outdated.length > 0 && alive.length > outdated.length) surging++;
    else old.push(...outdated);
  }
  if (surge > 0) {
    const nodesToSurge = old.filter((pod) => isAvailable(pod, least, now)).map(nodeOf);
    const broken = old.filter((pod) => !isAvailable(pod, least, now));
    return { create: nodesToSurge.slice(0, Math.max(0, surge - surging)), remove: broken };
  }
  // What does not serve anyway goes at once; of those that do only as many as may be missing.
  const broken = old.filter((pod) => !isAvailable(pod, least, now));
  const serving = old.filter((pod) => isAvailable(pod, least, now));
  return { create: [], remove: [...broken, ...serving.slice(0, Math.max(0, missing - unavailable))] };
}

function daemonPod(set: DaemonSet, node: string, options: { hash: string; random: () => number }): Pod {
  const prefix = `${set.metadata.name ?? ''}-`;
  const template = set.spec?.template ?? {};
  const name = generateName(prefix, options.random);
  const pod = podFromTemplate({ template, owner: set, name, generateName: prefix });
  const generation = set.metadata.annotations?.['deprecated.daemonset.template.generation'];
  pod.metadata.labels = {
    ...pod.metadata.labels,
    [REVISION_LABEL]: options.hash,
    ...(generation === undefined ? {} : { [GENERATION_LABEL]: generation }),
  };
  if (pod.spec !== undefined) pod.spec = tiedTo(pod.spec, node);
  return pod;
}

const isPlaced = (pod: Pod): boolean => (pod.spec?.nodeName ?? '') !== '';

function byPlaceAndAge(a: Pod, b: Pod): number {
  if (isPlaced(a) !== isPlaced(b)) return isPlaced(a) ? -1 : 1;
  return createdAt(a) - createdAt(b) || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
}

export function daemonStatus(input: DaemonInput): { status: DaemonSetStatus; requeueAfterMs: number | undefined } {
  const { set, nodes, pods, hash, now } = input;
  const placed = byNode(pods);
  const least = set.spec?.minReadySeconds ?? 0;
  let [desired, current, misscheduled, ready, updated, available] = [0, 0, 0, 0, 0, 0];
  let next: number | undefined;
  for (const node of nodes) {
    // One pod stands for its node: the oldest that has been placed, also while it ends.
    const [first] = [...(placed.get(node.metadata.name ?? '') ?? [])].sort(byPlaceAndAge);
    if (!belongs(set, node).run) {
      if (first !== undefined) misscheduled++;
      continue;
    }
    desired++;
    if (first === undefined) continue;
    current++;
    if (isReady(first)) {
      ready++;
      if (isAvailable(first, least, now)) available++;
      else next = Math.min(next ?? Number.POSITIVE_INFINITY, readySince(first) + least * 1000 - now);
    }
    if (isUpdated(first, hash)) updated++;
  }
  const status: DaemonSetStatus = {
    currentNumberScheduled: current,
    numberMisscheduled: misscheduled,
    desiredNumberScheduled: desired,
    numberReady: ready,
    ...(set.metadata.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
    ...(updated === 0 ? {} : { updatedNumberScheduled: updated }),
    ...(available === 0 ? {} : { numberAvailable: available }),
    ...(desired - available === 0 ? {} : { numberUnavailable: desired - available }),
    ...(set.status?.collisionCount === undefined ? {} : { collisionCount: set.status.collisionCount }),
    // Nobody here sets one: they are somebody else's.
    ...(set.status?.conditions === undefined ? {} : { conditions: set.status.conditions }),
  };
  return { status, requeueAfterMs: next === undefined ? undefined : Math.max(1, next) };
}
