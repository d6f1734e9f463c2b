// The rows of rbac.authorization.k8s.io.
import type { AnyResource } from '../definition.ts';
import { clusterRoleBindings, roleBindings } from './bindings.ts';
import { clusterRoles, roles } from './roles.ts';

export const RBAC_ROWS: readonly AnyResource[] = [roles, roleBindings, clusterRoles, clusterRoleBindings];
