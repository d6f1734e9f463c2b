// The rows of authorization.k8s.io: kinds that are answered and never stored.
import { reviewRow } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';

const GROUP = 'authorization.k8s.io';
const SCHEMA = 'io.k8s.api.authorization.v1';

function row(kind: string, namespaced: boolean): AnyResource {
  return reviewRow({ group: GROUP, kind, plural: `${kind.toLowerCase()}s`, schemas: SCHEMA, namespaced });
}

export const AUTHORIZATION_ROWS: readonly AnyResource[] = [
  row('SubjectAccessReview', false),
  row('SelfSubjectAccessReview', false),
  row('LocalSubjectAccessReview', true),
  row('SelfSubjectRulesReview', false),
];
