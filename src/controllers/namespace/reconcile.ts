// What a terminating namespace says of how far its end has come. Pure.
// Source: https://kubernetes.io/docs/tasks/administer-cluster/namespaces/#deleting-a-namespace
import type { NamespaceCondition } from '../../resources/generated/core-v1.ts';
import { setCondition } from '../shared/conditions.ts';

/** What a round of emptying found. */
export interface Emptying {
  readonly discoveryFailures: readonly string[];
  readonly deletionErrors: readonly string[];
  /** How many objects are left, by resource (`pods.`, `deployments.apps`). */
  readonly remaining: ReadonlyMap<string, number>;
  /** How many objects a finalizer holds. */
  readonly finalizers: ReadonlyMap<string, number>;
}

export function isEmptied(found: Emptying): boolean {
  return found.discoveryFailures.length + found.deletionErrors.length + found.remaining.size === 0;
}

interface Row {
  readonly type: string;
  readonly bad: (found: Emptying) => readonly [reason: string, message: string] | undefined;
  readonly good: readonly [reason: string, message: string];
}

function counted(counts: ReadonlyMap<string, number>, text: (name: string, count: number) => string): string {
  return [...counts]
    .map(([name, count]) => text(name, count))
    .sort()
    .join(', ');
}

const ROWS: readonly Row[] = [
  {
    type: 'NamespaceDeletionDiscoveryFailure',
    bad: ({ discoveryFailures: failures }) =>
      failures.length === 0
        ? undefined
        : ['DiscoveryFailed', `Discovery failed for some groups, ${failures.length} failing: ${failures.join(', ')}`],
    good: ['ResourcesDiscovered', 'All resources successfully discovered'],
  },
  {
    type: 'NamespaceDeletionGroupVersionParsingFailure',
    bad: () => undefined,
    good: ['ParsedGroupVersions', 'All legacy kube types successfully parsed'],
  },
  {
    type: 'NamespaceDeletionContentFailure',
    bad: ({ deletionErrors: errors }) =>
      errors.length === 0
        ? undefined
        : [
            'ContentDeletionFailed',
            `Failed to delete all resource types, ${errors.length} remaining: ${[...errors].sort().join(', ')}`,
          ],
    good: ['ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
  },
  {
    type: 'NamespaceContentRemaining',
    bad: ({ remaining }) =>
      remaining.size === 0
        ? undefined
        : [
            'SomeResourcesRemain',
            `Some resources are remaining: ${counted(remaining, (name, count) => `${name} has ${count} resource instances`)}`,
          ],
    good: ['ContentRemoved', 'All content successfully removed'],
  },
  {
    type: 'NamespaceFinalizersRemaining',
    bad: ({ finalizers }) =>
      finalizers.size === 0
        ? undefined
        : [
            'SomeFinalizersRemain',
            `Some content in the namespace has finalizers remaining: ${counted(finalizers, (name, count) => `${name} in ${count} resource instances`)}`,
          ],
    good: ['ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
  },
];

/** The conditions after a round; the same list when nothing changed. A namespace that empties at once never shows any. */
export function terminationConditions(
  old: readonly NamespaceCondition[] | undefined,
  found: Emptying,
  now: number,
): readonly NamespaceCondition[] | undefined {
  let list = old;
  for (const { type, bad, good } of ROWS) {
    const trouble = bad(found);
    const [reason, message] = trouble ?? good;
    list = setCondition(list, { type, status: trouble === undefined ? 'False' : 'True', reason, message }, now);
  }
  return list;
}
