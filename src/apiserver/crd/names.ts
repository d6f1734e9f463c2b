// Which names of a CustomResourceDefinition are accepted, and the conditions that tell.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
import { deepEqual } from '../../machinery/json.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
} from '../../resources/generated/apiextensions-v1.ts';

export interface NamesOutcome {
  readonly accepted: CustomResourceDefinitionNames;
  readonly conditions: readonly CustomResourceDefinitionCondition[];
}

interface Taken {
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

/** Names that other definitions of the group have. */
function takenNames(crd: CustomResourceDefinition, all: Iterable<CustomResourceDefinition>): Taken {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const other of all) {
    if (other.spec.group !== crd.spec.group || other.metadata.name === crd.metadata.name) continue;
    const names = other.status?.acceptedNames;
    if (names === undefined) continue;
    for (const name of [names.plural, names.singular ?? '', ...(names.shortNames ?? [])]) resources.add(name);
    for (const name of [names.kind, names.listKind ?? '']) kinds.add(name);
  }
  resources.delete('');
  kinds.delete('');
  return { resources, kinds };
}

export function conditionOf(
  crd: CustomResourceDefinition,
  type: string,
): CustomResourceDefinitionCondition | undefined {
  return crd.status?.conditions?.find((c) => c.type === type);
}

type Named = 'plural' | 'singular' | 'kind' | 'listKind';
const CHECKS: readonly (readonly [Named, 'resources' | 'kinds', string])[] = [
  ['plural', 'resources', 'PluralConflict'],
  ['singular', 'resources', 'SingularConflict'],
  ['kind', 'kinds', 'KindConflict'],
  ['listKind', 'kinds', 'ListKindConflict'],
];

function judge(
  crd: CustomResourceDefinition,
  taken: Taken,
): { accepted: CustomResourceDefinitionNames; problem?: [string, string] } {
  const wanted = crd.spec.names;
  const accepted: CustomResourceDefinitionNames = { ...(crd.status?.acceptedNames ?? { plural: '', kind: '' }) };
  let problem: [string, string] | undefined;
  for (const [name, set, reason] of CHECKS) {
    const value = wanted[name] ?? '';
    if (value !== accepted[name] && taken[set].has(value))
      problem = [reason, `${JSON.stringify(value)} is already in use`];
    else if (value !== '') accepted[name] = value;
  }
  const fresh = (wanted.shortNames ?? []).filter(
    (n) => accepted.shortNames?.includes(n) !== true && taken.resources.has(n),
  );
  if (fresh.length > 0) {
    const texts = fresh.map((n) => `${JSON.stringify(n)} is already in use`);
    problem = ['ShortNamesConflict', texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`];
  } else if (wanted.shortNames !== undefined) accepted.shortNames = wanted.shortNames;
  else delete accepted.shortNames;
  if (wanted.categories === undefined) delete accepted.categories;
  else accepted.categories = wanted.categories;
  return problem === undefined ? { accepted } : { accepted, problem };
}

/** A condition keeps the time of its last transition while its status stays. */
function settled(
  crd: CustomResourceDefinition,
  next: CustomResourceDefinitionCondition,
): CustomResourceDefinitionCondition {
  const before = conditionOf(crd, next.type);
  if (before === undefined || before.status !== next.status) return next;
  const { lastTransitionTime } = before;
  return lastTransitionTime === undefined ? next : { ...next, lastTransitionTime };
}

export function judgeNames(
  crd: CustomResourceDefinition,
  all: Iterable<CustomResourceDefinition>,
  now: number,
): NamesOutcome {
  const { accepted, problem } = judge(crd, takenNames(crd, all));
  const lastTransitionTime = rfc3339(now);
  const names: CustomResourceDefinitionCondition =
    problem === undefined
      ? {
          type: 'NamesAccepted',
          status: 'True',
          lastTransitionTime,
          reason: 'NoConflicts',
          message: 'no conflicts found',
        }
      : { type: 'NamesAccepted', status: 'False', lastTransitionTime, reason: problem[0], message: problem[1] };
  const established = conditionOf(crd, 'Established');
  const next: CustomResourceDefinitionCondition =
    established?.status === 'True'
      ? established
      : problem === undefined
        ? {
            type: 'Established',
            status: 'True',
            lastTransitionTime,
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
          }
        : {
            type: 'Established',
            status: 'False',
            lastTransitionTime,
            reason: 'NotAccepted',
            message: 'not all names are accepted',
          };
  const others = (crd.status?.conditions ?? []).filter((c) => c.type !== 'NamesAccepted' && c.type !== 'Established');
  return { accepted, conditions: [settled(crd, names), settled(crd, next), ...others] };
}

/** Whether the status says already what it should. */
export function isSettled(crd: CustomResourceDefinition, outcome: NamesOutcome): boolean {
  return (
    deepEqual(crd.status?.acceptedNames, outcome.accepted) && deepEqual(crd.status?.conditions, outcome.conditions)
  );
}
