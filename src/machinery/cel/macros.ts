// Macros: comprehensions over lists and maps with one or two variables, and those of optional values.
// Source: https://kubernetes.io/docs/reference/using-api/cel/#cel-options-language-features-and-libraries
import { itemsOf } from './access.ts';
import type { MacroForm } from './macro-forms.ts';
import type { Checker, Scope } from './overloads.ts';
import { type Compiled, type Each, type Run, runComprehension, spend } from './run.ts';
import { spentOn } from './spent-calls.ts';
import {
  assignable,
  BOOL,
  type CelType,
  DYN,
  ERROR,
  INT,
  isDyn,
  listOf,
  mapOf,
  optionalOf,
  STRING,
  typeText,
  UNKNOWN,
} from './types.ts';
import { CelError, fromJson, ObjectValue, Optional, sortOrder } from './values.ts';

const FAILED: Compiled = { type: ERROR, run: () => null };
const isBool = (type: CelType): boolean => assignable(type, BOOL, new Map());

/** The types of the variables: an item or a key, or an index or key and what stands there. */
function variableTypes(range: CelType, count: number): readonly CelType[] | undefined {
  const type = range.kind === 'optional' ? range.of : range;
  if (type.kind === 'list') return count === 1 ? [type.item] : [INT, type.item];
  if (type.kind === 'map') return count === 1 ? [type.key] : [type.key, type.value];
  return isDyn(type) ? [DYN, DYN] : undefined;
}

/** What the names stand for in each round. */
function rounds(range: unknown, names: readonly string[], state: Run): Each[] {
  const bound = (values: readonly unknown[]): Run => {
    const variables = new Map(state.variables);
    for (const [i, name] of names.entries()) variables.set(name, values[i]);
    return { ...state, variables };
  };
  if (names.length === 1) return itemsOf(range).map((value) => ({ value, state: bound([value]) }));
  if (Array.isArray(range))
    return range.map((value: unknown, i) => ({ value: BigInt(i), state: bound([BigInt(i), value]) }));
  return itemsOf(range).map((key) => {
    const map = range instanceof Map ? range : undefined;
    const value =
      map === undefined && range instanceof ObjectValue ? fromJson(range.json[String(key)], DYN) : map?.get(key);
    return { value: key, state: bound([key, value]) };
  });
}

/** What the macro collects, to show it in refusals. */
function collected(macro: MacroForm, element: CelType, result: CelType): CelType {
  if (macro.name === 'filter') return listOf(element);
  if (macro.name === 'map' || macro.name === 'transformList') return listOf(result);
  if (macro.name === 'transformMap') return mapOf(element, result);
  return macro.name === 'transformMapEntry' ? result : INT;
}

function checkCondition(checker: Checker, macro: MacroForm, types: { condition: CelType; whole: CelType }): boolean {
  if (isBool(types.condition)) return true;
  if (macro.name === 'all' || macro.name === 'exists') {
    const at = macro.bodies[0]?.at ?? macro.at;
    checker.error(at, `expected type 'bool' but found '${typeText(types.condition)}'`);
  } else {
    const whole = typeText(types.whole);
    const applied = `(${typeText(types.condition)}, ${whole}, ${whole})`;
    checker.error(macro.at, `found no matching overload for '_?_:_' applied to '${applied}'`);
  }
  return false;
}

