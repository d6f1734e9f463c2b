// The rows of apiregistration.k8s.io.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { apiServices } from './api-service.ts';

export const APIREGISTRATION_ROWS: readonly AnyResource[] = metadataOnUpdate([apiServices], {
  apiservices: 'update+create',
});
