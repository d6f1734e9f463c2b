// Macros: comprehensions over lists and maps, and those of optional values.
import { itemsOf } from './access.ts';
import type { Checker, Scope } from './overloads.ts';
import { type Compiled, runComprehension } from './run.ts';
import type { ASTNode } from './syntax.ts';
import { assignable, BOOL, type CelType, DYN, isDyn, listOf, optionalOf, typeText } from './types.ts';
import { CelError, Optional } from './values.ts';

export const COMPREHENSIONS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'filter', 'map']);

export function compileComprehension(
  checker: Checker,
  macro: { name: string; variable: string; args: readonly ASTNode[]; offset: number },
  target: Compiled,
  scope: Scope,
): Compiled {
  let element: CelType = DYN;
  if (target.type.kind === 'list') element = target.type.item;
  else if (target.type.kind === 'map') element = target.type.key;
  else if (!isDyn(target.type)) {
    return checker.error(
      macro.offset,
      `expression of type '${typeText(target.type)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
    );
  }
  const inner = new Map(scope).set(macro.variable, element);
  const bodies = macro.args.map((a) => checker.compile(a, inner));
  const last = bodies[bodies.length - 1];
  if (last === undefined) return checker.error(macro.offset, 'syntax error');
  const condition = macro.name === 'map' ? (bodies.length === 2 ? bodies[0] : undefined) : last;
  if (condition !== undefined && !assignable(condition.type, BOOL, new Map())) {
    return checker.error(macro.args[0]?.start ?? 0, `expected type 'bool' but found '${typeText(condition.type)}'`);
  }
  const types: Readonly<Record<string, CelType>> = { map: listOf(last.type), filter: listOf(element) };
  return {
    type: types[macro.name] ?? BOOL,
    run: (state) => {
      const each = itemsOf(target.run(state)).map((value) => ({
        value,
        state: { ...state, variables: new Map(state.variables).set(macro.variable, value) },
      }));
      return runComprehension(macro.name, each, { condition, result: last });
    },
  };
}

export function compileOptMap(
  checker: Checker,
  macro: { variable: string; body: ASTNode; flat: boolean },
  target: Compiled,
  scope: Scope,
): Compiled {
  const element = target.type.kind === 'optional' ? target.type.of : DYN;
  const body = checker.compile(macro.body, new Map(scope).set(macro.variable, element));
  return {
    type: macro.flat ? body.type : optionalOf(body.type),
    run: (state) => {
      const value = target.run(state);
      if (!(value instanceof Optional)) throw new CelError('no such overload');
      if (!value.present) return Optional.none;
      const result = body.run({ ...state, variables: new Map(state.variables).set(macro.variable, value.value) });
      return macro.flat ? result : new Optional(result);
    },
  };
}
