// The selector that a Job gets when its author does not give one, and the check that it is the right one.
import { FieldPath, type FieldPath as Path } from '../../machinery/field-error.ts';
import { setOwn } from '../../machinery/json.ts';
import { selectorFromObject } from '../../machinery/label-selector.ts';
import { isReadable } from '../apps/index.ts';
import type { ErrorList } from '../checks/index.ts';
import type { Job } from '../generated/batch-v1.ts';

export const JOB_NAME_LABEL = 'batch.kubernetes.io/job-name';
export const CONTROLLER_UID_LABEL = 'batch.kubernetes.io/controller-uid';
const LEGACY_JOB_NAME_LABEL = 'job-name';
const LEGACY_CONTROLLER_UID_LABEL = 'controller-uid';

function wantedLabels(job: Job): [key: string, value: string][] {
  const { name = '', uid = '' } = job.metadata;
  return [
    [LEGACY_CONTROLLER_UID_LABEL, uid],
    [LEGACY_JOB_NAME_LABEL, name],
    [CONTROLLER_UID_LABEL, uid],
    [JOB_NAME_LABEL, name],
  ];
}

/** Labels that the author gave stay: when they are wrong, validation says so. */
export function generateSelector(draft: Job): void {
  if (draft.spec === undefined) return;
  draft.spec.template ??= { spec: { containers: [] } };
  const { template } = draft.spec;
  template.metadata ??= {};
  const given = template.metadata.labels;
  const labels = { ...given };
  for (const [key, value] of wantedLabels(draft)) if (!Object.hasOwn(labels, key)) setOwn(labels, key, value);
  // A Job without labels has those of its template, also the new ones.
  if (given !== undefined && draft.metadata.labels === given) draft.metadata.labels = { ...labels };
  template.metadata.labels = labels;
  draft.spec.selector ??= {};
  const matchLabels = { ...draft.spec.selector.matchLabels };
  if (!Object.hasOwn(matchLabels, CONTROLLER_UID_LABEL))
    setOwn(matchLabels, CONTROLLER_UID_LABEL, draft.metadata.uid ?? '');
  draft.spec.selector.matchLabels = matchLabels;
}

function checkLabel(found: ErrorList, job: Job, wanted: readonly [key: string, value: string]): void {
  const [key, value] = wanted;
  const labels = job.spec?.template?.metadata?.labels ?? {};
  const path: Path = FieldPath.of('spec', 'template', 'metadata', 'labels').key(key);
  if (!Object.hasOwn(labels, key)) found.required(path, `must be '${value}'`);
  else if (labels[key] !== value) found.invalid(path, labels, `must be '${value}'`);
}

export function checkGeneratedSelector(found: ErrorList, job: Job): void {
  const selector = job.spec?.selector;
  if (job.spec?.manualSelector === true || selector === undefined) return;
  const uid = job.metadata.uid ?? '';
  if (uid === '') found.required(FieldPath.of('metadata', 'uid'));
  for (const wanted of wantedLabels(job)) checkLabel(found, job, wanted);
  const generated = { [CONTROLLER_UID_LABEL]: uid, [JOB_NAME_LABEL]: job.metadata.name ?? '' };
  // A selector that cannot be read is reported where selectors are checked.
  if (!isReadable(selector) || selectorFromObject(selector).matches(generated)) return;
  found.invalid(FieldPath.of('spec', 'selector'), selector, '`selector` not auto-generated');
}
