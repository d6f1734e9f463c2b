// The rows of policy.
import type { AnyResource } from '../definition.ts';
import { podDisruptionBudgets } from './pod-disruption-budget.ts';

export const POLICY_ROWS: readonly AnyResource[] = [podDisruptionBudgets];
