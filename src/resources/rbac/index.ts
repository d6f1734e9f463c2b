// The rows of rbac.authorization.k8s.io.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { clusterRoleBindings, roleBindings } from './bindings.ts';
import { clusterRoles, roles } from './roles.ts';

export const RBAC_ROWS: readonly AnyResource[] = metadataOnUpdate(
  [roles, roleBindings, clusterRoles, clusterRoleBindings],
  {
    roles: 'create+update',
    rolebindings: 'create+update',
    clusterroles: 'create+update',
    clusterrolebindings: 'create+update',
  },
);
