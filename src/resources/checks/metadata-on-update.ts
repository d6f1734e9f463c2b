// Updates check the metadata once more with the kind's own rules, as most of Kubernetes' kinds do: the causes show it.

import type { KubeObject } from '../../machinery/object.ts';
import { validateObjectMetaUpdate } from '../common/index.ts';
import type { AnyResource, Strategy, Subresource } from '../definition.ts';

type AnyStrategy = Strategy<KubeObject>;

function checked(strategy: AnyStrategy): AnyStrategy {
  return {
    ...strategy,
    validateUpdate(object, old, context) {
      const own = strategy.validateUpdate?.(object, old, context) ?? [];
      const metadata = validateObjectMetaUpdate(object.metadata, old.metadata);
      return metadata.length === 0 ? own : [...metadata, ...own];
    },
  };
}

function checkedDoor(door: Subresource<KubeObject>): Subresource<KubeObject> {
  return door.type === 'object' ? { ...door, strategy: checked(door.strategy) } : door;
}

export function metadataOnUpdate(rows: readonly AnyResource[]): readonly AnyResource[] {
  return rows.map((row) => ({
    ...row,
    strategy: checked(row.strategy),
    ...(row.subresources === undefined
      ? {}
      : {
          subresources: Object.fromEntries(
            Object.entries(row.subresources).map(([name, door]) => [name, checkedDoor(door)]),
          ),
        }),
  }));
}
