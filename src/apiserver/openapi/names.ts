// How operations and their tags are called, after their path: `listCoreV1NamespacedPod`, `rbacAuthorization_v1`.

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** Letters, digits and underscores; a capital after whatever is left out. */
function word(text: string, begin: 'capital' | 'as it is'): string {
  const [first = '', ...rest] = text.split(/[^A-Za-z0-9_]+/);
  return (begin === 'capital' ? capital(first) : first) + rest.map(capital).join('');
}

/** The group's name without the part that all of Kubernetes' own have. */
function groupName(group: string): string {
  return group === '' ? 'core' : group.replace(/\.k8s\.io$/, '');
}

/** `list`, `Pod` in the core group's v1 → `listCoreV1Pod`; without version for what a whole group has. */
export function operationId(verb: string, at: { group: string; version?: string }, rest: string): string {
  const version = at.version === undefined ? '' : word(at.version, 'capital');
  return `${verb}${word(groupName(at.group), 'capital')}${version}${word(rest, 'capital')}`;
}

/** The tag of a group version: `apps_v1`; of a group: `apps`. */
export function tagOf(at: { group: string; version?: string }): string {
  const group = word(groupName(at.group), 'as it is');
  return at.version === undefined ? group : `${group}_${word(at.version, 'as it is')}`;
}

export { capital };
