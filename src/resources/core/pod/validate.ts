// Validation of a pod as it is created: the spec as in templates, and what holds for pods only.
import { type FieldError, FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { checkObjectMeta, type Findings } from '../../common/index.ts';
import { checkPodAnnotations, checkProfileAnnotations } from '../../common/pod/annotations.ts';
import { checkImagePadding } from '../../common/pod/containers.ts';
import { podRules } from '../../common/pod/rules.ts';
import { type PodRules, podScope } from '../../common/pod/scope.ts';
import { checkPodSpec } from '../../common/pod/spec.ts';
import type { Pod, PodSpec } from '../../generated/core-v1.ts';

const METADATA = FieldPath.of('metadata');
const SPEC = FieldPath.of('spec');
const NO_SPEC: PodSpec = { containers: [] };

/** Metadata and all: an update checks the whole pod anew. */
export function checkPodObject(pod: Pod, rules: PodRules, out: Findings): void {
  checkObjectMeta(pod.metadata, { namespaced: true }, METADATA, out);
  checkPodBody(pod, rules, out);
}

/** Everything but the metadata's own rules. */
export function checkPodBody(pod: Pod, rules: PodRules, out: Findings): void {
  const spec = pod.spec ?? NO_SPEC;
  const annotations = pod.metadata.annotations;
  checkPodAnnotations({ annotations, spec, rules }, METADATA.child('annotations'), out);
  if (spec === rules.sound) return;
  checkPodSpec(spec, SPEC, { rules, podName: pod.metadata.name ?? '' }, out);
  if (!spec.serviceAccountName) checkNoTokens(spec, out);
  const scope = podScope(spec, rules, '', out);
  for (const list of ['containers', 'initContainers'] as const)
    for (const [i, container] of (spec[list] ?? []).entries())
      checkImagePadding(container.image, SPEC.child(list).index(i).child('image'), scope);
}

function checkNoTokens(spec: PodSpec, out: Findings): void {
  for (const [i, volume] of (spec.volumes ?? []).entries())
    for (const [j, source] of (volume.projected?.sources ?? []).entries())
      if (source.serviceAccountToken)
        out.push(
          fieldErrors.forbidden(
            SPEC.child('volumes').index(i).child('projected', 'sources').index(j).child('serviceAccountToken'),
            'must not be specified when serviceAccountName is not set',
          ),
        );
}

export function validatePodCreate(pod: Pod): FieldError[] {
  const out: Findings = [];
  const spec = pod.spec ?? NO_SPEC;
  checkPodBody(pod, podRules(true), out);
  if ((spec.ephemeralContainers ?? []).length > 0)
    out.push(fieldErrors.forbidden(SPEC.child('ephemeralContainers'), 'cannot be set on create'));
  if (spec.nodeName && (spec.schedulingGates ?? []).length > 0)
    out.push(
      fieldErrors.forbidden(SPEC.child('nodeName'), 'cannot be set until all schedulingGates have been cleared'),
    );
  checkProfileAnnotations(pod.metadata.annotations, spec, SPEC, out);
  return out;
}
