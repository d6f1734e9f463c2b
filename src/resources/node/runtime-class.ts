// RuntimeClass: which container runtime handler runs a pod. https://kubernetes.io/docs/concepts/containers/runtime-class/
import { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label } from '../../machinery/names.ts';
import { ageColumn, column, ErrorList, nameColumn } from '../checks/index.ts';
import {
  checkContainerResourceName,
  checkLabels,
  checkResourceRequirements,
  checkTolerations,
  oldNodeLabel,
} from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { Toleration } from '../generated/core-v1.ts';
import type { RuntimeClass } from '../generated/node-v1.ts';

function matches(a: Toleration, b: Toleration): boolean {
  const keys = ['key', 'effect', 'operator', 'value'] as const;
  return keys.every((key) => (a[key] ?? '') === (b[key] ?? ''));
}

function checkScheduling(found: ErrorList, scheduling: NonNullable<RuntimeClass['scheduling']>): void {
  const path = FieldPath.of('scheduling');
  checkLabels(scheduling.nodeSelector, path.child('nodeSelector'), found.errors);
  const tolerations = scheduling.tolerations ?? [];
  const at = path.child('tolerations');
  checkTolerations(tolerations, at, found.errors);
  tolerations.forEach((toleration, i) => {
    if (tolerations.slice(0, i).some((other) => matches(other, toleration))) found.duplicate(at.index(i), toleration);
  });
}

function validate(runtimeClass: RuntimeClass): ErrorList {
  const found = new ErrorList();
  found.text(FieldPath.of('handler'), runtimeClass.handler ?? '', isDns1123Label);
  if (runtimeClass.overhead !== undefined)
    checkResourceRequirements(
      { limits: runtimeClass.overhead.podFixed },
      FieldPath.of('overhead'),
      { checkName: checkContainerResourceName, claimNames: new Set(), allowIndivisibleHugePages: false },
      found.errors,
    );
  if (runtimeClass.scheduling !== undefined) checkScheduling(found, runtimeClass.scheduling);
  return found;
}

function warnings(runtimeClass: RuntimeClass): string[] {
  const path = FieldPath.of('scheduling', 'nodeSelector');
  return Object.keys(runtimeClass.scheduling?.nodeSelector ?? {}).flatMap((key) => {
    const message = oldNodeLabel(key);
    return message === undefined ? [] : [`${path}: ${key} is ${message}`];
  });
}

export const runtimeClasses = defineResource<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  singular: 'runtimeclass',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.node.v1.RuntimeClass',
  anyFinalizer: true,
  createOnUpdate: true,
  unconditionalUpdate: false,
  strategy: {
    validate: (runtimeClass) => validate(runtimeClass).errors,
    warnings,
    validateUpdate(runtimeClass, old) {
      const found = validate(runtimeClass);
      found.unchanged(FieldPath.of('handler'), runtimeClass.handler, old.handler);
      return found.errors;
    },
  },
  generation: 'none',
  columns: [nameColumn(), column({ name: 'Handler', description: '', cell: (o) => o.handler ?? '' }), ageColumn()],
});