function compileComprehension(checker: Checker, macro: MacroForm, target: Compiled, scope: Scope): Compiled {
  const types = variableTypes(target.type, macro.variables.length);
  if (types === undefined)
    return checker.error(
      macro.target.at,
      `expression of type '${typeText(target.type)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
    );
  const inner = new Map(scope);
  for (const [i, name] of macro.variables.entries()) inner.set(name, types[i] ?? DYN);
  const bodies = macro.bodies.map((body) => checker.compile(body, inner));
  const last = bodies.at(-1) ?? FAILED;
  const isTest = !/^(map|transform\w+)$/.test(macro.name);
  const condition = isTest ? last : bodies.length === 2 ? bodies[0] : undefined;
  const whole = collected(macro, types[0] ?? DYN, last.type);
  if (condition !== undefined && !checkCondition(checker, macro, { condition: condition.type, whole })) return FAILED;
  return {
    type: isTest && macro.name !== 'filter' ? BOOL : whole,
    run: (state) => {
      const range = target.run(state);
      const each = rounds(range instanceof Optional ? range.value : range, macro.variables, state);
      // What the rounds have come to is looked at in the end, whatever it is.
      spend(state, macro.name === 'exists_one' || macro.name === 'existsOne' ? 2 : 1);
      return runComprehension(macro.name, each, { condition, result: last });
    },
  };
}

function compileOptMap(checker: Checker, macro: MacroForm, target: Compiled, scope: Scope): Compiled {
  const [variable = ''] = macro.variables;
  if (target.type.kind !== 'optional' && !isDyn(target.type)) {
    for (const name of ['hasValue', 'value'])
      checker.error(macro.at, `found no matching overload for '${name}' applied to '${typeText(target.type)}.()'`);
    return FAILED;
  }
  const element = target.type.kind === 'optional' ? target.type.of : DYN;
  const [node] = macro.bodies;
  const body = node === undefined ? FAILED : checker.compile(node, new Map(scope).set(variable, element));
  const flat = macro.name === 'optFlatMap';
  if (flat && !assignable(body.type, optionalOf(UNKNOWN), new Map()))
    return checker.error(
      macro.at,
      `found no matching overload for '_?_:_' applied to '(bool, ${typeText(body.type)}, optional_type(dyn))'`,
    );
  return {
    type: flat ? body.type : optionalOf(body.type),
    run: (state) => {
      const { left } = state.budget;
      const value = target.run(state);
      if (!(value instanceof Optional)) throw new CelError('no such overload');
      const asking = left - state.budget.left;
      spend(state, flat && value.present ? 1 : 2);
      if (!value.present) return Optional.none;
      // It is asked for once more when the value is wanted.
      spend(state, asking + 1);
      const result = body.run({ ...state, variables: new Map(state.variables).set(variable, value.value) });
      return flat ? result : new Optional(result);
    },
  };
}

const COMPARABLE: readonly CelType[] = [INT, STRING, BOOL];

function compileSortBy(checker: Checker, macro: MacroForm, target: Compiled, scope: Scope): Compiled {
  const keys = compileComprehension(checker, { ...macro, name: 'map' }, target, scope);
  if (keys.type.kind !== 'list') return keys;
  const { item } = keys.type;
  const names = ['uint', 'double', 'duration', 'timestamp', 'bytes'];
  const isOrdered = isDyn(item) || COMPARABLE.includes(item) || (item.kind === 'simple' && names.includes(item.name));
  if (!isOrdered)
    return checker.error(
      macro.at,
      `found no matching overload for '@sortByAssociatedKeys' applied to '${typeText(target.type)}.(${typeText(keys.type)})'`,
    );
  return {
    type: target.type,
    run: (state) => {
      const { budget } = state;
      const before = budget.left;
      const items = itemsOf(target.run(state));
      // The keys are made of the same list, which is worked out once.
      budget.left += before - budget.left;
      spend(state, 2);
      const by = keys.run(state) as unknown[];
      spend(
        state,
        spentOn('@sortByAssociatedKeys', { args: [items, by], result: by, isMember: true, isResolved: !isDyn(item) }),
      );
      const sorted = items.map((value, i) => ({ value, key: by[i] }));
      return sorted.sort((a, b) => sortOrder(a.key, b.key)).map(({ value }) => value);
    },
  };
}

export function compileMacro(checker: Checker, macro: MacroForm, scope: Scope): Compiled {
  const target = checker.compile(macro.target, scope);
  if (macro.name === 'optMap' || macro.name === 'optFlatMap') return compileOptMap(checker, macro, target, scope);
  if (macro.name === 'sortBy') return compileSortBy(checker, macro, target, scope);
  return compileComprehension(checker, macro, target, scope);
}
