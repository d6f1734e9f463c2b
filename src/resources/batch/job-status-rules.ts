// Validation of a Job's status: what a controller of one's own may write as well as the built-in one (KEP-4368).
// https://github.com/kubernetes/enhancements/tree/master/keps/sig-apps/4368-support-managed-by-for-batch-jobs
import { FieldPath } from '../../machinery/field-error.ts';
import { ErrorList, IMMUTABLE, inGo } from '../checks/index.ts';
import { semanticEqual } from '../common/index.ts';
import type { Job, JobStatus } from '../generated/batch-v1.ts';
import { countIndexes, overlapOf } from './success-policy.ts';

const STATUS = FieldPath.of('status');
const CONDITIONS = STATUS.child('conditions');
const COUNTS = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;
const UNCOUNTED = { Succeeded: null, Failed: null } as const;

/** A status with what is asked of it again and again. */
class View {
  readonly status: JobStatus;
  readonly complete: boolean;
  readonly failed: boolean;
  readonly failureTarget: boolean;
  readonly successMet: boolean;

  constructor(job: Job) {
    this.status = job.status ?? {};
    this.complete = this.holds('Complete');
    this.failed = this.holds('Failed');
    this.failureTarget = this.holds('FailureTarget');
    this.successMet = this.holds('SuccessCriteriaMet');
  }

  get finished(): boolean {
    return this.complete || this.failed;
  }

  holds(type: string, status = 'True'): boolean {
    return this.status.conditions?.some((c) => c.type === type && c.status === status) ?? false;
  }
}

/** Rules look only at what was changed: the rest is the affair of whoever wrote it. */
interface Change {
  readonly job: Job;
  readonly now: View;
  readonly old: View;
  changed(
    ...fields: (keyof JobStatus | 'complete' | 'failed' | 'failureTarget' | 'successMet' | 'finished')[]
  ): boolean;
}

function changeOf(job: Job, old: Job): Change {
  const now = new View(job);
  const before = new View(old);
  const differs = (field: string): boolean =>
    field in now
      ? now[field as keyof View] !== before[field as keyof View]
      : !semanticEqual(now.status[field as keyof JobStatus], before.status[field as keyof JobStatus]);
  return { job, now, old: before, changed: (...fields) => fields.some(differs) };
}

function checkUncounted(found: ErrorList, status: JobStatus): void {
  const seen = new Set<string>();
  for (const field of ['succeeded', 'failed'] as const)
    status.uncountedTerminatedPods?.[field]?.forEach((uid, i) => {
      const at = STATUS.child('uncountedTerminatedPods', field).index(i);
      if (uid === '') found.invalid(at, uid, 'must not be empty');
      else if (seen.has(uid)) found.duplicate(at, uid);
      seen.add(uid);
    });
}

function checkCompletion(found: ErrorList, { now, changed }: Change): void {
  const { startTime, completionTime } = now.status;
  const at = STATUS.child('completionTime');
  if (changed('complete', 'failed') && now.complete && now.failed)
    found.invalidWithoutValue(CONDITIONS, 'cannot set Complete=True and Failed=true conditions');
  if (changed('complete', 'failureTarget') && now.complete && now.failureTarget)
    found.invalidWithoutValue(CONDITIONS, 'cannot set Complete=True and FailureTarget=true conditions');
  if (changed('complete', 'completionTime')) {
    if (completionTime !== undefined && !now.complete)
      found.invalid(at, completionTime, 'cannot set completionTime when there is no Complete=True condition');
    if (completionTime === undefined && now.complete)
      found.required(at, 'completionTime is required for Complete jobs');
  }
  if (changed('startTime', 'completionTime') && startTime !== undefined && completionTime !== undefined)
    if (Date.parse(completionTime) < Date.parse(startTime))
      found.invalid(at, completionTime, 'must be equal to or after `startTime`');
  if (changed('failed', 'failedIndexes') && now.failed && !now.failureTarget)
    found.invalidWithoutValue(CONDITIONS, 'cannot set Failed=True condition without the FailureTarget=true condition');
  if (changed('complete', 'successMet') && now.complete && !now.successMet)
    found.invalidWithoutValue(
      CONDITIONS,
      'cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
    );
}

function checkFinished(found: ErrorList, { job, now, changed }: Change): void {
  if (!now.finished) return;
  const { active = 0, startTime, uncountedTerminatedPods: uncounted } = now.status;
  if (changed('finished', 'active') && active > 0)
    found.invalid(STATUS.child('active'), active, 'active>0 is invalid for finished job');
  const neverRan = job.spec?.suspend === true && job.spec.completions === 0;
  if (changed('finished', 'startTime') && startTime === undefined && !neverRan)
    found.required(STATUS.child('startTime'), 'startTime is required for finished job');
  const left = (uncounted?.succeeded?.length ?? 0) + (uncounted?.failed?.length ?? 0);
  if (changed('finished', 'uncountedTerminatedPods') && left > 0)
    found.invalid(
      STATUS.child('uncountedTerminatedPods'),
      inGo(uncounted, UNCOUNTED),
      'must be empty for finished job',
    );
}

