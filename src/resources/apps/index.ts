// The rows of apps.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { controllerRevisions } from './controller-revision.ts';
import { daemonSets } from './daemon-set.ts';
import { deployments } from './deployment.ts';
import { replicaSets } from './replica-set.ts';
import { statefulSets } from './stateful-set.ts';

export {
  checkSelectorKept,
  checkTemplateLabels,
  EMPTY_TEMPLATE,
  isReadable,
  nameWarnings,
  selectorShown,
  templateColumns,
  templateWarnings,
} from './template.ts';
export const APPS_ROWS: readonly AnyResource[] = metadataOnUpdate(
  [controllerRevisions, daemonSets, deployments, replicaSets, statefulSets],
  { controllerrevisions: 'update+create' },
);
