// The rows of storage.k8s.io.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { csiDrivers } from './csi-driver.ts';
import { csiNodes } from './csi-node.ts';
import { csiStorageCapacities } from './csi-storage-capacity.ts';
import { storageClasses } from './storage-class.ts';
import { volumeAttachments } from './volume-attachment.ts';
import { volumeAttributesClassRows } from './volume-attributes-class.ts';

export { isDefaultStorageClass } from './storage-class.ts';
export const STORAGE_ROWS: readonly AnyResource[] = metadataOnUpdate(
  [csiDrivers, csiNodes, csiStorageCapacities, storageClasses, volumeAttachments, ...volumeAttributesClassRows],
  {
    csinodes: 'create',
    csistoragecapacities: 'create+update',
    storageclasses: 'create+update',
    volumeattachments: 'create',
    'volumeattachments/status': 'create',
    volumeattributesclasses: 'update+create',
  },
);
