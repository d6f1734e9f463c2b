// The rows of node.k8s.io.
import type { AnyResource } from '../definition.ts';
import { runtimeClasses } from './runtime-class.ts';

export const NODE_ROWS: readonly AnyResource[] = [runtimeClasses];
