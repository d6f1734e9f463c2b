// CronJob. https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { nameWarnings, selectorShown } from '../apps/index.ts';
import {
  ageColumn,
  column,
  ErrorList,
  nameColumn,
  selectorText,
  statusKept,
  statusSubresource,
} from '../checks/index.ts';
import { age, containersColumn, defaultPodTemplateSpec, imagesColumn, semanticEqual } from '../common/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type { CronJob, CronJobSpec, JobTemplateSpec } from '../generated/batch-v1.ts';
import { isTimeZone, scheduleProblem } from './cron-schedule.ts';
import { defaultFailurePolicy } from './job.ts';
import { jobSpecWarnings } from './job-rules.ts';
import { checkJobSpec } from './job-spec-rules.ts';

const SPEC = FieldPath.of('spec');
const JOB_TEMPLATE = SPEC.child('jobTemplate');
const POLICIES = ['Allow', 'Forbid', 'Replace'];
/** Jobs get eleven characters more, and their names must be labels. */
const MAX_NAME = 52;
const ZONE_PART = /^[A-Za-z.\-_0-9+]{1,14}$/;

function applyDefaults(draft: CronJob): void {
  draft.spec ??= { schedule: '', jobTemplate: {} };
  const { spec } = draft;
  spec.concurrencyPolicy ||= 'Allow';
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= 3;
  spec.failedJobsHistoryLimit ??= 1;
  spec.jobTemplate ??= {};
  spec.jobTemplate.spec ??= { template: { spec: { containers: [] } } };
  spec.jobTemplate.spec.template ??= { spec: { containers: [] } };
  defaultFailurePolicy(spec.jobTemplate.spec);
  defaultPodTemplateSpec(spec.jobTemplate.spec.template);
}

