// LimitRanger: default requests and limits, and the bounds that a namespace sets.
// Source: https://kubernetes.io/docs/concepts/policy/limit-range/
import type { ApiError } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { parseQuantity, type Quantity } from '../../machinery/quantity.ts';
import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
} from '../../resources/generated/core-v1.ts';
import type { LiveCache } from '../registry/live-cache.ts';
import { isResource, refuse } from './match.ts';
import type { AdmissionPlugin, AdmissionRequest } from './plugin.ts';

const ANNOTATION = 'kubernetes.io/limit-ranger';

type ResourceList = Record<string, string>;

interface Resources {
  readonly requests: ResourceList;
  readonly limits: ResourceList;
}

/** Requests and limits that the namespace gives a container that has none. */
function containerDefaults(ranges: readonly LimitRange[]): Resources {
  const requests: ResourceList = {};
  const limits: ResourceList = {};
  for (const range of ranges) {
    for (const item of range.spec?.limits ?? []) {
      if (item.type !== 'Container') continue;
      Object.assign(requests, item.defaultRequest ?? {});
      Object.assign(limits, item.default ?? {});
    }
  }
  return { requests, limits };
}

interface Merged {
  readonly setRequests: string[];
  readonly setLimits: string[];
}

function mergeContainer(container: Container, defaults: Resources): Merged {
  const resources = container.resources ?? {};
  const requests = { ...(resources.requests as ResourceList | undefined) };
  const limits = { ...(resources.limits as ResourceList | undefined) };
  const setRequests: string[] = [];
  const setLimits: string[] = [];
  for (const [name, value] of Object.entries(defaults.limits)) {
    if (Object.hasOwn(limits, name)) continue;
    limits[name] = value;
    setLimits.push(name);
  }
  for (const [name, value] of Object.entries(defaults.requests)) {
    if (Object.hasOwn(requests, name)) continue;
    requests[name] = value;
    setRequests.push(name);
  }
  if (setRequests.length + setLimits.length > 0) {
    container.resources = {
      ...resources,
      ...(Object.keys(requests).length === 0 ? {} : { requests }),
      ...(Object.keys(limits).length === 0 ? {} : { limits }),
    };
  }
  return { setRequests: setRequests.sort(), setLimits: setLimits.sort() };
}

function mergePod(pod: Pod, defaults: Resources): void {
  const notes: string[] = [];
  const visit = (containers: readonly Container[], word: string): void => {
    for (const container of containers) {
      const { setRequests, setLimits } = mergeContainer(container, defaults);
      if (setRequests.length > 0) notes.push(`${setRequests.join(', ')} request for ${word} ${container.name}`);
      if (setLimits.length > 0) notes.push(`${setLimits.join(', ')} limit for ${word} ${container.name}`);
    }
  };
  visit(pod.spec?.containers ?? [], 'container');
  visit(pod.spec?.initContainers ?? [], 'init container');
  if (notes.length === 0) return;
  pod.metadata ??= {};
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [ANNOTATION]: `LimitRanger plugin set: ${notes.join('; ')}`,
  };
}

function quantity(list: Readonly<Record<string, unknown>> | undefined, name: string): Quantity | undefined {
  const value = list !== undefined && Object.hasOwn(list, name) ? list[name] : undefined;
  return value === undefined ? undefined : parseQuantity(value as string);
}

/** The words for a bound that is not kept; undefined when it is. */
type Bound = (name: string, bound: Quantity, resources: Partial<Resources>) => string | undefined;

function minimum(type: string): Bound {
  return (name, bound, { requests, limits }) => {
    const request = quantity(requests, name);
    const limit = quantity(limits, name);
    if (request === undefined)
      return `minimum ${name} usage per ${type} is ${bound.toString()}.  No request is specified`;
    if (request.cmp(bound) < 0)
      return `minimum ${name} usage per ${type} is ${bound.toString()}, but request is ${request.toString()}`;
    if (limit !== undefined && limit.cmp(bound) < 0) {
      return `minimum ${name} usage per ${type} is ${bound.toString()}, but limit is ${limit.toString()}`;
    }
    return undefined;
  };
}

function maximum(type: string): Bound {
  return (name, bound, { requests, limits }) => {
    const request = quantity(requests, name);
    const limit = quantity(limits, name);
    if (limit === undefined) return `maximum ${name} usage per ${type} is ${bound.toString()}.  No limit is specified`;
    if (limit.cmp(bound) > 0)
      return `maximum ${name} usage per ${type} is ${bound.toString()}, but limit is ${limit.toString()}`;
    if (request !== undefined && request.cmp(bound) > 0) {
      return `maximum ${name} usage per ${type} is ${bound.toString()}, but request is ${request.toString()}`;
    }
    return undefined;
  };
}

/** Claims have requests only. */
function maximumRequest(type: string): Bound {
  return (name, bound, { requests }) => {
    const request = quantity(requests, name);
    if (request === undefined)
      return `maximum ${name} usage per ${type} is ${bound.toString()}.  No request is specified`;
    if (request.cmp(bound) <= 0) return undefined;
    return `maximum ${name} usage per ${type} is ${bound.toString()}, but request is ${request.toString()}`;
  };
}

