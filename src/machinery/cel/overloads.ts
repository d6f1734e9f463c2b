// Calls of functions: which of their overloads fit, in the check and at run time.
import type { Overload } from './library.ts';
import { accepts } from './literals.ts';
import { attempt, type Compiled, type Run, spend } from './run.ts';
import { spentOn } from './spent-calls.ts';
import type { ASTNode } from './syntax.ts';
import { assignable, type Bindings, type CelType, DYN, same, substitute, typeText } from './types.ts';
import { CelError } from './values.ts';

/** The variables in sight and their types. */
export type Scope = ReadonlyMap<string, CelType>;

/** What the parts of the compiler have of one another. */
export interface Checker {
  error(at: number, problem: string): Compiled;
  /** Told only when the types are right. */
  complain(at: number, problem: string): void;
  /** Constants that cannot be worked out. */
  readonly failures: string[];
  compile(node: ASTNode, scope: Scope): Compiled;
}

export function applyOverload(
  checker: Checker,
  called: { name: string; overloads: readonly Overload[]; at: number },
  args: readonly Compiled[],
  member: boolean,
): Compiled {
  const fitting: { overload: Overload; result: CelType }[] = [];
  for (const overload of called.overloads) {
    const wanted = member && overload.receiver !== undefined ? [overload.receiver, ...overload.args] : overload.args;
    const bindings: Bindings = new Map();
    if (wanted.length !== args.length || !wanted.every((w, i) => assignable(args[i]?.type ?? DYN, w, bindings)))
      continue;
    fitting.push({ overload, result: substitute(overload.result, bindings) });
  }
  const first = fitting[0];
  if (first === undefined) {
    const types = args.map((a) => typeText(a.type));
    const applied = member ? `${types[0]}.(${types.slice(1).join(', ')})` : `(${types.join(', ')})`;
    return checker.error(called.at, `found no matching overload for '${called.name}' applied to '${applied}'`);
  }
  const dynamic = fitting.length > 1;
  const call: Compiled = {
    type: fitting.every((f) => same(f.result, first.result)) ? first.result : DYN,
    run: (state) => {
      const values = argumentsOf(called.name, args, state);
      const failure = values.find((value) => value instanceof CelError);
      const result =
        failure ??
        answerOf(() => {
          const chosen = dynamic ? (fitting.find((f) => accepts(f.overload, values, member)) ?? first) : first;
          if (!accepts(chosen.overload, values, member)) throw new CelError('no such overload');
          return chosen.overload.run(values);
        });
      // A call without all its arguments is none; one that fails is.
      if (values.length === args.length)
        spend(state, spentOn(called.name, { args: values, result, isMember: member, isResolved: !dynamic }));
      if (result instanceof CelError) throw result;
      return result;
    },
  };
  return !member && FOLDED.has(called.name) && args.every((a) => a.isConstant === true) ? folded(checker, call) : call;
}

/** Of up to two arguments all are worked out; of more, and of what stands in for a missing value, none behind one that failed. */
function argumentsOf(name: string, args: readonly Compiled[], state: Run): unknown[] {
  const isLazy = args.length > 2 || name === 'or' || name === 'orValue';
  const values: unknown[] = [];
  for (const arg of args) {
    const value = attempt(arg, state);
    values.push(value);
    if (isLazy && value instanceof CelError) break;
  }
  return values;
}

function answerOf(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (error instanceof CelError) return error;
    throw error;
  }
}

/** Conversions of constants are worked out once, before the expression runs. */
const FOLDED: ReadonlySet<string> = new Set('bool bytes double duration dyn int string timestamp type uint'.split(' '));

function folded(checker: Checker, call: Compiled): Compiled {
  try {
    const value = call.run({ variables: new Map(), budget: { left: 1000 } });
    return { type: call.type, isConstant: true, run: () => value };
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    checker.failures.push(error.message);
    return call;
  }
}
