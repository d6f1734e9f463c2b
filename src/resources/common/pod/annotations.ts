// Annotations of pods that mean something to Kubernetes: mirror pods, deletion cost, and the old forms of seccomp and AppArmor profiles.
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import type { AppArmorProfile, PodSpec, SeccompProfile } from '../../generated/core-v1.ts';
import { type Findings, sortedKeys } from '../collect.ts';
import { semanticEqual } from '../equality.ts';
import type { StringMap } from '../labels.ts';
import { checkDescendingPath } from '../paths.ts';
import type { PodRules } from './scope.ts';
import { allContainers, visitContainers } from './visit.ts';

export const MIRROR_POD = 'kubernetes.io/config.mirror';
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
export const APPARMOR_CONTAINER = 'container.apparmor.security.beta.kubernetes.io/';

/** A whole 32-bit number without a plus sign or leading zeros. */
export function isValidDeletionCost(text: string): boolean {
  return /^(0|-?[1-9]\d*)$/.test(text) && Number(text) >= -2147483648 && Number(text) <= 2147483647;
}

export function hasInvalidDeletionCost(annotations: StringMap | undefined): boolean {
  const cost = annotations?.[DELETION_COST];
  return cost !== undefined && !isValidDeletionCost(cost);
}

export interface AnnotatedPod {
  readonly annotations: StringMap | undefined;
  readonly spec: PodSpec;
  readonly rules: PodRules;
}

export function checkPodAnnotations(pod: AnnotatedPod, path: FieldPath, out: Findings): void {
  const { annotations, spec } = pod;
  if (annotations === undefined) return;
  const mirror = annotations[MIRROR_POD];
  if (mirror !== undefined && !spec.nodeName)
    out.push(
      fieldErrors.invalid(path.key(MIRROR_POD), mirror, 'must set spec.nodeName if mirror pod annotation is set'),
    );
  const cost = annotations[DELETION_COST];
  if (cost !== undefined && !pod.rules.allowInvalidDeletionCost && !isValidDeletionCost(cost))
    out.push(fieldErrors.invalid(path.key(DELETION_COST), cost, 'must be a 32bit integer'));
  const podProfile = annotations[SECCOMP_POD];
  if (podProfile !== undefined) checkSeccompText(podProfile, path.child(SECCOMP_POD), out);
  for (const key of sortedKeys(annotations)) {
    const value = annotations[key] ?? '';
    if (key.startsWith(SECCOMP_CONTAINER)) checkSeccompText(value, path.child(key), out);
  }
  for (const key of sortedKeys(annotations))
    if (key.startsWith(APPARMOR_CONTAINER)) checkAppArmorText(pod, key, path.key(key), out);
}

function checkSeccompText(profile: string, path: FieldPath, out: Findings): void {
  if (profile === 'runtime/default' || profile === 'docker/default' || profile === 'unconfined') return;
  if (profile.startsWith('localhost/')) checkDescendingPath(profile.slice('localhost/'.length), path, out);
  else out.push(fieldErrors.invalid(path, profile, 'must be a valid seccomp profile'));
}

