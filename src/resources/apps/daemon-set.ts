// DaemonSet. https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/
import { exactInteger } from '../../machinery/exact-json.ts';
import { FieldPath } from '../../machinery/field-error.ts';
import { greatestOf, type Int64, plus } from '../../machinery/int64.ts';
import { goQuote } from '../../machinery/json.ts';
import {
  ageColumn,
  checkAtMost100,
  checkCountOrPercent,
  column,
  countOf,
  ErrorList,
  inGo,
  isUnset,
  nameColumn,
  statusKept,
  statusSubresource,
} from '../checks/index.ts';
import {
  checkLabelSelector,
  defaultPodTemplateSpec,
  formatLabels,
  semanticEqual,
  validatePodTemplateSpec,
} from '../common/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type {
  DaemonSet,
  DaemonSetStatus,
  DaemonSetUpdateStrategy,
  RollingUpdateDaemonSet,
} from '../generated/apps-v1.ts';
import {
  checkAlwaysRestarts,
  checkCollisions,
  checkSelectorKept,
  checkTemplateLabels,
  EMPTY_TEMPLATE,
  isEmptySelector,
  isReadable,
  templateColumns,
  templateWarnings,
} from './template.ts';

const SPEC = FieldPath.of('spec');
/** How Kubernetes shows a strategy that it does not know. */
const STRATEGY = { Type: '', RollingUpdate: { MaxUnavailable: 0, MaxSurge: 0 } } as const;
/** Carries a field that apps/v1 no longer has. */
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';
const COUNTS = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const;

/** Within Kubernetes it is a number, which it must be wherever it is said. */
function unreadable(set: DaemonSet): string | undefined {
  const text = set.metadata.annotations?.[TEMPLATE_GENERATION];
  if (text === undefined) return undefined;
  if (!/^[+-]?\d+$/.test(text)) return `strconv.ParseInt: parsing ${goQuote(text)}: invalid syntax`;
  const value = BigInt(text.replace('+', ''));
  const fits = value === BigInt.asIntN(64, value);
  return fits ? undefined : `strconv.ParseInt: parsing ${goQuote(text)}: value out of range`;
}

function templateGeneration(set: DaemonSet): Int64 {
  const text = set.metadata.annotations?.[TEMPLATE_GENERATION];
  return text === undefined || unreadable(set) !== undefined ? 0 : exactInteger(text.replace('+', ''));
}

