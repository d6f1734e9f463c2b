// What a pod asks for in all: the sum over its containers, with init containers and sidecars counted as Kubernetes counts them.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
import { parseQuantity, type Quantity } from '../../../machinery/quantity.ts';
import type { Container, PodSpec } from '../../generated/core-v1.ts';

export type Amounts = Map<string, Quantity>;

type Which = 'limits' | 'requests';

function amountsOf(container: Container, which: Which): Amounts {
  const list = container.resources?.[which];
  const amounts: Amounts = new Map();
  if (list !== undefined) for (const name of Object.keys(list)) amounts.set(name, parseQuantity(String(list[name])));
  return amounts;
}

function addTo(total: Amounts, more: Amounts): void {
  for (const [name, amount] of more) {
    const before = total.get(name);
    total.set(name, before === undefined ? amount : before.add(amount));
  }
}

function raiseTo(total: Amounts, floor: Amounts): void {
  for (const [name, amount] of floor) {
    const before = total.get(name);
    if (before === undefined || before.cmp(amount) < 0) total.set(name, amount);
  }
}

/** The peak of all containers: regular ones and sidecars run together, init containers one by one beside the sidecars before them. */
export function aggregateContainers(spec: PodSpec, which: Which): Amounts {
  const total: Amounts = new Map();
  for (const container of spec.containers ?? []) addTo(total, amountsOf(container, which));
  const sidecars: Amounts = new Map();
  const peak: Amounts = new Map();
  for (const container of spec.initContainers ?? []) {
    let now = amountsOf(container, which);
    if (container.restartPolicy === 'Always') {
      addTo(total, now);
      addTo(sidecars, now);
      now = sidecars;
    } else addTo(now, sidecars);
    raiseTo(peak, now);
  }
  raiseTo(total, peak);
  return total;
}

/** All of the pod: its own figures win over the sum of its containers, and the overhead comes on top. */
export function podRequests(spec: PodSpec, which: Which = 'requests'): Amounts {
  const total = aggregateContainers(spec, which);
  const own = spec.resources?.[which];
  if (own !== undefined) for (const name of Object.keys(own)) total.set(name, parseQuantity(String(own[name])));
  const overhead = spec.overhead;
  if (overhead === undefined) return total;
  for (const name of Object.keys(overhead)) {
    const before = total.get(name);
    const amount = parseQuantity(String(overhead[name]));
    if (before !== undefined && !before.isZero()) total.set(name, before.add(amount));
    else if (which === 'requests') total.set(name, amount);
  }
  return total;
}
