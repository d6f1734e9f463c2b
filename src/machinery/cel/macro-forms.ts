// Which calls are macros, by their names and numbers of arguments, and what their arguments must look like.
// Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md#macros and https://github.com/google/cel-go/tree/master/ext
import type { ASTNode } from './ast.ts';
import type { Problem } from './lexer.ts';

/** How many of the first arguments are names of variables, by the number of arguments. */
const FORMS: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  all: { 2: 1, 3: 2 },
  exists: { 2: 1, 3: 2 },
  exists_one: { 2: 1, 3: 2 },
  existsOne: { 3: 2 },
  filter: { 2: 1 },
  map: { 2: 1, 3: 1 },
  transformList: { 3: 2, 4: 2 },
  transformMap: { 3: 2, 4: 2 },
  transformMapEntry: { 3: 2, 4: 2 },
  sortBy: { 2: 1 },
  optMap: { 2: 1 },
  optFlatMap: { 2: 1 },
};

export interface MacroForm {
  readonly name: string;
  readonly target: ASTNode;
  readonly variables: readonly string[];
  readonly bodies: readonly ASTNode[];
  readonly at: number;
}

/** Undefined for calls that are no macros. */
export function macroOf(node: ASTNode): MacroForm | undefined {
  if (node.op !== 'rcall') return undefined;
  const [name, target, args] = node.args;
  const count = Object.hasOwn(FORMS, name) ? FORMS[name]?.[args.length] : undefined;
  if (count === undefined) return undefined;
  const variables = args.slice(0, count).map((arg) => (arg.op === 'id' ? arg.args : ''));
  return { name, target, variables, bodies: args.slice(count), at: node.at };
}

export function misusedMacro(node: ASTNode): Problem | undefined {
  if (node.op === 'call') {
    const [name, [first, ...more]] = node.args;
    if (name !== 'has' || first === undefined || more.length > 0 || first.op === '.') return undefined;
    return { at: first.at, text: 'invalid argument to has() macro' };
  }
  const form = macroOf(node);
  if (form === undefined || node.op !== 'rcall') return undefined;
  const [, , args] = node.args;
  for (const arg of args.slice(0, form.variables.length)) {
    if (arg.op !== 'id' || arg.args.startsWith('.'))
      return {
        at: arg.at,
        text: form.name.startsWith('opt')
          ? `${form.name}() variable name must be a simple identifier`
          : 'argument must be a simple name',
      };
  }
  const [first, second] = form.variables;
  if (first !== undefined && first === second)
    return { at: args[1]?.at ?? node.at, text: `duplicate variable name: ${first}` };
  return undefined;
}