function setTemplateGeneration(draft: DaemonSet, generation: Int64): void {
  draft.metadata.annotations = { ...draft.metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
}

function applyDefaults(draft: DaemonSet): void {
  draft.spec ??= { selector: {}, template: { spec: { containers: [] } } };
  const { spec } = draft;
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ||= 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= 10;
  defaultPodTemplateSpec(spec.template);
  setTemplateGeneration(draft, templateGeneration(draft));
}

function checkRollingUpdate(found: ErrorList, rolling: RollingUpdateDaemonSet, path: FieldPath): void {
  const { maxUnavailable, maxSurge } = rolling;
  const unavailable = path.child('maxUnavailable');
  const surge = path.child('maxSurge');
  checkCountOrPercent(found, maxUnavailable, unavailable, { atMost100: false });
  checkCountOrPercent(found, maxSurge, surge, { atMost100: false });
  checkAtMost100(found, maxUnavailable, unavailable);
  checkAtMost100(found, maxSurge, surge);
  const hasUnavailable = countOf(maxUnavailable) !== 0;
  const hasSurge = countOf(maxSurge) !== 0;
  if (hasUnavailable && hasSurge) found.invalid(surge, maxSurge, 'may not be set when maxUnavailable is non-zero');
  if (!hasUnavailable && !hasSurge) found.required(unavailable, 'cannot be 0 when maxSurge is 0');
}

function checkStrategy(found: ErrorList, strategy: DaemonSetUpdateStrategy): void {
  const path = SPEC.child('updateStrategy');
  if (strategy.type === 'OnDelete') return;
  if (strategy.type !== 'RollingUpdate')
    found.notSupported(path, inGo(strategy, STRATEGY), ['RollingUpdate', 'OnDelete']);
  else if (strategy.rollingUpdate === undefined) found.required(path.child('rollingUpdate'));
  else checkRollingUpdate(found, strategy.rollingUpdate, path.child('rollingUpdate'));
}

function validate(set: DaemonSet, old?: DaemonSet): ErrorList {
  const found = new ErrorList();
  const { spec } = set;
  const selector = spec?.selector;
  const template = spec?.template ?? EMPTY_TEMPLATE;
  checkLabelSelector(selector, SPEC.child('selector'), {}, found.errors);
  if (isReadable(selector)) checkTemplateLabels(found, selector, template, SPEC.child('template'));
  if (!isUnset(selector) && isEmptySelector(selector))
    found.invalid(SPEC.child('selector'), {}, 'empty selector is invalid for daemonset');
  found.add(validatePodTemplateSpec(template, SPEC.child('template'), { old: old?.spec?.template }));
  checkAlwaysRestarts(found, template, 'DaemonSet');
  found.notNegative(SPEC.child('minReadySeconds'), spec?.minReadySeconds);
  checkStrategy(found, spec?.updateStrategy ?? {});
  found.notNegative(SPEC.child('revisionHistoryLimit'), spec?.revisionHistoryLimit);
  return found;
}

function validateUpdate(set: DaemonSet, old: DaemonSet): ErrorList {
  const found = new ErrorList();
  checkSelectorKept(found, set.spec?.selector, old.spec?.selector);
  return found.add(validate(set, old).errors);
}

function validateStatus(set: DaemonSet, old: DaemonSet): ErrorList {
  const found = new ErrorList();
  for (const field of COUNTS) found.notNegative(FieldPath.of('status').child(field), set.status?.[field]);
  checkCollisions(found, set.status, old.status);
  return found;
}

const keepStatus = statusKept<DaemonSet>();

function prepareForCreate(...args: Parameters<typeof keepStatus.prepareForCreate>): void {
  keepStatus.prepareForCreate(...args);
  const [draft] = args;
  setTemplateGeneration(draft, greatestOf(templateGeneration(draft), 1));
}

/** Clients cannot set the template's generation: it counts changes of the template. */
function prepareForUpdate(...args: Parameters<typeof keepStatus.prepareForUpdate>): void {
  keepStatus.prepareForUpdate(...args);
  const [draft, old] = args;
  const changed = !semanticEqual(draft.spec?.template, old.spec?.template);
  setTemplateGeneration(draft, plus(templateGeneration(old), changed ? 1 : 0));
}

function count(name: string, field: keyof DaemonSetStatus): Column<DaemonSet> {
  return column<DaemonSet>({
    name,
    type: 'integer',
    description: ['apps/v1', 'DaemonSetStatus', field],
    cell: (o) => Number(o.status?.[field] ?? 0),
  });
}

export const daemonSets = defineResource<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  singular: 'daemonset',
  shortNames: ['ds'],
  categories: ['all'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.apps.v1.DaemonSet',
  resetFields: ['status'],
  unreadable,
  strategy: {
    applyDefaults,
    prepareForCreate,
    prepareForUpdate,
    validate: (set) => validate(set).errors,
    validateUpdate: (set, old) => validateUpdate(set, old).errors,
    // What else changes in the spec says nothing of the template.
    warnings: (set, old) =>
      templateWarnings(
        { spec: { template: set.spec?.template } },
        old === undefined ? undefined : { spec: { template: old.spec?.template } },
      ),
  },
  generation: 'spec',
  subresources: {
    status: statusSubresource<DaemonSet>({
      applyDefaults,
      // It stands in the spec within Kubernetes, which a write to the status does not touch.
      prepare: (draft, old) => setTemplateGeneration(draft, templateGeneration(old)),
      validateUpdate: (set, old) => validateStatus(set, old).errors,
    }),
  },
  columns: [
    nameColumn(),
    count('Desired', 'desiredNumberScheduled'),
    count('Current', 'currentNumberScheduled'),
    count('Ready', 'numberReady'),
    count('Up-to-date', 'updatedNumberScheduled'),
    count('Available', 'numberAvailable'),
    column({
      name: 'Node Selector',
      description: ['core/v1', 'PodSpec', 'nodeSelector'],
      cell: (o) => formatLabels(o.spec?.template?.spec?.nodeSelector),
    }),
    ageColumn(),
    ...templateColumns<DaemonSet>((o) => o.spec, ['apps/v1', 'DaemonSetSpec']),
  ],
});
