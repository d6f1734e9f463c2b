// Puts the rules of aggregated ClusterRoles together.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
import { CLUSTER_ROLES, objectKey } from '../../client/index.ts';
import { canonicalJson, deepEqual } from '../../machinery/json.ts';
import { selectorFromObject } from '../../machinery/label-selector.ts';
import type { ClusterRole, PolicyRule } from '../../resources/generated/rbac-v1.ts';
import type { ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';

const NAME = 'clusterrole-aggregation-controller';

/** The rules of all roles that the selectors choose, in order of the roles' names, none twice. */
export function aggregated(role: ClusterRole, roles: readonly ClusterRole[]): PolicyRule[] {
  const rules = new Map<string, PolicyRule>();
  const sorted = [...roles].sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  for (const raw of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const selector = selectorFromObject(raw);
    for (const other of sorted) {
      if (other.metadata.name === role.metadata.name || !selector.matches(other.metadata.labels ?? {})) continue;
      for (const rule of other.rules ?? []) rules.set(canonicalJson(rule), rule);
    }
  }
  return [...rules.values()];
}

export const clusterRoleAggregation: ControllerRow = {
  name: NAME,
  account: 'clusterrole-aggregation-controller',
  start(context) {
    const roles = context.informers.informer(CLUSTER_ROLES);
    const queue = startKeyed(context, {
      name: NAME,
      workers: 1,
      waitFor: [roles],
      async reconcile(key) {
        const role = roles.get(key);
        if (role?.aggregationRule === undefined) return undefined;
        const rules = aggregated(role, roles.list());
        if (deepEqual(rules, role.rules ?? [])) return undefined;
        await context.client.resource(CLUSTER_ROLES).update({ ...role, rules });
        return undefined;
      },
    });
    const consider = (): void => {
      for (const role of roles.list()) if (role.aggregationRule !== undefined) queue.add(objectKey(role));
    };
    roles.addHandler({ onAdd: consider, onUpdate: consider, onDelete: consider });
  },
};
