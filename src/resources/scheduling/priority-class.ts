// PriorityClass: names for the priority of pods. https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
import { FieldPath } from '../../machinery/field-error.ts';
import { ageColumn, column, ErrorList, nameColumn } from '../checks/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { PriorityClass } from '../generated/scheduling-v1.ts';

export const SYSTEM_PRIORITY_CLASSES: ReadonlyMap<string, number> = new Map([
  ['system-node-critical', 2000001000],
  ['system-cluster-critical', 2000000000],
]);
const SYSTEM_PREFIX = 'system-';
const HIGHEST_USER_VALUE = 1000000000;
const POLICIES = ['PreemptLowerPriority', 'Never'];

function whyNotSystem(priorityClass: PriorityClass, name: string): string | undefined {
  const value = SYSTEM_PRIORITY_CLASSES.get(name);
  if (value === undefined) return `${name} is not a known system priority class`;
  if ((priorityClass.value ?? 0) !== value) return `value of ${name} PriorityClass must be ${value}`;
  if (priorityClass.globalDefault === true) return `globalDefault of ${name} PriorityClass must be false`;
  return undefined;
}

function validate(priorityClass: PriorityClass): ErrorList {
  const found = new ErrorList();
  const name = priorityClass.metadata.name ?? '';
  const { value = 0, preemptionPolicy } = priorityClass;
  if (name.startsWith(SYSTEM_PREFIX)) {
    const why = whyNotSystem(priorityClass, name);
    if (why !== undefined)
      found.forbidden(
        FieldPath.of('metadata', 'name'),
        `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only. error: ${why}`,
      );
  } else if (value > HIGHEST_USER_VALUE) {
    const most = `maximum allowed value of a user defined priority is ${HIGHEST_USER_VALUE}`;
    found.forbidden(FieldPath.of('value'), most);
  }
  const path = FieldPath.of('preemptionPolicy');
  if (preemptionPolicy === '') found.required(path);
  else if (preemptionPolicy !== undefined) found.oneOf(path, preemptionPolicy, POLICIES);
  return found;
}

function validateUpdate(priorityClass: PriorityClass, old: PriorityClass): ErrorList {
  const found = new ErrorList();
  if ((priorityClass.value ?? 0) !== (old.value ?? 0))
    found.forbidden(FieldPath.of('value'), 'may not be changed in an update.');
  found.unchanged(FieldPath.of('preemptionPolicy'), priorityClass.preemptionPolicy, old.preemptionPolicy);
  return found;
}

export const priorityClasses = defineResource<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  singular: 'priorityclass',
  shortNames: ['pc'],
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.scheduling.v1.PriorityClass',
  strategy: {
    applyDefaults(draft) {
      draft.preemptionPolicy ??= 'PreemptLowerPriority';
    },
    validate: (priorityClass) => validate(priorityClass).errors,
    validateUpdate: (priorityClass, old) => validateUpdate(priorityClass, old).errors,
  },
  // 1 on create; nothing that may change counts.
  generation: { changed: () => false },
  refuseDelete: (name) =>
    SYSTEM_PRIORITY_CLASSES.has(name) ? 'this is a system priority class and cannot be deleted' : undefined,
  columns: [
    nameColumn(),
    column({
      name: 'Value',
      type: 'integer',
      description: ['scheduling/v1', 'PriorityClass', 'value'],
      cell: (o) => o.value ?? 0,
    }),
    column({
      name: 'Global-Default',
      type: 'boolean',
      description: ['scheduling/v1', 'PriorityClass', 'globalDefault'],
      cell: (o) => o.globalDefault ?? false,
    }),
    ageColumn(),
    column({
      name: 'PreemptionPolicy',
      description: ['scheduling/v1', 'PriorityClass', 'preemptionPolicy'],
      cell: (o) => o.preemptionPolicy ?? '',
    }),
  ],
});
