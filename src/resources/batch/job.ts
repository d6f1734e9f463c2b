// Job. https://kubernetes.io/docs/concepts/workloads/controllers/job/
import { humanDuration } from '../../machinery/duration.ts';
import { FieldPath } from '../../machinery/field-error.ts';
import { nameWarnings, templateColumns } from '../apps/index.ts';
import { ageColumn, column, nameColumn, statusKept, statusSubresource } from '../checks/index.ts';
import { defaultPodTemplateSpec } from '../common/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type { Job, JobSpec } from '../generated/batch-v1.ts';
import { jobSpecWarnings, validateJob, validateJobUpdate } from './job-rules.ts';
import { generateSelector } from './job-selector.ts';
import { validateJobStatus } from './job-status-rules.ts';

const MAX_INT32 = 2147483647;

/** Also for the template of a CronJob. */
export function defaultFailurePolicy(spec: JobSpec): void {
  for (const rule of spec.podFailurePolicy?.rules ?? [])
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True';
}

function defaultLabels(draft: Job): void {
  const labels = draft.spec?.template?.metadata?.labels;
  if (labels !== undefined && Object.keys(draft.metadata.labels ?? {}).length === 0) draft.metadata.labels = labels;
}

function applyDefaults(draft: Job): void {
  draft.spec ??= { template: { spec: { containers: [] } } };
  const { spec } = draft;
  spec.template ??= { spec: { containers: [] } };
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : MAX_INT32;
  defaultLabels(draft);
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  defaultFailurePolicy(spec);
  defaultPodTemplateSpec(spec.template);
}

function hasCondition(job: Job, type: string): boolean {
  return job.status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false;
}

function statusText(job: Job): string {
  if (hasCondition(job, 'Complete')) return 'Complete';
  if (hasCondition(job, 'Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  const early = ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find((type) => hasCondition(job, type));
  return early ?? 'Running';
}

function completionsText(job: Job): string {
  const succeeded = job.status?.succeeded ?? 0;
  const { completions, parallelism = 0 } = job.spec ?? {};
  if (completions !== undefined) return `${succeeded}/${completions}`;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationText(job: Job, now: Date): string {
  const { startTime, completionTime } = job.status ?? {};
  if (startTime === undefined) return '';
  const end = completionTime === undefined ? now.getTime() : Date.parse(completionTime);
  return humanDuration(end - Date.parse(startTime));
}

const COLUMNS: readonly Column<Job>[] = [
  nameColumn(),
  column({ name: 'Status', description: 'Status of the job.', cell: statusText }),
  column({
    name: 'Completions',
    description: ['batch/v1', 'JobStatus', 'succeeded'],
    cell: completionsText,
  }),
  column({ name: 'Duration', description: 'Time required to complete the job.', cell: durationText }),
  ageColumn(),
  ...templateColumns<Job>((o) => o.spec, ['batch/v1', 'JobSpec']),
];

const keepStatus = statusKept<Job>();

export const jobs = defineResource<Job>({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  singular: 'job',
  categories: ['all'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.batch.v1.Job',
  resetFields: ['status'],
  // A client that does not know of the garbage collector keeps its pods.
  defaultPropagation: 'Orphan',
  deleteWarning:
    'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
  strategy: {
    applyDefaults,
    prepareForCreate(draft, context) {
      keepStatus.prepareForCreate(draft, context);
      if (draft.spec?.manualSelector !== true) generateSelector(draft);
    },
    prepareForUpdate: keepStatus.prepareForUpdate,
    validate: (job) => validateJob(job).errors,
    validateUpdate: (job, old) => validateJobUpdate(job, old).errors,
    // Objects are defaulted once more when they are read back: by then the template has labels.
    canonicalize: defaultLabels,
    warnings: (job, old) => [
      ...(old === undefined ? nameWarnings(job.metadata.name) : []),
      ...jobSpecWarnings(job.spec, old?.spec, FieldPath.of('spec')),
    ],
  },
  generation: 'spec',
  selectableFields: {
    labels: ['status.successful'],
    values: (job) => ({ 'status.successful': String(job.status?.succeeded ?? 0) }),
    refusal: (label) => `field label "${label}" not supported for Job`,
  },
  subresources: {
    status: statusSubresource<Job>({
      applyDefaults,
      validateUpdate: (job, old) => validateJobStatus(job, old).errors,
      canonicalize: defaultLabels,
    }),
  },
  columns: COLUMNS,
});
