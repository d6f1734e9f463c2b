// The form of the tables of default roles, and what their rows share.

/** API groups, resources, verbs, and names where the rule is for some only; words apart by blanks, `core` for the empty group. */
export type RuleRow = readonly [groups: string, resources: string, verbs: string, names?: string];

export interface RoleRow {
  readonly name: string;
  readonly rules: readonly RuleRow[];
  /** Paths that are no resource, and the verbs on them. */
  readonly urls?: readonly (readonly [paths: string, verbs: string])[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Gathers the roles with this label. */
  readonly aggregates?: string;
}

export const READ = 'get list watch';
export const WRITE = 'create delete deletecollection patch update';
export const READ_WRITE = 'create delete deletecollection get list patch update watch';
export const into = (role: string) => ({ [`rbac.authorization.k8s.io/aggregate-to-${role}`]: 'true' });

export const EVENT_GROUPS = 'core events.k8s.io';
export const EVENTS: RuleRow = [EVENT_GROUPS, 'events', 'create patch update'];
