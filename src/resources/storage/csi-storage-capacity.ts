// CSIStorageCapacity: how much a storage class can still give where. https://kubernetes.io/docs/concepts/storage/storage-capacity/
import { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain } from '../../machinery/names.ts';
import { parseQuantity } from '../../machinery/quantity.ts';
import { ErrorList, NOT_NEGATIVE } from '../checks/index.ts';
import { checkLabelSelector, nodeTermWarnings, oldNodeLabel } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { CSIStorageCapacity } from '../generated/storage-v1.ts';

function validate(capacity: CSIStorageCapacity): ErrorList {
  const found = new ErrorList();
  checkLabelSelector(capacity.nodeTopology, FieldPath.of('nodeTopology'), {}, found.errors);
  found.text(FieldPath.of('storageClassName'), capacity.storageClassName ?? '', isDns1123Subdomain);
  if (capacity.capacity !== undefined) {
    const amount = parseQuantity(capacity.capacity);
    if (amount.cmp(parseQuantity('0')) < 0) found.invalid(FieldPath.of('capacity'), amount.toString(), NOT_NEGATIVE);
  }
  return found;
}

function validateUpdate(capacity: CSIStorageCapacity, old: CSIStorageCapacity): ErrorList {
  const found = validate(capacity);
  found.unchanged(FieldPath.of('nodeTopology'), capacity.nodeTopology, old.nodeTopology);
  found.unchanged(FieldPath.of('storageClassName'), capacity.storageClassName, old.storageClassName);
  return found;
}

function warnings({ nodeTopology }: CSIStorageCapacity): string[] {
  const path = FieldPath.of('nodeTopology');
  const labels = Object.keys(nodeTopology?.matchLabels ?? {}).flatMap((key) => {
    const message = oldNodeLabel(key);
    return message === undefined ? [] : [`${path.child('matchLabels').key(key)}: ${key} is ${message}`];
  });
  const { matchExpressions = [] } = nodeTopology ?? {};
  return [...labels, ...nodeTermWarnings({ matchExpressions }, path)];
}

export const csiStorageCapacities = defineResource<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  singular: 'csistoragecapacity',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.storage.v1.CSIStorageCapacity',
  unconditionalUpdate: false,
  strategy: {
    validate: (capacity) => validate(capacity).errors,
    validateUpdate: (capacity, old) => validateUpdate(capacity, old).errors,
    warnings,
  },
  generation: 'none',
  columns: [],
});
