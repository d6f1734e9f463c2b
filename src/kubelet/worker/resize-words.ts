// What is told of a resize: the events, with the resources that the containers are to have.
// https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
import { jsonText } from '../../machinery/exact-json.ts';
import type { Container, Pod, ResourceRequirements } from '../../resources/generated/core-v1.ts';
import { specOf } from '../pod/identity.ts';

function sorted(list: Record<string, string> | undefined): Record<string, string> | undefined {
  const names = Object.keys(list ?? {}).sort();
  return names.length === 0 ? undefined : Object.fromEntries(names.map((name) => [name, list?.[name] ?? '']));
}

function summary({ name, resources }: Container): { name: string; resources: ResourceRequirements } {
  const limits = sorted(resources?.limits);
  const requests = sorted(resources?.requests);
  return {
    name,
    resources: { ...(limits === undefined ? {} : { limits }), ...(requests === undefined ? {} : { requests }) },
  };
}

/** `Pod resize started: {"containers":[…],"generation":3}` */
export function resizeWords(what: string, pod: Pod, error?: string): string {
  const { initContainers = [], containers } = specOf(pod);
  const text = jsonText({
    ...(initContainers.length === 0 ? {} : { initContainers: initContainers.map(summary) }),
    ...(containers.length === 0 ? {} : { containers: containers.map(summary) }),
    generation: pod.metadata.generation ?? 0,
    ...(error === undefined || error === '' ? {} : { error }),
  });
  return `Pod resize ${what}: ${text}`;
}
