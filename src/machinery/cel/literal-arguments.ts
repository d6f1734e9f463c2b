// Arguments that stand there as text are checked with the expression, not when it runs: patterns, times and durations.
// Source: https://pkg.go.dev/github.com/google/cel-go/cel#ASTValidators
import { regex } from './strings.ts';
import type { ASTNode } from './syntax.ts';
import { durationOf, timestampOf } from './values.ts';

function isPattern(text: string): boolean {
  try {
    regex(text);
    return true;
  } catch {
    return false;
  }
}

const CHECKS: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['matches', isPattern],
  ['duration', (text: string) => durationOf(text) !== undefined],
  ['timestamp', (text: string) => timestampOf(text) !== undefined],
]);

/** The last argument of a call of these is what is checked. */
export function badLiteral(name: string, args: readonly ASTNode[]): ASTNode | undefined {
  const last = args.at(-1);
  const check = CHECKS.get(name);
  if (check === undefined || last?.op !== 'value' || typeof last.args !== 'string') return undefined;
  return check(last.args) ? undefined : last;
}
