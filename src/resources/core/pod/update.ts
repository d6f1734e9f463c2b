// What may change in a pod that exists: images, deadlines, more tolerations, fewer gates, and nothing else.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/#pod-update-and-replacement
import { type FieldError, FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { rangeMessage } from '../../../machinery/names.ts';
import { type Findings, semanticEqual, validateObjectMetaUpdate } from '../../common/index.ts';
import { checkAnnotationUpdates, checkPodAnnotations } from '../../common/pod/annotations.ts';
import { INTERNAL_NODE_TERM, internalForm } from '../../common/pod/internal-form.ts';
import { podRules } from '../../common/pod/rules.ts';
import { checkTolerations } from '../../common/pod/scheduling.ts';
import type { Affinity, Container, NodeAffinity, Pod, PodSpec, Toleration } from '../../generated/core-v1.ts';
import { checkPodObject } from './validate.ts';

const METADATA = FieldPath.of('metadata');
const SPEC = FieldPath.of('spec');
const MAX_DEADLINE = 2147483647;

const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** The start of every update's validation: metadata, then the whole pod as it would be. */
export function checkUpdatedPod(pod: Pod, old: Pod): Findings {
  const out: Findings = validateObjectMetaUpdate(pod.metadata, old.metadata);
  const rules = podRules(true, { spec: old.spec ?? { containers: [] }, annotations: old.metadata.annotations });
  checkPodObject(pod, rules, out);
  const path = METADATA.child('annotations');
  checkAnnotationUpdates(pod.metadata.annotations, old.metadata.annotations, path, out);
  checkPodAnnotations(
    { annotations: pod.metadata.annotations, spec: pod.spec ?? { containers: [] }, rules },
    path,
    out,
  );
  return out;
}

export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const out = checkUpdatedPod(pod, old);
  if (pod.spec === old.spec) return out;
  const spec = pod.spec ?? { containers: [] };
  const oldSpec = old.spec ?? { containers: [] };
  if (!checkImages(spec.containers, oldSpec.containers, SPEC.child('containers'), out)) return out;
  if (!checkImages(spec.initContainers, oldSpec.initContainers, SPEC.child('initContainers'), out)) return out;
  if (!checkDeadline(spec, oldSpec, out)) return out;
  checkOnlyAddedTolerations(spec.tolerations ?? [], oldSpec.tolerations ?? [], out);
  checkOnlyRemovedGates(spec, oldSpec, out);
  if (semanticEqual(spec, oldSpec)) return out;
  const masked = maskUpdatable(spec, oldSpec);
  if ((oldSpec.schedulingGates ?? []).length > 0) maskGated(masked, oldSpec, out);
  if (!semanticEqual(masked, oldSpec))
    out.push(fieldErrors.forbidden(SPEC, `pod updates may not change fields other than ${UPDATABLE}`));
  return out;
}

function checkImages(
  containers: readonly Container[] | undefined,
  old: readonly Container[] | undefined,
  path: FieldPath,
  out: Findings,
): boolean {
  if ((containers ?? []).length !== (old ?? []).length) {
    out.push(fieldErrors.forbidden(path, 'pod updates may not add or remove containers'));
    return false;
  }
  for (const [i, container] of (containers ?? []).entries()) {
    const image = container.image ?? '';
    if (image === '') out.push(fieldErrors.required(path.index(i).child('image')));
    if (image.trim() !== image)
      out.push(
        fieldErrors.invalid(path.index(i).child('image'), image, 'must not have leading or trailing whitespace'),
      );
  }
  return true;
}

/** A deadline may come, and it may come nearer. */
function checkDeadline(spec: PodSpec, old: PodSpec, out: Findings): boolean {
  const path = SPEC.child('activeDeadlineSeconds');
  const now = spec.activeDeadlineSeconds;
  const before = old.activeDeadlineSeconds;
  if (now === undefined) {
    // Kubernetes prints the missing value as a string.
    if (before !== undefined)
      out.push(fieldErrors.invalid(path, 'null', 'must not update from a positive integer to nil value'));
    return true;
  }
  if (now < 0 || now > MAX_DEADLINE) {
    out.push(fieldErrors.invalid(path, now, rangeMessage(0, MAX_DEADLINE)));
    return false;
  }
  if (before !== undefined && before < now) {
    out.push(fieldErrors.invalid(path, now, 'must be less than or equal to previous value'));
    return false;
  }
  return true;
}

function sameButSeconds(a: Toleration, b: Toleration): boolean {
  return (
    (a.key ?? '') === (b.key ?? '') &&
    (a.operator ?? '') === (b.operator ?? '') &&
    (a.value ?? '') === (b.value ?? '') &&
    (a.effect ?? '') === (b.effect ?? '')
  );
}

