// Validation of a JobSpec, which Jobs and CronJobs share.
import type { FieldPath } from '../../machinery/field-error.ts';
import { EMPTY_TEMPLATE } from '../apps/index.ts';
import { checkPrefixedPath, type ErrorList, inGo } from '../checks/index.ts';
import { validatePodTemplateSpec } from '../common/index.ts';
import type { JobSpec } from '../generated/batch-v1.ts';
import { checkFailurePolicy } from './failure-policy.ts';
import { checkSuccessPolicy, SUCCESS_POLICY } from './success-policy.ts';

const MAX_INDEXED_PARALLELISM = 100000;
const MAX_FAILED_INDEXES = 100000;
const MANY_COMPLETIONS = 100000;
const PARALLELISM_WITH_MANY = 10000;
const MAX_MANAGED_BY = 63;
const COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

function checkIndexed(found: ErrorList, spec: JobSpec, path: FieldPath): void {
  const { completions, parallelism, maxFailedIndexes, backoffLimitPerIndex } = spec;
  if (completions === undefined) found.required(path.child('completions'), 'when completion mode is Indexed');
  if (parallelism !== undefined && parallelism > MAX_INDEXED_PARALLELISM)
    found.invalid(
      path.child('parallelism'),
      parallelism,
      `must be less than or equal to ${MAX_INDEXED_PARALLELISM} when completion mode is Indexed`,
    );
  const at = path.child('maxFailedIndexes');
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions)
    found.invalid(at, maxFailedIndexes, 'must be less than or equal to completions');
  if (maxFailedIndexes !== undefined && maxFailedIndexes > MAX_FAILED_INDEXES)
    found.invalid(at, maxFailedIndexes, `must be less than or equal to ${MAX_FAILED_INDEXES}`);
  if (completions === undefined || completions <= MANY_COMPLETIONS || backoffLimitPerIndex === undefined) return;
  if (maxFailedIndexes === undefined)
    found.required(at, `must be specified when completions is above ${MANY_COMPLETIONS}`);
  if (parallelism !== undefined && parallelism > PARALLELISM_WITH_MANY)
    found.invalid(
      path.child('parallelism'),
      parallelism,
      `must be less than or equal to ${PARALLELISM_WITH_MANY} when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`,
    );
  if (maxFailedIndexes !== undefined && maxFailedIndexes > PARALLELISM_WITH_MANY)
    found.invalid(
      at,
      maxFailedIndexes,
      `must be less than or equal to ${PARALLELISM_WITH_MANY} when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`,
    );
}

function checkCompletionMode(found: ErrorList, spec: JobSpec, path: FieldPath): void {
  const { completionMode } = spec;
  if (completionMode !== undefined)
    found.oneOf(path.child('completionMode'), completionMode, ['NonIndexed', 'Indexed']);
  if (completionMode === 'Indexed') checkIndexed(found, spec, path);
  if (completionMode !== undefined && completionMode !== 'NonIndexed') return;
  for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const)
    if (spec[field] !== undefined) found.invalid(path.child(field), spec[field], 'requires indexed completion mode');
}

function checkReplacementPolicy(found: ErrorList, spec: JobSpec, path: FieldPath): void {
  const policy = spec.podReplacementPolicy;
  if (policy === undefined) return;
  const supported = spec.podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
  found.oneOf(path.child('podReplacementPolicy'), policy, supported);
}

function checkRestartPolicy(found: ErrorList, spec: JobSpec, path: FieldPath): void {
  const policy = spec.template?.spec?.restartPolicy ?? '';
  const at = path.child('template', 'spec', 'restartPolicy');
  if (policy === '' || policy === 'Always') found.required(at, 'valid values: "OnFailure", "Never"');
  else if (policy !== 'OnFailure' && policy !== 'Never') found.notSupported(at, policy, ['OnFailure', 'Never']);
  else if (spec.podFailurePolicy !== undefined && policy !== 'Never')
    found.invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified');
}

function checkManagedBy(found: ErrorList, spec: JobSpec, path: FieldPath): void {
  if (spec.managedBy === undefined) return;
  checkPrefixedPath(found, path.child('managedBy'), spec.managedBy);
  if (Buffer.byteLength(spec.managedBy) > MAX_MANAGED_BY) found.tooLong(path.child('managedBy'), MAX_MANAGED_BY);
}

export function checkJobSpec(found: ErrorList, spec: JobSpec, path: FieldPath, old?: JobSpec): void {
  for (const field of COUNTS) found.notNegative(path.child(field), spec[field]);
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    found.required(path.child('backoffLimitPerIndex'), 'when maxFailedIndexes is specified');
  checkManagedBy(found, spec, path);
  checkCompletionMode(found, spec, path);
  if (spec.podFailurePolicy !== undefined) checkFailurePolicy(found, spec, path.child('podFailurePolicy'));
  if (spec.successPolicy !== undefined) {
    if (spec.completionMode !== 'Indexed')
      found.invalid(
        path.child('successPolicy'),
        inGo(spec.successPolicy, SUCCESS_POLICY),
        'requires indexed completion mode',
      );
    else checkSuccessPolicy(found, spec, path.child('successPolicy'));
  }
  checkReplacementPolicy(found, spec, path);
  const template = spec.template ?? EMPTY_TEMPLATE;
  found.add(validatePodTemplateSpec(template, path.child('template'), { old: old?.template }));
  checkRestartPolicy(found, spec, path);
}
