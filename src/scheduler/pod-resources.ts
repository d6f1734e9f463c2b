// What a pod asks of a node, as numbers: CPU in thousandths, all else in whole units.
// Rules: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
import { parseQuantity } from '../machinery/quantity.ts';
import type { Container, Pod } from '../resources/generated/core-v1.ts';

export type Amounts = ReadonlyMap<string, number>;

/** What scoring assumes of a container that asks for nothing, so that such pods spread too. */
const DEFAULT_CPU = 100;
const DEFAULT_MEMORY = 200 * 1024 * 1024;

const parsed = new Map<string, number>();

/** The amount of one resource; remembered, for the same few texts come again and again. */
export function amountOf(resource: string, text: string): number {
  const key = resource === 'cpu' ? `c${text}` : text;
  let value = parsed.get(key);
  if (value === undefined) {
    const quantity = parseQuantity(text);
    value = Number(resource === 'cpu' ? quantity.milliValue() : quantity.value());
    if (parsed.size > 10_000) parsed.clear();
    parsed.set(key, value);
  }
  return value;
}

export function amountsOf(list: Readonly<Record<string, string>> | undefined): Map<string, number> {
  const out = new Map<string, number>();
  for (const [resource, text] of Object.entries(list ?? {})) out.set(resource, amountOf(resource, text));
  return out;
}

export function addTo(total: Map<string, number>, more: Amounts, times = 1): void {
  for (const [resource, amount] of more) total.set(resource, (total.get(resource) ?? 0) + times * amount);
}

function raiseTo(total: Map<string, number>, least: Amounts): void {
  for (const [resource, amount] of least) if (amount > (total.get(resource) ?? 0)) total.set(resource, amount);
}

function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

function sumUp(pod: Pod, requestsOf: (container: Container) => Amounts): Map<string, number> {
  const total = new Map<string, number>();
  for (const container of pod.spec?.containers ?? []) addTo(total, requestsOf(container));
  const sidecars = new Map<string, number>();
  const whileStarting = new Map<string, number>();
  for (const container of pod.spec?.initContainers ?? []) {
    const asked = requestsOf(container);
    if (isSidecar(container)) {
      // Runs beside all that follow.
      addTo(total, asked);
      addTo(sidecars, asked);
      raiseTo(whileStarting, sidecars);
    } else {
      const beside = new Map(sidecars);
      addTo(beside, asked);
      raiseTo(whileStarting, beside);
    }
  }
  raiseTo(total, whileStarting);
  return total;
}

type Amount = Readonly<Record<string, string>> | undefined;

function isRefused(pod: Pod): boolean {
  return pod.status?.conditions?.find((c) => c.type === 'PodResizePending')?.reason === 'Infeasible';
}

/**
 * While a resize is under way it counts for the most of what is asked for, was granted and is in force; a resize that was refused does not count.
 * https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
 */
function mostOf(pod: Pod, asked: Amount, shown: readonly Amount[]): Map<string, number> {
  const known = shown.filter((list) => list !== undefined);
  if (known.length === 0) return amountsOf(asked);
  const most = isRefused(pod) ? new Map<string, number>() : amountsOf(asked);
  for (const list of known) raiseTo(most, amountsOf(list));
  return most;
}

function requestsOf(pod: Pod, container: Container): Map<string, number> {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const list = isSidecar(container) ? initContainerStatuses : containerStatuses;
  const status = list.find((s) => s.name === container.name);
  const asked = container.resources?.requests;
  return mostOf(pod, asked, [status?.resources?.requests, status?.allocatedResources]);
}

function overPodLevel(total: Map<string, number>, pod: Pod): void {
  const asked = pod.spec?.resources?.requests;
  if (asked === undefined) return;
  const most = mostOf(pod, asked, [pod.status?.resources?.requests, pod.status?.allocatedResources]);
  for (const resource of Object.keys(asked)) total.set(resource, most.get(resource) ?? 0);
}

export function podRequests(pod: Pod): Map<string, number> {
  const total = sumUp(pod, (container) => requestsOf(pod, container));
  overPodLevel(total, pod);
  addTo(total, amountsOf(pod.spec?.overhead));
  return total;
}

/** Requests with the defaults of scoring, CPU and memory only. */
export function scoringRequests(pod: Pod): { cpu: number; memory: number } {
  const total = sumUp(pod, (container) => {
    const asked = amountsOf(container.resources?.requests);
    return new Map([
      ['cpu', asked.get('cpu') ?? DEFAULT_CPU],
      ['memory', asked.get('memory') ?? DEFAULT_MEMORY],
    ]);
  });
  overPodLevel(total, pod);
  addTo(total, amountsOf(pod.spec?.overhead));
  return { cpu: total.get('cpu') ?? 0, memory: total.get('memory') ?? 0 };
}
