// Validation of Jobs, on create, update and status update.
import { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label } from '../../machinery/names.ts';
import { isJsonObject } from '../../machinery/object.ts';
import { checkSelectorKept, checkTemplateLabels, EMPTY_TEMPLATE, isReadable } from '../apps/index.ts';
import { ErrorList, IMMUTABLE, inGo, isUnset } from '../checks/index.ts';
import {
  checkLabelSelector,
  podTemplateWarnings,
  semanticEqual,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from '../common/index.ts';
import type { Job, JobSpec } from '../generated/batch-v1.ts';
import type { PodSpec, PodTemplateSpec } from '../generated/core-v1.ts';
import { FAILURE_POLICY } from './failure-policy.ts';
import { checkGeneratedSelector } from './job-selector.ts';
import { checkJobSpec } from './job-spec-rules.ts';
import { SUCCESS_POLICY } from './success-policy.ts';

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

const FIXED = [
  ['completionMode', {}],
  ['podFailurePolicy', FAILURE_POLICY],
  ['backoffLimitPerIndex', {}],
  ['managedBy', {}],
  ['successPolicy', SUCCESS_POLICY],
] as const;

/** First as a new Job, then as a changed one: the causes tell it twice. */
export function validateJobUpdate(job: Job, old: Job): ErrorList {
  const found = new ErrorList();
  found.add(validateObjectMeta(job.metadata, { namespaced: true }));
  found.add(validateJob(job, old).errors);
  found.add(validateObjectMetaUpdate(job.metadata, old.metadata));
  const spec = job.spec ?? { template: EMPTY_TEMPLATE };
  const before = old.spec ?? { template: EMPTY_TEMPLATE };
  checkSpec(found, spec, before);
  checkCompletions(found, spec, before);
  checkSelectorKept(found, spec.selector, before.selector);
  checkTemplate(found, job, old);
  for (const [field, shape] of FIXED)
    if (!semanticEqual(spec[field], before[field]))
      found.invalid(SPEC.child(field), inGo(spec[field], shape), IMMUTABLE);
  return found;
}

/** Without the fields that say nothing. */
function stripped(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(stripped);
  if (!isJsonObject(part)) return part ?? null;
  const said = Object.entries(part).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(said.map(([key, value]) => [key, stripped(value)]));
}

const MANY_COMPLETIONS = 100000;
const MUCH_PARALLELISM = 10000;

/** Said again only when the spec changes. */
export function jobSpecWarnings(spec: JobSpec | undefined, old: JobSpec | undefined, path: FieldPath): string[] {
  if (old !== undefined && semanticEqual(spec, old)) return [];
  const fromTemplate = podTemplateWarnings(spec?.template, path.child('template'));
  const { completionMode, completions = 0, parallelism = 0 } = spec ?? {};
  if (completionMode !== 'Indexed' || completions <= MANY_COMPLETIONS || parallelism <= MUCH_PARALLELISM)
    return fromTemplate;
  return [
    `${path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail`,
    ...fromTemplate,
  ];
}
