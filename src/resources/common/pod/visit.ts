// Walks over all containers of a pod: init, regular, ephemeral, in the order in which Kubernetes visits them.
import type { FieldPath } from '../../../machinery/field-error.ts';
import type { Container, EphemeralContainer, PodSpec } from '../../generated/core-v1.ts';

export type AnyContainer = Container | EphemeralContainer;

export function allContainers(spec: PodSpec): AnyContainer[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

export function visitContainers(
  spec: PodSpec,
  path: FieldPath,
  visit: (container: AnyContainer, path: FieldPath) => void,
): void {
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    const containers: readonly AnyContainer[] = spec[list] ?? [];
    for (const [i, container] of containers.entries()) visit(container, path.child(list).index(i));
  }
}
