// All controllers, in one visible table.
import { garbageCollector } from './garbage-collector/controller.ts';
import { namespaceController } from './namespace/controller.ts';
import { rootCaPublisher } from './root-ca/controller.ts';
import { serviceAccountController } from './service-account/controller.ts';
import type { ControllerRow } from './shared/context.ts';

export const CONTROLLERS: readonly ControllerRow[] = [
  namespaceController,
  serviceAccountController,
  rootCaPublisher,
  garbageCollector,
];