function checkIndexes(found: ErrorList, { job, now, changed }: Change): void {
  const { completions, backoffLimitPerIndex, completionMode } = job.spec ?? {};
  const { completedIndexes = '', failedIndexes } = now.status;
  const completed = STATUS.child('completedIndexes');
  const failed = STATUS.child('failedIndexes');
  const check = (path: FieldPath, text: string): void => {
    const problem = countIndexes(text, completions ?? 0);
    if (typeof problem === 'string') found.invalid(path, text, `error parsing ${path.toString().slice(7)}: ${problem}`);
  };
  const ofPods = completions !== undefined;
  if (changed('completedIndexes') && ofPods) check(completed, completedIndexes);
  if (changed('failedIndexes') && ofPods && backoffLimitPerIndex !== undefined && failedIndexes !== undefined)
    check(failed, failedIndexes);
  if (changed('completedIndexes') && completedIndexes !== '' && completionMode !== 'Indexed')
    found.invalid(
      completed,
      completedIndexes,
      'cannot set non-empty completedIndexes when non-indexed completion mode',
    );
  if (changed('failedIndexes') && backoffLimitPerIndex === undefined && failedIndexes !== undefined)
    found.invalid(failed, failedIndexes, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null');
  if (!changed('failedIndexes', 'completedIndexes') || !ofPods || failedIndexes === undefined) return;
  const shared = overlapOf(completedIndexes, failedIndexes, completions);
  if (shared !== undefined)
    found.invalid(failed, failedIndexes, `failedIndexes and completedIndexes overlap at index: ${shared}`);
}

function checkPods(found: ErrorList, { now, changed }: Change): void {
  const { terminating = 0, ready, active = 0 } = now.status;
  if (changed('finished', 'terminating') && terminating > 0 && now.finished)
    found.invalid(STATUS.child('terminating'), terminating, 'terminating>0 is invalid for finished job');
  if (changed('ready', 'active') && ready !== undefined && ready > active)
    found.invalid(STATUS.child('ready'), ready, 'cannot set more ready pods than active');
}

function checkCriteria(found: ErrorList, { job, now }: Change): void {
  if (now.successMet && now.failed)
    found.invalidWithoutValue(CONDITIONS, 'cannot set SuccessCriteriaMet=True and Failed=true conditions');
  if (now.successMet && now.failureTarget)
    found.invalidWithoutValue(CONDITIONS, 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions');
  if (job.spec?.successPolicy !== undefined && !now.successMet && now.complete)
    found.invalidWithoutValue(
      CONDITIONS,
      'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True',
    );
}

/** What was said once stays said. */
function checkKept(found: ErrorList, { job, now, old, changed }: Change): void {
  for (const type of ['Failed', 'Complete', 'FailureTarget'])
    if (old.holds(type) && !now.holds(type))
      found.invalidWithoutValue(CONDITIONS, `cannot disable the terminal ${type}=True condition`);
  const { completions, parallelism, completionMode, suspend } = job.spec ?? {};
  const { failed = 0, succeeded = 0, completionTime, startTime } = now.status;
  if (failed < (old.status.failed ?? 0))
    found.invalid(STATUS.child('failed'), failed, 'cannot decrease the failed counter');
  // An indexed Job may be scaled down.
  const elastic = completionMode === 'Indexed' && completions === parallelism;
  if (!elastic && succeeded < (old.status.succeeded ?? 0))
    found.invalid(STATUS.child('succeeded'), succeeded, 'cannot decrease the succeeded counter');
  if (completionTime !== undefined && old.status.completionTime !== undefined && changed('completionTime'))
    found.invalid(STATUS.child('completionTime'), completionTime, IMMUTABLE);
  const resuming = old.holds('Suspended') && now.holds('Suspended', 'False');
  if (changed('startTime') && !resuming && old.status.startTime !== undefined && suspend !== true)
    found.invalid(STATUS.child('startTime'), startTime ?? null, 'field is immutable for unsuspended job once set');
  if (old.successMet && !now.successMet)
    found.invalidWithoutValue(CONDITIONS, 'cannot disable the SuccessCriteriaMet=True condition');
  if (old.complete && !old.successMet && now.successMet)
    found.invalidWithoutValue(
      CONDITIONS,
      'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions',
    );
}

export function validateJobStatus(job: Job, old: Job): ErrorList {
  const found = new ErrorList();
  const change = changeOf(job, old);
  for (const field of COUNTS) found.notNegative(STATUS.child(field), change.now.status[field]);
  checkUncounted(found, change.now.status);
  checkCompletion(found, change);
  checkFinished(found, change);
  checkIndexes(found, change);
  checkPods(found, change);
  checkCriteria(found, change);
  checkKept(found, change);
  return found;
}
