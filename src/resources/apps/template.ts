// What the workloads share: their pod template, their selector, and the wide columns.
import { FieldPath } from '../../machinery/field-error.ts';
import { selectorFromObject } from '../../machinery/label-selector.ts';
import { isDns1123Label } from '../../machinery/names.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { column, type ErrorList, IMMUTABLE, isUnset, selectorText } from '../checks/index.ts';
import {
  checkLabelSelector,
  containersColumn,
  imagesColumn,
  podTemplateWarnings,
  semanticEqual,
  validateLabelSelector,
  validatePodTemplateSpec,
} from '../common/index.ts';
import type { Column } from '../definition.ts';
import type { PodTemplateSpec } from '../generated/core-v1.ts';
import type { LabelSelector } from '../generated/meta-v1.ts';

export const EMPTY_TEMPLATE: PodTemplateSpec = { spec: { containers: [] } };
const LABELS_DIFFER = '`selector` does not match template `labels`';

export function isEmptySelector(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0;
}

/** False for a selector with a key, value or operator that is none. */
export function isReadable(selector: LabelSelector | null | undefined): boolean {
  return isUnset(selector) || validateLabelSelector(selector, FieldPath.of()).length === 0;
}

/** As Kubernetes shows it: fields in the order of the structs, whatever order they were sent in. */
export function selectorShown(selector: LabelSelector | null | undefined): unknown {
  if (isUnset(selector)) return null;
  const { matchLabels, matchExpressions } = selector;
  return {
    ...(Object.keys(matchLabels ?? {}).length > 0 ? { matchLabels } : {}),
    ...((matchExpressions ?? []).length > 0
      ? { matchExpressions: matchExpressions?.map(({ key, operator, values }) => ({ key, operator, values })) }
      : {}),
  };
}

export function checkSelectorKept(
  found: ErrorList,
  selector: LabelSelector | null | undefined,
  old: LabelSelector | null | undefined,
): void {
  if (!semanticEqual(selector, old))
    found.invalid(FieldPath.of('spec', 'selector'), selectorShown(selector), IMMUTABLE);
}

/** A missing selector selects nothing, an empty one everything. */
export function selectsTemplate(selector: LabelSelector | null | undefined, template: PodTemplateSpec): boolean {
  if (isUnset(selector)) return false;
  return selectorFromObject(selector).matches(template.metadata?.labels ?? {});
}

export function checkTemplateLabels(
  found: ErrorList,
  selector: LabelSelector | null | undefined,
  template: PodTemplateSpec,
  path: FieldPath,
): void {
  if (selectsTemplate(selector, template)) return;
  found.invalid(path.child('metadata', 'labels'), template.metadata?.labels ?? null, LABELS_DIFFER);
}

/** `kind` is how Kubernetes' message names the workload. */
export function checkSelector(found: ErrorList, selector: LabelSelector | null | undefined, kind: string): void {
  const path = FieldPath.of('spec', 'selector');
  if (isUnset(selector)) {
    found.required(path);
    return;
  }
  checkLabelSelector(selector, path, {}, found.errors);
  if (isEmptySelector(selector)) found.invalid(path, {}, `empty selector is invalid for ${kind}`);
}

export function checkAlwaysRestarts(found: ErrorList, template: PodTemplateSpec, kind: string): void {
  const path = FieldPath.of('spec', 'template', 'spec');
  found.oneOf(path.child('restartPolicy'), template.spec?.restartPolicy ?? '', ['Always']);
  if (template.spec?.activeDeadlineSeconds !== undefined)
    found.forbidden(path.child('activeDeadlineSeconds'), `activeDeadlineSeconds in ${kind} is not Supported`);
}

export interface ReplicatedTemplate {
  readonly template: PodTemplateSpec;
  readonly old: PodTemplateSpec | undefined;
  readonly selector: LabelSelector | null | undefined;
}

/** The template of a ReplicaSet, and of the Deployment above it. */
export function checkReplicatedTemplate(found: ErrorList, given: ReplicatedTemplate): void {
  const { template, selector, old } = given;
  const path = FieldPath.of('spec', 'template');
  checkTemplateLabels(found, selector, template, path);
  found.add(validatePodTemplateSpec(template, path, { old }));
  checkAlwaysRestarts(found, template, 'ReplicaSet');
}

interface WithCollisions {
  readonly collisionCount?: number;
}

/** It makes the names of revisions and ReplicaSets differ: those of before would come again. */
export function checkCollisions(
  found: ErrorList,
  now: WithCollisions | undefined,
  old: WithCollisions | undefined,
): void {
  const before = old?.collisionCount;
  const collisions = now?.collisionCount ?? 0;
  if (before !== undefined && collisions < before)
    found.invalid(FieldPath.of('status', 'collisionCount'), collisions, 'cannot be decremented');
}

/** Pods get the workload's name: one that is no DNS label makes odd host names. */
export function nameWarnings(name: string | undefined): string[] {
  const messages = isDns1123Label(name ?? '');
  if (messages.length === 0 || name === undefined) return [];
  return [
    `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [${messages.join(' ')}]`,
  ];
}

interface WithTemplate {
  readonly spec?: { readonly template?: PodTemplateSpec };
}

/** Said again only when the spec changes. */
export function templateWarnings(now: WithTemplate, old: WithTemplate | undefined): string[] {
  if (old !== undefined && semanticEqual(now.spec, old.spec)) return [];
  return podTemplateWarnings(now.spec?.template, FieldPath.of('spec', 'template'));
}

/** `Containers`, `Images` and `Selector`, shown with `-o wide`. */
export function templateColumns<T extends KubeObject>(
  spec: (object: T) => { template?: PodTemplateSpec; selector?: LabelSelector } | undefined,
  documented: readonly [groupVersion: string, type: string],
): Column<T>[] {
  return [
    containersColumn<T>((object) => spec(object)?.template?.spec),
    imagesColumn<T>((object) => spec(object)?.template?.spec),
    column<T>({
      name: 'Selector',
      wide: true,
      description: [...documented, 'selector'],
      cell: (object) => selectorText(spec(object)?.selector ?? undefined),
    }),
  ];
}
