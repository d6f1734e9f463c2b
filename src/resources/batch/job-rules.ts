// Validation of Jobs, on create, update and status update.
import { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label } from '../../machinery/names.ts';
import { checkTemplateLabels, EMPTY_TEMPLATE, isReadable } from '../apps/index.ts';
import { ErrorList, IMMUTABLE, isUnset } from '../checks/index.ts';
import { checkLabelSelector, semanticEqual } from '../common/index.ts';
import type { Job, JobSpec } from '../generated/batch-v1.ts';
import type { PodSpec, PodTemplateSpec } from '../generated/core-v1.ts';
import { checkGeneratedSelector } from './job-selector.ts';
import { checkJobSpec } from './job-spec-rules.ts';

const SPEC = FieldPath.of('spec');

/** The spec with its selector, which a CronJob's template does not have. */
function checkSpec(found: ErrorList, spec: JobSpec, old: JobSpec | undefined): void {
  checkJobSpec(found, spec, SPEC, old);
  const path = SPEC.child('selector');
  if (spec.selector === undefined) found.required(path);
  else checkLabelSelector(spec.selector, path, {}, found.errors);
  if (isReadable(spec.selector))
    checkTemplateLabels(found, spec.selector, spec.template ?? EMPTY_TEMPLATE, SPEC.child('template'));
}

export function validateJob(job: Job, old?: Job): ErrorList {
  const found = new ErrorList();
  const spec = job.spec ?? { template: EMPTY_TEMPLATE };
  checkGeneratedSelector(found, job);
  checkSpec(found, spec, old?.spec);
  const { completionMode, completions = 0 } = spec;
  if (completionMode !== 'Indexed' || completions <= 0) return found;
  const name = job.metadata.name ?? '';
  const longest = `${name}-${completions - 1}`;
  if (isDns1123Label(longest).length > 0)
    found.invalid(
      FieldPath.of('metadata', 'name'),
      name,
      `will not able to create pod with invalid DNS label: ${longest}`,
    );
  return found;
}

function checkCompletions(found: ErrorList, spec: JobSpec, old: JobSpec): void {
  const path = SPEC.child('completions');
  if (spec.completionMode !== 'Indexed') {
    found.unchanged(path, spec.completions, old.completions);
    return;
  }
  if (spec.completions === undefined || spec.completions === old.completions) return;
  if (spec.completions !== spec.parallelism)
    found.invalid(path, spec.completions, 'can only be modified in tandem with spec.parallelism');
}

/** Where pods may go, and what they get, is open until a suspended Job's first pods (KEP-2926). */
function withSchedulingOf(template: PodTemplateSpec, source: PodTemplateSpec): PodTemplateSpec {
  const { nodeSelector, tolerations, schedulingGates, affinity } = source.spec ?? {};
  const { nodeAffinity } = affinity ?? {};
  const merged = { ...template.spec?.affinity, nodeAffinity };
  if (nodeAffinity === undefined) delete merged.nodeAffinity;
  const empty = Object.keys(merged).length === 0;
  return {
    metadata: { ...template.metadata, labels: source.metadata?.labels, annotations: source.metadata?.annotations },
    spec: {
      ...(template.spec ?? { containers: [] }),
      nodeSelector,
      tolerations,
      schedulingGates,
      affinity: empty && affinity === undefined ? undefined : merged,
    },
  };
}

/** While a Job is suspended and none of its pods is active (KEP-5440). */
function mayBeReshaped({ spec, status }: Job): boolean {
  if (spec?.suspend !== true || (status?.active ?? 0) > 0) return false;
  const held = status?.conditions?.some(({ type, status: state }) => type === 'Suspended' && state === 'True') ?? false;
  return status?.startTime === undefined || held;
}

type Containers = PodSpec['containers'];

/** An empty list comes as null. */
function withResourcesOf(containers: Containers, source: Containers | undefined): Containers {
  if (isUnset(containers) || containers.length !== source?.length) return containers;
  return containers.map((container, i) => {
    const other = source[i];
    return other?.name === container.name ? { ...container, resources: other.resources } : container;
  });
}

/** Resources of containers that stand at the same place under the same name are as open as the scheduling is. */
function withOpenPartsOf(template: PodTemplateSpec, source: PodTemplateSpec): PodSpec {
  const { containers, initContainers, ...rest } = withSchedulingOf(template, source).spec ?? { containers: [] };
  const spec: PodSpec = { ...rest, containers: withResourcesOf(containers, source.spec?.containers) };
  if (initContainers !== undefined) spec.initContainers = withResourcesOf(initContainers, source.spec?.initContainers);
  return spec;
}

function checkTemplate(found: ErrorList, job: Job, old: Job): void {
  const path = SPEC.child('template');
  const template = job.spec?.template ?? EMPTY_TEMPLATE;
  const before = old.spec?.template ?? EMPTY_TEMPLATE;
  if (!mayBeReshaped(old)) {
    if (!semanticEqual(stripped(template), stripped(before))) found.invalid(path, template, IMMUTABLE);
  } else if (!semanticEqual(stripped(template.spec), stripped(withOpenPartsOf(before, template))))
    found.invalid(path.child('spec'), template.spec, IMMUTABLE);
}

export function validateJobUpdate(job: Job, old: Job): ErrorList {
  const found = validateJob(job, old);
  const spec = job.spec ?? { template: EMPTY_TEMPLATE };
  const before = old.spec ?? { template: EMPTY_TEMPLATE };
  checkSpec(found, spec, before);
  checkCompletions(found, spec, before);
  found.unchanged(SPEC.child('selector'), spec.selector, before.selector);
  checkTemplate(found, job, old);
  for (const field of [
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const)
    found.unchanged(SPEC.child(field), spec[field], before[field]);
  return found;
}

/** Without the fields that say nothing. */
function stripped(part: unknown): unknown {
  return JSON.parse(JSON.stringify(part ?? null, (_, value: unknown) => (value === null ? undefined : value)));
}

const COUNTS = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;

export function validateJobStatus(job: Job): ErrorList {
  const found = new ErrorList();
  const path = FieldPath.of('status');
  const status = job.status ?? {};
  for (const field of COUNTS) found.notNegative(path.child(field), status[field]);
  const seen = new Set<string>();
  for (const field of ['succeeded', 'failed'] as const)
    status.uncountedTerminatedPods?.[field]?.forEach((uid, i) => {
      const at = path.child('uncountedTerminatedPods', field).index(i);
      if (uid === '') found.invalid(at, uid, 'must not be empty');
      else if (seen.has(uid)) found.duplicate(at, uid);
      seen.add(uid);
    });
  const holds = (type: string): boolean =>
    status.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
  if (holds('Complete') && holds('Failed'))
    found.invalidWithoutValue(path.child('conditions'), 'cannot set Complete=True and Failed=true conditions');
  return found;
}

const MANY_COMPLETIONS = 100000;
const MUCH_PARALLELISM = 10000;

export function jobSpecWarnings(spec: JobSpec | undefined, path: string): string[] {
  const { completionMode, completions = 0, parallelism = 0 } = spec ?? {};
  if (completionMode !== 'Indexed' || completions <= MANY_COMPLETIONS || parallelism <= MUCH_PARALLELISM) return [];
  return [
    `${path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail`,
  ];
}
