// What a diagnosis looks at: a pod with its containers side by side, what its events say, and the nodes that there are.
import type { Container, ContainerStatus, Node, Pod } from '../../resources/generated/core-v1.ts';

export interface PodEvent {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface ContainerView {
  readonly name: string;
  readonly init: boolean;
  readonly spec: Container;
  readonly status: ContainerStatus | undefined;
}

export interface PodView {
  readonly pod: Pod;
  readonly name: string;
  readonly containers: readonly ContainerView[];
  /** Newest last. */
  readonly events: readonly PodEvent[];
  readonly nodes: readonly Node[];
  /** Names of images that the nodes have. */
  readonly images: ReadonlySet<string>;
  /** The last lines of containers whose end is in question. */
  readonly logs: ReadonlyMap<string, string>;
}

export interface Surroundings {
  readonly events: readonly PodEvent[];
  readonly nodes: readonly Node[];
  readonly logs?: ReadonlyMap<string, string>;
}

export function viewOf(pod: Pod, { events, nodes, logs }: Surroundings): PodView {
  const of = (specs: readonly Container[], statuses: readonly ContainerStatus[], init: boolean): ContainerView[] =>
    specs.map((spec) => ({ name: spec.name, init, spec, status: statuses.find((s) => s.name === spec.name) }));
  return {
    pod,
    name: pod.metadata.name ?? '',
    containers: [
      ...of(pod.spec?.initContainers ?? [], pod.status?.initContainerStatuses ?? [], true),
      ...of(pod.spec?.containers ?? [], pod.status?.containerStatuses ?? [], false),
    ],
    events: events.map((e) => (e.message === undefined ? e : { ...e, message: e.message.trim() })),
    nodes,
    images: new Set(nodes.flatMap((n) => (n.status?.images ?? []).flatMap((i) => i.names ?? []))),
    logs: logs ?? new Map(),
  };
}

/** The newest event with this reason whose message fits. */
export function eventOf(view: PodView, reason: string, fits: RegExp = /./): string | undefined {
  return view.events.findLast((e) => e.reason === reason && fits.test(e.message ?? ''))?.message;
}

/** The first container that waits for one of these reasons. */
export function waiting(view: PodView, reasons: readonly string[], message: RegExp = /^/): ContainerView | undefined {
  return view.containers.find((c) => {
    const w = c.status?.state?.waiting;
    return w?.reason !== undefined && reasons.includes(w.reason) && message.test(w.message ?? '');
  });
}
