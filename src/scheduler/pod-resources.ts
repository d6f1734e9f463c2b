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

function overPodLevel(total: Map<string, number>, pod: Pod): void {
  for (const [resource, amount] of amountsOf(pod.spec?.resources?.requests)) total.set(resource, amount);
}

export function podRequests(pod: Pod): Map<string, number> {
  const total = sumUp(pod, (container) => amountsOf(container.resources?.requests));
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
