// Plans one pod: which node it goes to, or why it goes nowhere. Pure: the same pod and snapshot give the same plan.
import type { Cycle, Plugin, Rejection, Snapshot } from './framework.ts';
import type { NodeInfo, PodInfo } from './node-info.ts';
import { PLUGINS } from './plugins/index.ts';

export interface PlanOptions {
  /** In [0, 1): chooses among the best. */
  readonly random: () => number;
  /** Where to begin among many nodes, so that not always the same are looked at. */
  readonly startAt?: number;
  readonly plugins?: readonly Plugin[];
}

export type Plan =
  | { readonly kind: 'fits'; readonly node: string; readonly examined: number }
  | { readonly kind: 'no-nodes' }
  | {
      readonly kind: 'unfit';
      /** Set when no node was looked at. */
      readonly rejection: Rejection | undefined;
      /** Why each node was shut out, by name. */
      readonly rejections: ReadonlyMap<string, Rejection>;
    };

interface Running {
  readonly plugin: Plugin;
  readonly cycle: Cycle;
}

/** The filters of all plugins for one pod in one snapshot. */
export class Filters {
  readonly running: readonly Running[];
  readonly reject: Rejection | undefined;
  private readonly only: { readonly plugins: string[]; readonly nodes: ReadonlySet<string> } | undefined;

  constructor(
    private readonly pod: PodInfo,
    snapshot: Snapshot,
    plugins: readonly Plugin[] = PLUGINS,
  ) {
    const running: Running[] = [];
    let only: { plugins: string[]; nodes: ReadonlySet<string> } | undefined;
    let reject: Rejection | undefined;
    for (const plugin of plugins) {
      const cycle = plugin.begin(pod, snapshot);
      if (cycle === undefined) continue;
      reject ??= cycle.reject;
      if (cycle.only !== undefined) only = { plugins: [plugin.name], nodes: cycle.only };
      running.push({ plugin, cycle });
    }
    this.running = running;
    this.reject = reject;
    this.only = only;
  }

  check(node: NodeInfo): Rejection | undefined {
    if (this.only !== undefined && !this.only.nodes.has(node.name)) {
      const [plugin = ''] = this.only.plugins;
      return { plugin, reasons: [`node(s) didn't satisfy plugin(s) [${plugin}]`], resolvable: false };
    }
    for (const { cycle } of this.running) {
      const rejection = cycle.filter?.(node);
      if (rejection !== undefined) return rejection;
    }
    return undefined;
  }

  get podKey(): string {
    return this.pod.key;
  }
}

/** A snapshot with one node changed. */
export function withNode(snapshot: Snapshot, changed: NodeInfo): Snapshot {
  return {
    ...snapshot,
    nodes: snapshot.nodes.map((node) => (node.name === changed.name ? changed : node)),
    node: (name) => (name === changed.name ? changed : snapshot.node(name)),
    namespaceLabels: snapshot.namespaceLabels,
    nominated: snapshot.nominated,
    claim: snapshot.claim,
    volume: snapshot.volume,
    volumes: snapshot.volumes,
    storageClass: snapshot.storageClass,
    devices: snapshot.devices,
  };
}

/** Checks a node as it is and, where others wait for room there, as it will be when they have come. */
function checkNode(filters: Filters, pod: PodInfo, node: NodeInfo, snapshot: Snapshot): Rejection | undefined {
  const coming = snapshot.nominated(node.name).filter((one) => one.key !== pod.key && one.priority >= pod.priority);
  if (coming.length > 0) {
    const full = node.with([...node.pods.values(), ...coming]);
    const rejection = new Filters(pod, withNode(snapshot, full)).check(full);
    if (rejection !== undefined) return rejection;
  }
  return filters.check(node);
}

/** How many fitting nodes are enough. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/scheduler-perf-tuning/ */
function enough(nodes: number): number {
  if (nodes < 100) return nodes;
  const percentage = Math.max(5, Math.trunc(50 - nodes / 125));
  return Math.max(100, Math.trunc((nodes * percentage) / 100));
}

export function plan(pod: PodInfo, snapshot: Snapshot, options: PlanOptions): Plan {
  const { nodes } = snapshot;
  if (nodes.length === 0) return { kind: 'no-nodes' };
  const filters = new Filters(pod, snapshot, options.plugins);
  const rejections = new Map<string, Rejection>();
  if (filters.reject !== undefined) {
    for (const node of nodes) rejections.set(node.name, filters.reject);
    return { kind: 'unfit', rejection: filters.reject, rejections };
  }
  const nominated = snapshot.node(pod.pod.status?.nominatedNodeName ?? '');
  if (nominated !== undefined && checkNode(filters, pod, nominated, snapshot) === undefined)
    return { kind: 'fits', node: nominated.name, examined: 1 };
  const fitting: NodeInfo[] = [];
  const wanted = enough(nodes.length);
  const start = options.startAt ?? 0;
  let examined = 0;
  while (examined < nodes.length && fitting.length < wanted) {
    const node = nodes[(start + examined++) % nodes.length];
    if (node === undefined) continue;
    const rejection = checkNode(filters, pod, node, snapshot);
    if (rejection === undefined) fitting.push(node);
    else rejections.set(node.name, rejection);
  }
  const [first] = fitting;
  if (first === undefined) return { kind: 'unfit', rejection: undefined, rejections };
  const node = fitting.length === 1 ? first : best(filters.running, fitting, options.random);
  return { kind: 'fits', node: node.name, examined };
}

function best(running: readonly Running[], nodes: readonly NodeInfo[], random: () => number): NodeInfo {
  const totals = scores(running, nodes);
  const greatest = Math.max(...totals);
  const top = nodes.filter((_, i) => totals[i] === greatest);
  const chosen = top[Math.floor(random() * top.length)] ?? nodes[0];
  if (chosen === undefined) throw new Error('there is no node to choose from');
  return chosen;
}

/** The weighted sum of all plugins' scores for each node. */
export function scores(running: readonly Running[], nodes: readonly NodeInfo[]): number[] {
  const totals = nodes.map(() => 0);
  for (const { plugin, cycle } of running) {
    if (cycle.score === undefined) continue;
    cycle.beforeScore?.(nodes);
    const raw = nodes.map((node) => cycle.score?.(node) ?? 0);
    const normal = cycle.normalize?.(raw) ?? raw;
    normal.forEach((score, i) => {
      totals[i] = (totals[i] ?? 0) + score * plugin.weight;
    });
  }
  return totals;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
export function unfitMessage(total: number, plan: Extract<Plan, { kind: 'unfit' }>): string {
  const head = `0/${total} nodes are available:`;
  if (plan.rejection !== undefined) return `${head} ${plan.rejection.reasons.join(', ')}.`;
  return `${head}${histogram([...plan.rejections.values()].flatMap((one) => one.reasons))}`;
}

/** ` 1 this, 2 that.`, sorted as text. */
export function histogram(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const lines = [...counts].map(([reason, count]) => `${count} ${reason}`).sort((a, b) => (a < b ? -1 : 1));
  return lines.length === 0 ? '' : ` ${lines.join(', ')}.`;
}
