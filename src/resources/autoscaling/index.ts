// The rows of autoscaling.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { autoscalersV1, autoscalersV2 } from './horizontal-pod-autoscaler.ts';

export { SCALE_ROW } from './scale.ts';

export const AUTOSCALING_ROWS: readonly AnyResource[] = metadataOnUpdate([autoscalersV2, autoscalersV1]);
