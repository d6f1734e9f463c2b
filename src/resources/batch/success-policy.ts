// Validation of a Job's successPolicy. https://kubernetes.io/docs/concepts/workloads/controllers/job/#success-policy
import type { FieldPath } from '../../machinery/field-error.ts';
import { goQuote } from '../../machinery/json.ts';
import type { ErrorList } from '../checks/index.ts';
import type { JobSpec, SuccessPolicyRule } from '../generated/batch-v1.ts';

const MAX_RULES = 20;
const MAX_INDEXES_LENGTH = 64 * 1024;

/** How Kubernetes shows one that it refuses. */
export const SUCCESS_POLICY = { Rules: { SucceededIndexes: null, SucceededCount: null } } as const;

type Interval = readonly [first: number, last: number];

/** `1-5` or `7`, or what is wrong with it. */
function intervalOf(text: string, completions: number): Interval | string {
  const ends = text.split('-');
  if (ends.length > 2)
    return `the fragment ${goQuote(text)} violates the requirement that an index interval can have at most two parts separated by '-'`;
  for (const end of ends) {
    if (!/^[+-]?\d+$/.test(end)) return `cannot convert string to integer for index: ${goQuote(end)}`;
    if (Number(end) >= completions) return `too large index: ${goQuote(end)}`;
  }
  const [first = 0, last] = ends.map(Number);
  if (last === undefined) return [first, first];
  return first < last ? [first, last] : `non-increasing order, previous: ${first}, current: ${last}`;
}

/** How many indexes `1-5,7` names, or what is wrong with it. */
export function countIndexes(text: string, completions: number): number | string {
  if (text === '') return 0;
  let previous: number | undefined;
  let total = 0;
  for (const part of text.split(',')) {
    const interval = intervalOf(part, completions);
    if (typeof interval === 'string') return interval;
    const [first, last] = interval;
    if (previous !== undefined && previous >= first)
      return `non-increasing order, previous: ${previous}, current: ${first}`;
    total += last - first + 1;
    previous = last;
  }
  return total;
}

/** The first index that both texts name; parts that cannot be read are passed over. */
export function overlapOf(completed: string, failed: string, completions: number): number | undefined {
  const intervals = (text: string): Interval[] =>
    text
      .split(',')
      .map((part) => intervalOf(part, completions))
      .filter((interval) => typeof interval !== 'string');
  const others = intervals(failed);
  for (const [first, last] of intervals(completed)) {
    const shared = others.find(([from, to]) => first <= to && from <= last);
    if (shared !== undefined) return Math.max(first, shared[0]);
  }
  return undefined;
}

function checkRule(found: ErrorList, rule: SuccessPolicyRule, where: { path: FieldPath; completions: number }): void {
  const { path, completions } = where;
  const { succeededCount, succeededIndexes } = rule;
  if (succeededCount === undefined && succeededIndexes === undefined)
    found.required(path, 'at least one of succeededCount or succeededIndexes must be specified');
  let total = 0;
  if (succeededIndexes !== undefined) {
    const at = path.child('succeededIndexes');
    if (succeededIndexes.length > MAX_INDEXES_LENGTH) found.tooLong(at, MAX_INDEXES_LENGTH);
    const counted = countIndexes(succeededIndexes, completions);
    if (typeof counted === 'string') found.invalid(at, succeededIndexes, `error parsing succeededIndexes: ${counted}`);
    else total = counted;
  }
  if (succeededCount === undefined) return;
  const at = path.child('succeededCount');
  found.notNegative(at, succeededCount);
  if (succeededCount > completions)
    found.invalid(
      at,
      succeededCount,
      `must be less than or equal to ${completions} (the number of specified completions)`,
    );
  if (succeededIndexes !== undefined && succeededCount > total)
    found.invalid(
      at,
      succeededCount,
      `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`,
    );
}

export function checkSuccessPolicy(found: ErrorList, spec: JobSpec, path: FieldPath): void {
  const rules = spec.successPolicy?.rules ?? [];
  const at = path.child('rules');
  if (rules.length === 0)
    found.required(at, 'at least one rules must be specified when the successPolicy is specified');
  if (rules.length > MAX_RULES) found.tooMany(at, rules.length, MAX_RULES);
  rules.forEach((rule, i) => {
    checkRule(found, rule, { path: at.index(i), completions: spec.completions ?? 0 });
  });
}