function checkOnlyAddedTolerations(tolerations: Toleration[], old: readonly Toleration[], out: Findings): void {
  const path = SPEC.child('tolerations');
  if (!old.every((was) => tolerations.some((is) => sameButSeconds(is, was))))
    out.push(fieldErrors.forbidden(path, 'existing toleration can not be modified except its tolerationSeconds'));
  else checkTolerations(tolerations, path, out);
}

function checkOnlyRemovedGates(spec: PodSpec, old: PodSpec, out: Findings): void {
  const before = new Set((old.schedulingGates ?? []).map((gate) => gate.name));
  for (const [i, gate] of (spec.schedulingGates ?? []).entries())
    if (!before.has(gate.name))
      out.push(
        fieldErrors.forbidden(
          SPEC.child('schedulingGates').index(i).child('name'),
          `only deletion is allowed, but found new scheduling gate '${gate.name}'`,
        ),
      );
}

function set<K extends keyof PodSpec>(spec: PodSpec, field: K, value: PodSpec[K] | undefined): void {
  if (value === undefined) delete spec[field];
  else spec[field] = value;
}

/** The new spec with everything put back that may change: what still differs may not. */
function maskUpdatable(spec: PodSpec, old: PodSpec): PodSpec {
  const masked: PodSpec = { ...spec };
  masked.containers = withImagesOf(spec.containers, old.containers);
  if (spec.initContainers) masked.initContainers = withImagesOf(spec.initContainers, old.initContainers ?? []);
  set(masked, 'activeDeadlineSeconds', old.activeDeadlineSeconds);
  set(masked, 'schedulingGates', old.schedulingGates);
  set(masked, 'tolerations', old.tolerations);
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1)
    set(masked, 'terminationGracePeriodSeconds', old.terminationGracePeriodSeconds);
  return masked;
}

function withImagesOf(containers: readonly Container[], old: readonly Container[]): Container[] {
  return containers.map((container, i) => {
    const image = old[i]?.image;
    return image === undefined ? container : { ...container, image };
  });
}

/** A pod that still waits at a gate may become more particular about its node. Source: KEP-3838. */
function maskGated(masked: PodSpec, old: PodSpec, out: Findings): void {
  if (!semanticEqual(masked.nodeSelector, old.nodeSelector)) {
    const selector = masked.nodeSelector;
    const before = old.nodeSelector ?? {};
    if (Object.keys(before).some((key) => selector?.[key] !== before[key]))
      out.push(
        fieldErrors.invalid(
          SPEC.child('nodeSelector'),
          selector,
          'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
        ),
      );
    set(masked, 'nodeSelector', old.nodeSelector);
  }
  const affinity = masked.affinity?.nodeAffinity;
  const before = old.affinity?.nodeAffinity;
  if (semanticEqual(affinity, before)) return;
  checkNodeAffinityMutation(affinity, before, out);
  set(masked, 'affinity', withNodeAffinity(masked.affinity, old.affinity));
}

function withNodeAffinity(affinity: Affinity | undefined, old: Affinity | undefined): Affinity | undefined {
  const { nodeAffinity: _dropped, ...rest } = affinity ?? {};
  const kept: Affinity = { ...rest };
  if (old?.nodeAffinity !== undefined) kept.nodeAffinity = old.nodeAffinity;
  return old === undefined && Object.keys(kept).length === 0 ? undefined : kept;
}

function checkNodeAffinityMutation(
  affinity: NodeAffinity | undefined,
  old: NodeAffinity | undefined,
  out: Findings,
): void {
  const before = old?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  if (before.length === 0) return;
  const given = affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const terms = given ?? [];
  const shown = internalForm(given, INTERNAL_NODE_TERM);
  const path = SPEC.child(
    'affinity',
    'nodeAffinity',
    'requiredDuringSchedulingIgnoredDuringExecution',
    'nodeSelectorTerms',
  );
  if (terms.length !== before.length) {
    out.push(
      fieldErrors.invalid(path, shown, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed'),
    );
    return;
  }
  for (const [i, was] of before.entries()) {
    const is = terms[i] ?? {};
    const wasEmpty = (was.matchExpressions ?? []).length === 0 && (was.matchFields ?? []).length === 0;
    const isEmpty = (is.matchExpressions ?? []).length === 0 && (is.matchFields ?? []).length === 0;
    const onlyAdds =
      startsWith(is.matchExpressions, was.matchExpressions) && startsWith(is.matchFields, was.matchFields);
    if (!onlyAdds || (wasEmpty && !isEmpty))
      out.push(
        fieldErrors.invalid(
          path.index(i),
          internalForm(is, INTERNAL_NODE_TERM),
          'only additions are allowed (no mutations or deletions)',
        ),
      );
  }
}

function startsWith<T>(list: readonly T[] | undefined, head: readonly T[] | undefined): boolean {
  const first = (list ?? []).slice(0, (head ?? []).length);
  return semanticEqual(first, head);
}
