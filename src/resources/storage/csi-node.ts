// CSINode: which CSI drivers a node has. https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/csi-node-v1/
import { FieldPath } from '../../machinery/field-error.ts';
import { isQualifiedName } from '../../machinery/names.ts';
import { ageColumn, column, ErrorList, IMMUTABLE, nameColumn } from '../checks/index.ts';
import { semanticEqual } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { CSINode, CSINodeDriver } from '../generated/storage-v1.ts';
import { checkDriverName } from './csi-names.ts';

const MAX_NODE_ID = 256;

function checkNodeId(found: ErrorList, id: string, path: FieldPath): void {
  if (id === '') found.required(path);
  const length = Buffer.byteLength(id);
  if (length > MAX_NODE_ID) found.invalid(path, id, `must be ${MAX_NODE_ID} characters or less`);
}

function checkDriver(found: ErrorList, driver: CSINodeDriver, path: FieldPath): void {
  checkDriverName(found, driver.name ?? '', path.child('name'));
  checkNodeId(found, driver.nodeID ?? '', path.child('nodeID'));
  found.notNegative(path.child('allocatable', 'count'), driver.allocatable?.count);
}

function checkTopologyKeys(found: ErrorList, driver: CSINodeDriver, path: FieldPath): void {
  const seen = new Set<string>();
  for (const key of driver.topologyKeys ?? []) {
    if (key === '') found.required(path);
    if (seen.has(key)) found.duplicate(path, key);
    seen.add(key);
    found.text(path, key, isQualifiedName);
  }
}

function validate(node: CSINode): ErrorList {
  const found = new ErrorList();
  const names = new Set<string>();
  node.spec?.drivers?.forEach((driver, i) => {
    const path = FieldPath.of('spec', 'drivers').index(i);
    checkDriver(found, driver, path);
    const name = driver.name ?? '';
    if (names.has(name)) found.duplicate(path.child('name'), name);
    names.add(name);
    checkTopologyKeys(found, driver, path);
  });
  return found;
}

/** How many volumes fit may change (KEP-4876); all else of a registered driver may not. */
function validateUpdate(node: CSINode, old: CSINode): ErrorList {
  const found = validate(node);
  const fixed = (driver: CSINodeDriver): unknown => ({ ...driver, allocatable: undefined });
  for (const before of old.spec?.drivers ?? [])
    for (const driver of node.spec?.drivers ?? [])
      if (before.name === driver.name && !semanticEqual(fixed(driver), fixed(before)))
        found.invalid(FieldPath.of('spec', 'drivers'), driver, IMMUTABLE);
  return found;
}

export const csiNodes = defineResource<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  singular: 'csinode',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.storage.v1.CSINode',
  unconditionalUpdate: false,
  deleteAnswersObject: true,
  strategy: {
    validate: (node) => validate(node).errors,
    validateUpdate: (node, old) => validateUpdate(node, old).errors,
  },
  generation: 'none',
  columns: [
    nameColumn(),
    column({
      name: 'Drivers',
      type: 'integer',
      description: 'Drivers indicates the number of CSI drivers registered on the node',
      cell: (o) => o.spec?.drivers?.length ?? 0,
    }),
    ageColumn(),
  ],
});
