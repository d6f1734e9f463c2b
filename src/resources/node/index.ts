// The rows of node.k8s.io.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { runtimeClasses } from './runtime-class.ts';

export const NODE_ROWS: readonly AnyResource[] = metadataOnUpdate([runtimeClasses], {
  runtimeclasses: 'create+update',
});
