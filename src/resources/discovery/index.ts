// The rows of discovery.k8s.io.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { endpointSlices } from './endpoint-slice.ts';

export const DISCOVERY_ROWS: readonly AnyResource[] = metadataOnUpdate([endpointSlices], {
  endpointslices: 'create',
});
