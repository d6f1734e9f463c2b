// Arguments that stand there as text are checked with the expression, not when it runs: patterns, times, durations, and what is put into texts.
// Source: https://pkg.go.dev/github.com/google/cel-go/cel#ASTValidators
import { clausesOf, FormatProblem, fits, shownType } from './format-clauses.ts';
import type { Problem } from './lexer.ts';
import { regexProblem } from './strings.ts';
import type { ASTNode } from './syntax.ts';
import type { CelType } from './types.ts';
import { durationOf, timestampOf } from './values.ts';

const CHECKS: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ['matches', (value: unknown) => typeof value !== 'string' || regexProblem(value) === undefined],
  ['duration', (value: unknown) => typeof value === 'string' && durationOf(value) !== undefined],
  [
    'timestamp',
    (value: unknown) => typeof value === 'bigint' || (typeof value === 'string' && timestampOf(value) !== undefined),
  ],
]);

export interface CheckedCall {
  readonly target: ASTNode | undefined;
  readonly args: readonly ASTNode[];
  readonly types: ReadonlyMap<ASTNode, CelType>;
}

/** The first argument of a call is what is checked. */
export function badLiteral(name: string, call: CheckedCall): Problem | undefined {
  const [first] = call.args;
  if (name === 'format') return badFormat(call);
  const check = CHECKS.get(name);
  if (check === undefined || first?.op !== 'value' || check(first.args)) return undefined;
  return { at: first.at, text: `invalid ${name} argument` };
}

/** The part of a value that cannot be shown as text. */
function unshowable(node: ASTNode, types: ReadonlyMap<ASTNode, CelType>): ASTNode | undefined {
  const type = types.get(node);
  if (type !== undefined && !fits('s', type)) return node;
  const inner = node.op === 'list' ? node.args : node.op === 'map' ? node.args.flat() : [];
  for (const one of inner) {
    const found = unshowable(one, types);
    if (found !== undefined) return found;
  }
  return undefined;
}

function badFormat({ target, args, types }: CheckedCall): Problem | undefined {
  const [list] = args;
  if (target?.op !== 'value' || typeof target.args !== 'string' || list?.op !== 'list') return undefined;
  const at = list.at === undefined ? 0 : callAt(list);
  try {
    let used = 0;
    for (const clause of clausesOf(target.args)) {
      if (typeof clause === 'string') continue;
      const node = list.args[used];
      if (node === undefined) return { at, text: `index ${used} out of range` };
      used++;
      const type = types.get(node);
      const bad =
        clause.verb === 's'
          ? unshowable(node, types)
          : type !== undefined && !fits(clause.verb, type)
            ? node
            : undefined;
      const badType = bad === undefined ? undefined : types.get(bad);
      if (bad !== undefined && badType !== undefined)
        return { at: bad.at, text: `error during formatting: ${shownType(clause.verb, badType)}` };
    }
    if (list.args.length > used)
      return { at, text: `too many arguments supplied to string.format (expected ${used}, got ${list.args.length})` };
  } catch (error) {
    if (!(error instanceof FormatProblem)) throw error;
    return { at, text: error.message };
  }
  return undefined;
}

/** The parenthesis before the list. */
const callAt = (list: ASTNode): number => list.at - 1;

/** Patterns that are known are made before the expression runs. */
export function patternProblem(
  name: string,
  target: ASTNode | undefined,
  args: readonly ASTNode[],
): string | undefined {
  if (name !== 'matches' && name !== 'find' && name !== 'findAll') return undefined;
  const pattern = target === undefined ? args[1] : args[0];
  return pattern?.op === 'value' && typeof pattern.args === 'string' ? regexProblem(pattern.args) : undefined;
}
