// The rows of flowcontrol.apiserver.k8s.io.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { flowSchemas } from './flow-schema.ts';
import { priorityLevels } from './priority-level.ts';

export const FLOWCONTROL_ROWS: readonly AnyResource[] = metadataOnUpdate([flowSchemas, priorityLevels], {
  prioritylevelconfigurations: 'create',
});