function checkSchedule(found: ErrorList, spec: CronJobSpec, old: CronJobSpec | undefined): void {
  const path = SPEC.child('schedule');
  const schedule = spec.schedule ?? '';
  if (schedule === '') {
    found.required(path);
    return;
  }
  const problem = scheduleProblem(schedule);
  if (problem !== undefined) found.invalid(path, schedule, problem);
  if (!schedule.includes('TZ')) return;
  const allowed = old?.schedule?.includes('TZ') ?? false;
  if (!allowed) found.invalid(path, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead');
  else if (spec.timeZone !== undefined)
    found.invalid(path, schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule');
}

function checkTimeZone(found: ErrorList, zone: string | undefined): void {
  if (zone === undefined) return;
  const path = SPEC.child('timeZone');
  if (zone === '') {
    found.invalid(path, zone, 'timeZone must be nil or non-empty string');
    return;
  }
  for (const part of zone.split('/'))
    if (!ZONE_PART.test(part) || part === '.' || part === '..' || part.startsWith('-')) {
      found.invalid(path, zone, `unknown time zone ${zone}`);
      break;
    }
  if (zone.toLowerCase() === 'local')
    found.invalid(path, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones');
  else if (found.errors.at(-1)?.field !== path.toString() && !isTimeZone(zone))
    found.invalid(path, zone, `unknown time zone ${zone}`);
}

function checkJobTemplate(found: ErrorList, template: JobTemplateSpec, old: JobTemplateSpec | undefined): void {
  const spec = template.spec ?? { template: { spec: { containers: [] } } };
  const path = JOB_TEMPLATE.child('spec');
  checkJobSpec(found, spec, path, old?.spec);
  if (spec.selector !== undefined)
    found.invalid(path.child('selector'), selectorShown(spec.selector), '`selector` will be auto-generated');
  if (spec.manualSelector === true)
    found.errors.push({
      type: 'FieldValueNotSupported',
      field: path.child('manualSelector').toString(),
      body: 'Unsupported value: true: supported values: "nil", "false"',
    });
}

function validate(job: CronJob, old?: CronJob): FieldError[] {
  const found = new ErrorList();
  const spec = job.spec ?? { schedule: '', jobTemplate: {} };
  checkSchedule(found, spec, old?.spec);
  found.notNegative(SPEC.child('startingDeadlineSeconds'), spec.startingDeadlineSeconds);
  if (old === undefined || old.spec?.timeZone !== spec.timeZone) checkTimeZone(found, spec.timeZone);
  const policy = spec.concurrencyPolicy ?? '';
  if (policy === '') found.required(SPEC.child('concurrencyPolicy'));
  else found.oneOf(SPEC.child('concurrencyPolicy'), policy, POLICIES);
  checkJobTemplate(found, spec.jobTemplate ?? {}, old?.spec?.jobTemplate);
  found.notNegative(SPEC.child('successfulJobsHistoryLimit'), spec.successfulJobsHistoryLimit);
  found.notNegative(SPEC.child('failedJobsHistoryLimit'), spec.failedJobsHistoryLimit);
  const name = job.metadata.name ?? '';
  if (old === undefined && name.length > MAX_NAME)
    found.invalid(FieldPath.of('metadata', 'name'), name, `must be no more than ${MAX_NAME} characters`);
  return found.errors;
}

function warnings(job: CronJob, old: CronJob | undefined): string[] {
  const list = old === undefined ? nameWarnings(job.metadata.name) : [];
  const unchanged = old !== undefined && semanticEqual(job.spec, old.spec);
  if (!unchanged) list.push(...jobSpecWarnings(job.spec?.jobTemplate?.spec, undefined, JOB_TEMPLATE.child('spec')));
  // A new one is refused; Kubernetes names the field so.
  if (old !== undefined && job.spec?.schedule?.includes('TZ') === true)
    list.push(
      'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details',
    );
  return list;
}

function flagText(value: boolean | undefined): string {
  if (value === undefined) return '<unset>';
  return value ? 'True' : 'False';
}

const doc = (field: string): readonly [string, string, string] => ['batch/v1', 'CronJobSpec', field];
const COLUMNS: readonly Column<CronJob>[] = [
  nameColumn(),
  column({ name: 'Schedule', description: doc('schedule'), cell: (o) => o.spec?.schedule ?? '' }),
  column({ name: 'Timezone', description: doc('timeZone'), cell: (o) => o.spec?.timeZone ?? '<none>' }),
  column({
    name: 'Suspend',
    type: 'boolean',
    description: doc('suspend'),
    cell: (o) => flagText(o.spec?.suspend),
  }),
  column({
    name: 'Active',
    type: 'integer',
    description: ['batch/v1', 'CronJobStatus', 'active'],
    cell: (o) => o.status?.active?.length ?? 0,
  }),
  column({
    name: 'Last Schedule',
    description: ['batch/v1', 'CronJobStatus', 'lastScheduleTime'],
    cell: (o, now) => (o.status?.lastScheduleTime === undefined ? '<none>' : age(o.status.lastScheduleTime, now)),
  }),
  ageColumn(),
  containersColumn((o) => o.spec?.jobTemplate?.spec?.template?.spec),
  imagesColumn((o) => o.spec?.jobTemplate?.spec?.template?.spec),
  column({
    name: 'Selector',
    wide: true,
    description: ['batch/v1', 'JobSpec', 'selector'],
    cell: (o) => selectorText(o.spec?.jobTemplate?.spec?.selector),
  }),
];

export const cronJobs = defineResource<CronJob>({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  singular: 'cronjob',
  shortNames: ['cj'],
  categories: ['all'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.batch.v1.CronJob',
  resetFields: ['status'],
  strategy: {
    applyDefaults,
    ...statusKept<CronJob>(),
    validate: (job) => validate(job),
    validateUpdate: (job, old) => validate(job, old),
    warnings,
  },
  generation: 'spec',
  subresources: { status: statusSubresource<CronJob>({ applyDefaults }) },
  columns: COLUMNS,
});
