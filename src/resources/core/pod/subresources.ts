// The side doors of a pod: debugging containers (`ephemeralcontainers`) and resources that change in place (`resize`).
// Source: https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
import { type FieldError, FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { keepMetadata, keepStatus } from '../../checks/index.ts';
import {
  compareQuantities,
  computeQosClass,
  type Findings,
  type ResourceList,
  semanticEqual,
} from '../../common/index.ts';
import { MIRROR_POD } from '../../common/pod/annotations.ts';
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../generated/core-v1.ts';
import { checkUpdatedPod } from './update.ts';

const SPEC = FieldPath.of('spec');
const WHOLE = FieldPath.of('');

function keepRest(draft: Pod, old: Pod, spec: PodSpec): void {
  draft.spec = spec;
  keepStatus(draft, old);
  keepMetadata(draft, old);
}

/** Only debugging containers may change here. */
export function prepareEphemeral(draft: Pod, old: Pod): void {
  const added = draft.spec?.ephemeralContainers;
  const spec: PodSpec = { ...(old.spec ?? { containers: [] }) };
  delete spec.ephemeralContainers;
  if (added !== undefined && added.length > 0) spec.ephemeralContainers = added;
  keepRest(draft, old, spec);
}

export function validateEphemeralUpdate(pod: Pod, old: Pod): FieldError[] {
  const out = checkUpdatedPod(pod, old);
  if (old.metadata.annotations?.[MIRROR_POD] !== undefined)
    return [fieldErrors.forbidden(WHOLE, 'static pods do not support ephemeral containers')];
  const path = SPEC.child('ephemeralContainers');
  for (const was of old.spec?.ephemeralContainers ?? []) {
    const is = (pod.spec?.ephemeralContainers ?? []).find((c) => c.name === was.name);
    const name = JSON.stringify(was.name);
    if (is === undefined)
      out.push(fieldErrors.forbidden(path, `existing ephemeral containers ${name} may not be removed\n`));
    else if (!semanticEqual(is, was))
      out.push(fieldErrors.forbidden(path, `existing ephemeral containers ${name} may not be changed\n`));
  }
  return out;
}

/** Only resources and resize policies of containers may change here; a list that does not match is left for validation to refuse. */
export function prepareResize(draft: Pod, old: Pod): void {
  const spec = draft.spec ?? { containers: [] };
  const oldSpec = old.spec ?? { containers: [] };
  const containers = resized(spec.containers ?? [], oldSpec.containers);
  const initContainers = resized(spec.initContainers ?? [], oldSpec.initContainers ?? []);
  if (containers === undefined || initContainers === undefined) return;
  const kept: PodSpec = { ...oldSpec, containers };
  if (oldSpec.initContainers !== undefined) kept.initContainers = initContainers;
  if (spec.resources === undefined) delete kept.resources;
  else kept.resources = spec.resources;
  keepRest(draft, old, kept);
}

function resized(containers: readonly Container[], old: readonly Container[]): Container[] | undefined {
  if (containers.length !== old.length) return undefined;
  const kept: Container[] = [];
  for (const [i, was] of old.entries()) {
    const is = containers[i];
    if (is === undefined || is.name !== was.name) return [...containers];
    const merged: Container = { ...was };
    delete merged.resources;
    delete merged.resizePolicy;
    if (is.resources !== undefined) merged.resources = is.resources;
    if (is.resizePolicy !== undefined) merged.resizePolicy = is.resizePolicy;
    kept.push(merged);
  }
  return kept;
}

export function validateResize(pod: Pod, old: Pod): FieldError[] {
  const out = checkUpdatedPod(pod, old);
  const refusal = wholeRefusal(old);
  if (refusal !== '') return [fieldErrors.forbidden(WHOLE, refusal)];
  const spec = pod.spec ?? { containers: [] };
  const oldSpec = old.spec ?? { containers: [] };
  const qos = old.status?.qosClass || computeQosClass(oldSpec);
  if (qos !== computeQosClass(spec))
    out.push(
      fieldErrors.invalid(SPEC, pod.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'),
    );
  if (!nodeSupportsResize(old)) out.push(fieldErrors.forbidden(SPEC, 'Pod running on node without support for resize'));
  const masked = maskPodResources(spec, oldSpec, out);
  if (checkOrder(spec, oldSpec, out)) return out;
  checkNotRemoved(spec.initContainers ?? [], oldSpec.initContainers ?? [], SPEC.child('initContainers'), out);
  checkNotRemoved(spec.containers ?? [], oldSpec.containers ?? [], SPEC.child('containers'), out);
  checkOnlyResources(masked, oldSpec, out);
  return out;
}

function wholeRefusal(old: Pod): string {
  if (old.metadata.annotations?.[MIRROR_POD] !== undefined) return 'static pods cannot be resized';
  return old.spec?.os?.name === 'windows' ? 'windows pods cannot be resized' : '';
}

function nodeSupportsResize(old: Pod): boolean {
  const running = (old.status?.containerStatuses ?? []).find((s) => s.state?.running !== undefined);
  return running === undefined || running.resources !== undefined;
}

/** Containers are neither added, removed, renamed nor moved here. True when some are. */
function checkOrder(spec: PodSpec, old: PodSpec, out: Findings): boolean {
  const before = out.length;
  for (const list of ['containers', 'initContainers'] as const) {
    const containers = spec[list] ?? [];
    const were = old[list] ?? [];
    const path = SPEC.child(list);
    if (containers.length !== were.length)
      out.push(fieldErrors.forbidden(path, `${list} may not be added or removed on resize`));
    else
      for (const [i, was] of were.entries())
        if (containers[i]?.name !== was.name)
          out.push(
            fieldErrors.forbidden(path.index(i).child('name'), `${list} may not be renamed or reordered on resize`),
          );
  }
  return out.length > before;
}

function checkNotRemoved(
  containers: readonly Container[],
  old: readonly Container[],
  path: FieldPath,
  out: Findings,
): void {
  for (const [i, was] of old.entries()) {
    const is = containers[i];
    if (is === undefined) continue;
    const at = path.index(i).child('resources');
    for (const which of ['requests', 'limits'] as const)
      if (lostSome(is.resources?.[which], was.resources?.[which]))
        out.push(fieldErrors.forbidden(at.child(which), `resource ${which} cannot be removed`));
  }
}

function lostSome(list: ResourceList | undefined, old: ResourceList | undefined): boolean {
  return Object.keys(old ?? {}).some((name) => list?.[name] === undefined);
}

/** The same list with cpu and memory as they were; undefined when there is nothing in it. */
function withOldCpuAndMemory(given: ResourceList | undefined, old: ResourceList | undefined): ResourceList | undefined {
  const list: ResourceList = { ...given };
  for (const name of ['cpu', 'memory']) {
    delete list[name];
    const was = old?.[name];
    if (was !== undefined) list[name] = was;
  }
  return Object.keys(list).length > 0 ? list : undefined;
}

function hasFigures(resources: ResourceRequirements | undefined): boolean {
  return Object.keys(resources?.requests ?? {}).length + Object.keys(resources?.limits ?? {}).length > 0;
}

/** Figures of the pod as a whole may change, too (KEP-5419). What comes back has the old ones, so that what still differs may not. */
function maskPodResources(spec: PodSpec, old: PodSpec, out: Findings): PodSpec {
  if (!hasFigures(spec.resources) && !hasFigures(old.resources)) return spec;
  const path = SPEC.child('resources');
  if (old.resources !== undefined && spec.resources === undefined) {
    out.push(fieldErrors.forbidden(path, 'pod-level resources cannot be removed'));
    return spec;
  }
  for (const which of ['requests', 'limits'] as const)
    if (lostSome(spec.resources?.[which], old.resources?.[which]))
      out.push(fieldErrors.forbidden(path.child(which), `pod-level resource ${which} cannot be removed`));
  const lists = maskedLists(spec.resources, old.resources);
  if (!sameResources(lists, old.resources) || !semanticEqual(spec.resources?.claims, old.resources?.claims))
    out.push(fieldErrors.forbidden(SPEC, 'only cpu and memory resources are mutable at pod-level'));
  const { resources: _dropped, ...rest } = spec;
  return old.resources === undefined ? rest : { ...rest, resources: old.resources };
}

function maskedLists(
  resources: ResourceRequirements | undefined,
  old: ResourceRequirements | undefined,
): Pick<ResourceRequirements, 'limits' | 'requests'> {
  const limits = withOldCpuAndMemory(resources?.limits, old?.limits);
  const requests = withOldCpuAndMemory(resources?.requests, old?.requests);
  return { ...(limits === undefined ? {} : { limits }), ...(requests === undefined ? {} : { requests }) };
}

function checkOnlyResources(spec: PodSpec, old: PodSpec, out: Findings): void {
  const why = 'only cpu and memory resources are mutable';
  for (const [i, container] of spec.containers.entries())
    if (!sameButCpuAndMemory(container, old.containers[i])) out.push(fieldErrors.forbidden(SPEC, why));
  for (const [i, container] of (spec.initContainers ?? []).entries())
    checkInitResize(container, old.initContainers?.[i], SPEC.child('initContainers').index(i), out);
  if (out.length > 0) return;
  const { containers: _c, initContainers: _i, ...rest } = spec;
  const { containers: _oc, initContainers: _oi, ...oldRest } = old;
  if (!semanticEqual(rest, oldRest)) out.push(fieldErrors.forbidden(SPEC, why));
}

function checkInitResize(container: Container, was: Container | undefined, path: FieldPath, out: Findings): void {
  if (!sameButCpuAndMemory(container, was))
    out.push(fieldErrors.forbidden(path, 'only cpu and memory resources for init or sidecar containers are mutable'));
  if (container.restartPolicy === 'Always' || semanticEqual(container, was)) return;
  for (const policy of container.resizePolicy ?? [])
    if (policy.restartPolicy === 'RestartContainer')
      out.push(
        fieldErrors.forbidden(
          path,
          'non-sidecar init containers with a resize policy of RestartContainer cannot be resized',
        ),
      );
}

/** One that has claims is never the same: of resources only limits and requests are looked at here. */
function sameButCpuAndMemory(container: Container, old: Container | undefined): boolean {
  if (old === undefined) return false;
  const { resources, ...rest } = container;
  const { resources: oldResources, ...oldRest } = old;
  return (
    semanticEqual(rest, oldRest) &&
    (oldResources?.claims ?? []).length === 0 &&
    sameResources(maskedLists(resources, oldResources), oldResources)
  );
}

function sameResources(a: ResourceRequirements | undefined, b: ResourceRequirements | undefined): boolean {
  return (['limits', 'requests'] as const).every((which) => {
    const one = a?.[which] ?? {};
    const two = b?.[which] ?? {};
    const names = new Set([...Object.keys(one), ...Object.keys(two)]);
    return [...names].every((name) => {
      const x = one[name];
      const y = two[name];
      return x !== undefined && y !== undefined && compareQuantities(x, y) === 0;
    });
  });
}
