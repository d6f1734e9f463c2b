// The resources that a pod was granted, which are not those of its spec while a resize waits.
import { deepEqual } from '../../machinery/json.ts';
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../resources/generated/core-v1.ts';
import { specOf } from '../pod/identity.ts';

export interface Grant {
  /** The spec that asks for no more and no less. */
  readonly spec: PodSpec | undefined;
  readonly whole: ResourceRequirements | undefined;
  readonly containers: ReadonlyMap<string, ResourceRequirements>;
}

function everyContainer(pod: Pod): readonly Container[] {
  const spec = specOf(pod);
  return [...(spec.initContainers ?? []), ...spec.containers];
}

/** What the spec asks for. */
export function asked(pod: Pod): Grant {
  return {
    spec: pod.spec,
    whole: specOf(pod).resources,
    containers: new Map(everyContainer(pod).map((c) => [c.name, c.resources ?? {}])),
  };
}

function picked(list: Record<string, string> | undefined, like: Record<string, string> | undefined) {
  if (like === undefined) return undefined;
  return Object.fromEntries(Object.entries(like).map(([name, text]) => [name, list?.[name] ?? text]));
}

function pickedBoth(shown: ResourceRequirements | undefined, like: ResourceRequirements): ResourceRequirements {
  const limits = picked(shown?.limits, like.limits);
  const requests = picked(shown?.requests, like.requests);
  return { ...like, ...(limits === undefined ? {} : { limits }), ...(requests === undefined ? {} : { requests }) };
}

/** What was in force when the API was last told; where it was not told, what the spec asks for. */
export function inForceBefore(pod: Pod): Grant {
  const { status } = pod;
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const whole = specOf(pod).resources;
  return {
    spec: undefined,
    whole: whole === undefined ? undefined : pickedBoth(status?.resources, whole),
    containers: new Map(
      everyContainer(pod).map(({ name, resources = {} }) => {
        const shown = statuses.find((s) => s.name === name)?.resources;
        return [name, shown === undefined ? resources : pickedBoth(shown, resources)];
      }),
    ),
  };
}

/** What had been granted before this process began: all that is asked for, unless a resize was waiting. */
export function grantedBefore(pod: Pod): Grant {
  const waits = pod.status?.conditions?.some((c) => c.type === 'PodResizePending' && c.status === 'True') === true;
  return waits ? inForceBefore(pod) : asked(pod);
}

function same(a: ResourceRequirements | undefined, b: ResourceRequirements | undefined): boolean {
  return deepEqual(a?.limits ?? {}, b?.limits ?? {}) && deepEqual(a?.requests ?? {}, b?.requests ?? {});
}

export function isGranted(pod: Pod, grant: Grant): boolean {
  if (grant.spec !== undefined && grant.spec === pod.spec) return true;
  if (!same(specOf(pod).resources, grant.whole)) return false;
  return everyContainer(pod).every((c) => same(c.resources, grant.containers.get(c.name)));
}

/** The pod as it was granted; the same object where that is what it asks for. */
export function asGranted(pod: Pod, grant: Grant): Pod {
  if (isGranted(pod, grant)) return pod;
  const spec = specOf(pod);
  const granted = <T extends Container>(c: T): T => ({
    ...c,
    resources: grant.containers.get(c.name) ?? c.resources ?? {},
  });
  const { resources: _asked, ...rest } = spec;
  return {
    ...pod,
    spec: {
      ...rest,
      ...(grant.whole === undefined ? {} : { resources: grant.whole }),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(granted) }),
      containers: spec.containers.map(granted),
    },
  };
}
