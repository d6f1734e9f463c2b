// Updates check the metadata once more with the kind's own rules, as most of Kubernetes' kinds do: the causes show it.

import type { FieldError } from '../../machinery/field-error.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from '../common/index.ts';
import type { AnyResource, Strategy, Subresource } from '../definition.ts';

type AnyStrategy = Strategy<KubeObject>;

/** Which checks a kind's update repeats: those of an update, those of a new object (its names as well), or both; `own` where the kind does it between its other rules. */
export type MetadataCheck = 'update' | 'create' | 'create+update' | 'update+create' | 'own';

/** By plural, or by `plural/door` for a subresource; `update` for those that are not named. */
export type MetadataChecks = Readonly<Record<string, MetadataCheck>>;

function checkMetadata(row: AnyResource, check: MetadataCheck, object: KubeObject, old: KubeObject): FieldError[] {
  const create = () =>
    validateObjectMeta(object.metadata, {
      namespaced: row.namespaced,
      ...(row.validateName === undefined
        ? {}
        : { nameCheck: (name, isPrefix) => row.validateName?.(name, isPrefix, object) ?? [] }),
      ...(row.nameRule === undefined ? {} : { nameRule: row.nameRule }),
    });
  const update = () => validateObjectMetaUpdate(object.metadata, old.metadata);
  return check.split('+').flatMap((part) => (part === 'create' ? create() : update()));
}

function checked(row: AnyResource, strategy: AnyStrategy, check: MetadataCheck): AnyStrategy {
  if (check === 'own') return strategy;
  return {
    ...strategy,
    validateUpdate(object, old, context) {
      const own = strategy.validateUpdate?.(object, old, context) ?? [];
      const metadata = checkMetadata(row, check, object, old);
      return metadata.length === 0 ? own : [...metadata, ...own];
    },
  };
}

export function metadataOnUpdate(rows: readonly AnyResource[], checks: MetadataChecks = {}): readonly AnyResource[] {
  return rows.map((row) => {
    const door = (name: string, sub: Subresource<KubeObject>): Subresource<KubeObject> =>
      sub.type === 'object'
        ? { ...sub, strategy: checked(row, sub.strategy, checks[`${row.plural}/${name}`] ?? 'update') }
        : sub;
    const subresources = Object.entries(row.subresources ?? {}).map(([name, sub]) => [name, door(name, sub)]);
    return {
      ...row,
      strategy: checked(row, row.strategy, checks[row.plural] ?? 'update'),
      ...(row.subresources === undefined ? {} : { subresources: Object.fromEntries(subresources) }),
    };
  });
}