function checkAppArmorText(pod: AnnotatedPod, key: string, path: FieldPath, out: Findings): void {
  const profile = pod.annotations?.[key] ?? '';
  const container = key.slice(APPARMOR_CONTAINER.length);
  if (!allContainers(pod.spec).some((c) => c.name === container))
    out.push(fieldErrors.invalid(path, container, 'container not found'));
  const known = profile === '' || profile === 'runtime/default' || profile === 'unconfined';
  if (!known && !profile.startsWith('localhost/'))
    out.push(fieldErrors.invalid(path, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`));
}

const OLD_NAMES: Readonly<Record<string, readonly string[]>> = {
  Unconfined: ['unconfined'],
  RuntimeDefault: ['runtime/default', 'docker/default'],
};

/** Where both the annotation and the field are given, they must say the same. */
function checkProfilesMatch(
  given: { readonly annotation: string; readonly profile: SeccompProfile | AppArmorProfile; readonly what: string },
  path: FieldPath,
  out: Findings,
): void {
  const { annotation, profile, what } = given;
  const differs = `${what} type in annotation and field must match`;
  if (profile.type === 'Localhost') {
    if (!annotation.startsWith('localhost/')) out.push(fieldErrors.forbidden(path.child('type'), differs));
    else if (annotation.slice('localhost/'.length) !== profile.localhostProfile)
      out.push(
        fieldErrors.forbidden(path.child('localhostProfile'), `${what} profile in annotation and field must match`),
      );
    return;
  }
  const names = OLD_NAMES[profile.type];
  if (names !== undefined && !names.includes(annotation)) out.push(fieldErrors.forbidden(path.child('type'), differs));
}

export function checkProfileAnnotations(
  annotations: StringMap | undefined,
  spec: PodSpec,
  path: FieldPath,
  out: Findings,
): void {
  if (annotations === undefined) return;
  const ofPod = spec.securityContext?.seccompProfile;
  const podText = annotations[SECCOMP_POD];
  if (ofPod && podText !== undefined)
    checkProfilesMatch(
      { annotation: podText, profile: ofPod, what: 'seccomp' },
      path.child('securityContext', 'seccompProfile'),
      out,
    );
  visitContainers(spec, path, (container, at) => {
    const profile = container.securityContext?.seccompProfile;
    const annotation = annotations[SECCOMP_CONTAINER + container.name];
    if (profile && annotation !== undefined)
      checkProfilesMatch({ annotation, profile, what: 'seccomp' }, at.child('securityContext', 'seccompProfile'), out);
  });
  if (spec.os?.name === 'windows') return;
  visitContainers(spec, path, (container, at) => {
    const profile = container.securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile;
    const annotation = annotations[APPARMOR_CONTAINER + container.name];
    if (profile && annotation !== undefined)
      checkProfilesMatch(
        { annotation, profile, what: 'apparmor' },
        at.child('securityContext', 'appArmorProfile'),
        out,
      );
  });
}

export function profileOf(annotation: string): AppArmorProfile | undefined {
  if (annotation === 'unconfined') return { type: 'Unconfined' };
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' };
  const file = annotation.startsWith('localhost/') ? annotation.slice('localhost/'.length) : '';
  return file === '' || file !== file.trim() ? undefined : { type: 'Localhost', localhostProfile: file };
}

/** What only the old annotations say becomes fields, of which alone the kubelet takes notice. Source: KEP-24. */
export function applyAppArmorAnnotations(annotations: StringMap | undefined, spec: PodSpec): void {
  if (annotations === undefined || spec.os?.name === 'windows') return;
  for (const [key, annotation] of Object.entries(annotations)) {
    if (!key.startsWith(APPARMOR_CONTAINER)) continue;
    const container = allContainers(spec).find((one) => one.name === key.slice(APPARMOR_CONTAINER.length));
    const profile = profileOf(annotation);
    if (container === undefined || container.securityContext?.appArmorProfile || profile === undefined) continue;
    if (semanticEqual(profile, spec.securityContext?.appArmorProfile)) continue;
    container.securityContext = { ...container.securityContext, appArmorProfile: profile };
  }
}

/** Some annotations are for life. */
export function checkAnnotationUpdates(
  annotations: StringMap | undefined,
  old: StringMap | undefined,
  path: FieldPath,
  out: Findings,
): void {
  for (const key of sortedKeys(old)) {
    if (old?.[key] === annotations?.[key]) continue;
    if (key.startsWith(APPARMOR_CONTAINER))
      out.push(fieldErrors.forbidden(path.key(key), 'may not remove or update AppArmor annotations'));
    if (key === MIRROR_POD)
      out.push(fieldErrors.forbidden(path.key(key), 'may not remove or update mirror pod annotation'));
  }
  for (const key of sortedKeys(annotations)) {
    if (old?.[key] !== undefined) continue;
    if (key.startsWith(APPARMOR_CONTAINER))
      out.push(fieldErrors.forbidden(path.key(key), 'may not add AppArmor annotations'));
    if (key === MIRROR_POD) out.push(fieldErrors.forbidden(path.key(key), 'may not add mirror pod annotation'));
  }
}
