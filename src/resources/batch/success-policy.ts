// Validation of a Job's successPolicy. https://kubernetes.io/docs/concepts/workloads/controllers/job/#success-policy
import type { FieldPath } from '../../machinery/field-error.ts';
import type { ErrorList } from '../checks/index.ts';
import type { JobSpec, SuccessPolicyRule } from '../generated/batch-v1.ts';

const MAX_RULES = 20;
const MAX_INDEXES_LENGTH = 64 * 1024;

/** How many indexes `1-5,7` names, or what is wrong with it. */
function countIndexes(text: string, completions: number): number | string {
  let last = -1;
  let total = 0;
  for (const part of text.split(',')) {
    const ends = part.split('-');
    if (ends.length > 2)
      return `the fragment ${JSON.stringify(part)} violates the requirement that an index interval can have at most two parts separated by '-'`;
    let first = last;
    for (const [i, end] of ends.entries()) {
      const problem = indexProblem(end, last, completions);
      if (problem !== undefined) return problem;
      last = Number(end);
      if (i === 0) first = last;
    }
    total += last - first + 1;
  }
  return total;
}

function indexProblem(text: string, last: number, completions: number): string | undefined {
  if (!/^[+-]?\d+$/.test(text)) return `cannot convert string to integer for index: ${JSON.stringify(text)}`;
  const index = Number(text);
  if (index >= completions) return `too large index: ${JSON.stringify(text)}`;
  if (index <= last) return `non-increasing order, previous: ${last}, current: ${index}`;
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
