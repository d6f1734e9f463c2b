// A claim grows only when it is bound, and where its class allows it.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#persistentvolumeclaimresize
import { parseQuantity } from '../../machinery/quantity.ts';
import type { PersistentVolumeClaim } from '../../resources/generated/core-v1.ts';
import type { StorageClass } from '../../resources/generated/storage-v1.ts';
import type { LiveCache } from '../registry/live-cache.ts';
import { isResource, refuse } from './match.ts';
import type { AdmissionPlugin } from './plugin.ts';

const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

function classOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata?.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? '';
}

const sizeOf = ({ spec }: PersistentVolumeClaim) => parseQuantity(spec?.resources?.requests?.storage ?? '0');

export function claimResize(classes: LiveCache<StorageClass>): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    operations: ['UPDATE'],
    validate(request) {
      if (!isResource(request, '', 'persistentvolumeclaims')) return;
      const claim = request.object as PersistentVolumeClaim;
      const old = request.old as PersistentVolumeClaim;
      if (sizeOf(claim).cmp(sizeOf(old)) <= 0) return;
      if (old.status?.phase !== 'Bound') throw refuse(request, 'Only bound persistent volume claims can be expanded');
      const name = classOf(claim);
      if (name === '' || name !== classOf(old) || classes.get(name)?.allowVolumeExpansion !== true)
        throw refuse(
          request,
          'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
        );
    },
  };
}
