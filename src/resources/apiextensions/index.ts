// The rows of apiextensions.k8s.io.
import type { AnyResource } from '../definition.ts';
import { customResourceDefinitions } from './custom-resource-definition.ts';

export const APIEXTENSIONS_ROWS: readonly AnyResource[] = [customResourceDefinitions];
