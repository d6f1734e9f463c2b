// RoleBinding and ClusterRoleBinding: who has a role. https://kubernetes.io/docs/reference/access-authn-authz/rbac/
import { ageColumn, column, nameColumn } from '../checks/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type { ClusterRoleBinding, RoleBinding } from '../generated/rbac-v1.ts';
import { defaultBinding, GROUP, validateBinding, validateBindingUpdate } from './rules.ts';

function subjectNames(binding: RoleBinding, kind: string): string {
  return (binding.subjects ?? [])
    .filter((subject) => subject.kind === kind)
    .map((s) => (kind === 'ServiceAccount' ? `${s.namespace ?? ''}/${s.name ?? ''}` : (s.name ?? '')))
    .join(', ');
}

function bindingColumns<T extends RoleBinding | ClusterRoleBinding>(type: string): Column<T>[] {
  const lower = `${type.charAt(0).toLowerCase()}${type.slice(1)}`;
  return [
    nameColumn<T>(),
    column<T>({
      name: 'Role',
      description: ['rbac/v1', type, 'roleRef'],
      cell: ({ roleRef }) => `${roleRef?.kind ?? ''}/${roleRef?.name ?? ''}`,
    }),
    ageColumn<T>(),
    column<T>({
      name: 'Users',
      wide: true,
      description: `Users in the ${lower}`,
      cell: (b) => subjectNames(b, 'User'),
    }),
    column<T>({
      name: 'Groups',
      wide: true,
      description: `Groups in the ${lower}`,
      cell: (b) => subjectNames(b, 'Group'),
    }),
    column<T>({
      name: 'ServiceAccounts',
      wide: true,
      description: `ServiceAccounts in the ${lower}`,
      cell: (b) => subjectNames(b, 'ServiceAccount'),
    }),
  ];
}

export const roleBindings = defineResource<RoleBinding>({
  group: GROUP,
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  singular: 'rolebinding',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.rbac.v1.RoleBinding',
  nameRule: 'path-segment',
  createOnUpdate: true,
  strategy: {
    applyDefaults: defaultBinding,
    validate: (binding) => validateBinding(binding, true).errors,
    validateUpdate: (binding, old) => validateBindingUpdate(binding, old, true).errors,
  },
  generation: 'none',
  columns: bindingColumns<RoleBinding>('RoleBinding'),
});

export const clusterRoleBindings = defineResource<ClusterRoleBinding>({
  group: GROUP,
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  singular: 'clusterrolebinding',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.rbac.v1.ClusterRoleBinding',
  nameRule: 'path-segment',
  createOnUpdate: true,
  strategy: {
    applyDefaults: defaultBinding,
    validate: (binding) => validateBinding(binding, false).errors,
    validateUpdate: (binding, old) => validateBindingUpdate(binding, old, false).errors,
  },
  generation: 'none',
  columns: bindingColumns<ClusterRoleBinding>('ClusterRoleBinding'),
});
