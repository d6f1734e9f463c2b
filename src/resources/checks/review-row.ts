// The row of a kind that is created, answered at once and never stored.
import { type AnyResource, defineResource } from '../definition.ts';

export interface ReviewFacts {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  /** Prefix of the schema's name. */
  readonly schemas: string;
  readonly namespaced: boolean;
}

export function reviewRow(facts: ReviewFacts): AnyResource {
  const { group, kind, plural, schemas, namespaced } = facts;
  return defineResource({
    group,
    version: 'v1',
    kind,
    plural,
    singular: kind.toLowerCase(),
    namespaced,
    verbs: ['create'],
    schema: `${schemas}.${kind}`,
    strategy: {},
    generation: 'none',
    columns: [],
    virtual: true,
  });
}