function ratio(type: string): Bound {
  return (name, bound, { requests, limits }) => {
    const request = quantity(requests, name);
    const limit = quantity(limits, name);
    const head = `${name} max limit to request ratio per ${type} is ${bound.toString()}`;
    if (request === undefined || request.isZero()) return `${head}, but no request is specified or request is 0`;
    if (limit === undefined || limit.isZero()) return `${head}, but no limit is specified or limit is 0`;
    const actual = Number(limit.milliValue()) / Number(request.milliValue());
    return actual > bound.toNumber() ? `${head}, but provided ratio is ${actual.toFixed(6)}` : undefined;
  };
}

function check(
  list: Readonly<Record<string, unknown>> | undefined,
  bound: Bound,
  resources: Partial<Resources>,
): string[] {
  const out: string[] = [];
  for (const name of Object.keys(list ?? {}).sort()) {
    const limit = quantity(list, name);
    const problem = limit === undefined ? undefined : bound(name, limit, resources);
    if (problem !== undefined) out.push(problem);
  }
  return out;
}

function resourcesOf(container: Container): Partial<Resources> {
  const { requests, limits } = container.resources ?? {};
  return {
    ...(requests === undefined ? {} : { requests: requests as ResourceList }),
    ...(limits === undefined ? {} : { limits: limits as ResourceList }),
  };
}

function checkContainers(item: LimitRangeItem, spec: PodSpec): string[] {
  const out: string[] = [];
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    const resources = resourcesOf(container);
    out.push(
      ...check(item.min, minimum('Container'), resources),
      ...check(item.max, maximum('Container'), resources),
      ...check(item.maxLimitRequestRatio, ratio('Container'), resources),
    );
  }
  return out;
}

/** What all containers ask together; init containers count with their greatest, since they run one at a time. */
function podTotal(spec: PodSpec, kind: 'requests' | 'limits'): ResourceList {
  const sums = new Map<string, Quantity>();
  const all = (containers: readonly Container[], join: (a: Quantity | undefined, b: Quantity) => Quantity): void => {
    for (const container of containers) {
      for (const [name, value] of Object.entries(container.resources?.[kind] ?? {})) {
        sums.set(name, join(sums.get(name), parseQuantity(value as string)));
      }
    }
  };
  all(spec.containers, (a, b) => (a === undefined ? b : a.add(b)));
  const sidecars = (spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  all(sidecars, (a, b) => (a === undefined ? b : a.add(b)));
  const others = (spec.initContainers ?? []).filter((container) => container.restartPolicy !== 'Always');
  all(others, (a, b) => (a === undefined || a.cmp(b) < 0 ? b : a));
  return Object.fromEntries([...sums].map(([name, sum]) => [name, sum.toString()]));
}

function checkPod(item: LimitRangeItem, spec: PodSpec): string[] {
  const resources = { requests: podTotal(spec, 'requests'), limits: podTotal(spec, 'limits') };
  return [
    ...check(item.min, minimum('Pod'), resources),
    ...check(item.max, maximum('Pod'), resources),
    ...check(item.maxLimitRequestRatio, ratio('Pod'), resources),
  ];
}

function checkClaim(item: LimitRangeItem, claim: PersistentVolumeClaim): string[] {
  const requests = (claim.spec?.resources?.requests ?? {}) as ResourceList;
  const type = 'PersistentVolumeClaim';
  return [...check(item.min, minimum(type), { requests }), ...check(item.max, maximumRequest(type), { requests })];
}

function refuseAll(request: AdmissionRequest, problems: readonly string[]): ApiError {
  return refuse(request, problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`);
}

export function limitRanger(ranges: LiveCache<LimitRange & KubeObject>): AdmissionPlugin {
  const boundsOf = (namespace: string, type: string): LimitRangeItem[] =>
    ranges.inNamespace(namespace).flatMap((range) => (range.spec?.limits ?? []).filter((item) => item.type === type));
  return {
    name: 'LimitRanger',
    operations: ['CREATE', 'UPDATE'],
    admit(request) {
      if (ranges.size === 0 || request.operation !== 'CREATE' || !isResource(request, '', 'pods')) return;
      const inNamespace = ranges.inNamespace(request.namespace);
      if (inNamespace.length > 0) mergePod(request.object as Pod, containerDefaults(inNamespace));
    },
    validate(request) {
      if (ranges.size === 0) return;
      const problems: string[] = [];
      if (isResource(request, '', 'pods') && request.operation === 'CREATE') {
        const { spec } = request.object as Pod;
        if (spec === undefined) return;
        for (const item of boundsOf(request.namespace, 'Container')) problems.push(...checkContainers(item, spec));
        for (const item of boundsOf(request.namespace, 'Pod')) problems.push(...checkPod(item, spec));
      } else if (isResource(request, '', 'persistentvolumeclaims')) {
        const claim = request.object as PersistentVolumeClaim;
        for (const item of boundsOf(request.namespace, 'PersistentVolumeClaim'))
          problems.push(...checkClaim(item, claim));
      }
      if (problems.length > 0) throw refuseAll(request, problems);
    },
  };
}
