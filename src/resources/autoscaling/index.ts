// The rows of autoscaling.
import type { AnyResource } from '../definition.ts';
import { autoscalersV1, autoscalersV2 } from './horizontal-pod-autoscaler.ts';

export const AUTOSCALING_ROWS: readonly AnyResource[] = [autoscalersV2, autoscalersV1];
