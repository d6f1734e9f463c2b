// The rows of authentication.k8s.io: kinds that are answered and never stored.
import { reviewRow } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';

const GROUP = 'authentication.k8s.io';
const SCHEMA = 'io.k8s.api.authentication.v1';

export const AUTHENTICATION_ROWS: readonly AnyResource[] = [
  reviewRow({ group: GROUP, kind: 'TokenReview', plural: 'tokenreviews', schemas: SCHEMA, namespaced: false }),
  reviewRow({
    group: GROUP,
    kind: 'SelfSubjectReview',
    plural: 'selfsubjectreviews',
    schemas: SCHEMA,
    namespaced: false,
  }),
];
