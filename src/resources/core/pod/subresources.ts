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
  const containers = resized(spec.containers, oldSpec.containers);
  const initContainers = resized(spec.initContainers ?? [], oldSpec.initContainers ?? []);
  if (containers === undefined || initContainers === undefined) return;
  const kept: PodSpec = { ...oldSpec, containers };
  if (oldSpec.initContainers !== undefined) kept.initContainers = initContainers;
  if (spec.resources !== undefined) kept.resources = spec.resources;
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
  checkResizes(spec.initContainers ?? [], oldSpec.initContainers ?? [], SPEC.child('initContainers'), out);
  checkResizes(spec.containers, oldSpec.containers, SPEC.child('containers'), out);
  checkOnlyResources(spec, oldSpec, out);
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

function checkResizes(
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

/** The same container with cpu and memory as they were: what still differs may not. */
function withOldCpuAndMemory(container: Container, old: Container): Container {
  const resources: ResourceRequirements = { ...container.resources };
  for (const which of ['limits', 'requests'] as const) {
    const list: ResourceList = { ...resources[which] };
    for (const name of ['cpu', 'memory']) {
      delete list[name];
      const was = old.resources?.[which]?.[name];
      if (was !== undefined) list[name] = was;
    }
    delete resources[which];
    if (Object.keys(list).length > 0 || old.resources?.[which] !== undefined) resources[which] = list;
  }
  return { ...container, resources };
}

function checkOnlyResources(spec: PodSpec, old: PodSpec, out: Findings): void {
  const before = out.length;
  for (const [i, container] of spec.containers.entries()) {
    const was = old.containers[i];
    if (was === undefined || !sameButCpuAndMemory(container, was))
      out.push(fieldErrors.forbidden(SPEC, 'only cpu and memory resources are mutable'));
  }
  for (const [i, container] of (spec.initContainers ?? []).entries()) {
    const was = old.initContainers?.[i];
    if (container.restartPolicy === 'Always') {
      if (was === undefined || !sameButCpuAndMemory(container, was))
        out.push(fieldErrors.forbidden(SPEC, 'only cpu and memory resources for sidecar containers are mutable'));
    } else if (!semanticEqual(container, was))
      out.push(fieldErrors.forbidden(SPEC, 'resources for non-sidecar init containers are immutable'));
  }
  if (out.length > before) return;
  const { containers: _c, initContainers: _i, resources: _r, ...rest } = spec;
  const { containers: _oc, initContainers: _oi, resources: _or, ...oldRest } = old;
  if (!semanticEqual(rest, oldRest)) out.push(fieldErrors.forbidden(SPEC, 'only cpu and memory resources are mutable'));
}

function sameButCpuAndMemory(container: Container, old: Container): boolean {
  const masked = withOldCpuAndMemory(container, old);
  const { resizePolicy: _a, resources, ...rest } = masked;
  const { resizePolicy: _b, resources: oldResources, ...oldRest } = old;
  return semanticEqual(rest, oldRest) && sameResources(resources, oldResources);
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
