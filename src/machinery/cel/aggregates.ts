// Literals of lists and maps. Their parts are to be of one type.
// Source: https://pkg.go.dev/github.com/google/cel-go/cel#ValidateHomogeneousAggregateLiterals
import type { Checker, Scope } from './overloads.ts';
import { type Compiled, type Run, spend } from './run.ts';
import type { ASTNode } from './syntax.ts';
import { type CelType, equivalent, isDyn, join, listOf, mapOf, optionalOf, typeText, UNKNOWN } from './types.ts';
import { CelError, type MapValue, Optional, typeNameOf } from './values.ts';

const NEW_LIST = 10;
const NEW_MAP = 30;

interface Part {
  readonly node: ASTNode;
  readonly type: CelType;
}

function part(checker: Checker, node: ASTNode, made: Compiled, optional: boolean): Part {
  if (!optional) return { node, type: made.type };
  if (made.type.kind === 'optional') return { node, type: made.type.of };
  if (!isDyn(made.type))
    checker.error(node.at, `expected type '${typeText(optionalOf(made.type))}' but found '${typeText(made.type)}'`);
  return { node, type: made.type };
}

/** The first that differs is told. */
function checkSame(checker: Checker, parts: readonly Part[]): CelType | undefined {
  const first = parts[0]?.type;
  if (first === undefined) return undefined;
  let known = first;
  for (const { node, type } of parts) {
    if (!equivalent(known, type)) {
      checker.complain(node.at, `expected type '${typeText(known)}' but found '${typeText(type)}'`);
      break;
    }
    known = join(known, type);
  }
  return parts.reduce<CelType | undefined>((t, p) => join(t, p.type), undefined);
}

function present(value: unknown): Optional {
  if (value instanceof Optional) return value;
  throw new CelError(`cannot initialize optional list element from non-optional value ${typeNameOf(value)}`);
}

export function compileList(checker: Checker, node: Extract<ASTNode, { op: 'list' }>, scope: Scope): Compiled {
  const items = node.args.map((n) => checker.compile(n, scope));
  const parts = items.map((made, i) => part(checker, node.args[i] ?? node, made, node.optional.has(i)));
  const type = checkSame(checker, parts);
  const isConstant = items.every((item) => item.isConstant === true);
  if (node.optional.size === 0)
    return {
      type: listOf(type ?? UNKNOWN),
      isConstant,
      run: (state) => {
        if (!isConstant) spend(state, NEW_LIST);
        return items.map((item) => item.run(state));
      },
    };
  const run = (state: Run): unknown[] => {
    spend(state, NEW_LIST);
    return items.flatMap((item, i) => {
      const value = item.run(state);
      if (!node.optional.has(i)) return [value];
      const optional = present(value);
      return optional.present ? [optional.value] : [];
    });
  };
  return { type: listOf(type ?? UNKNOWN), run };
}

export function compileMap(checker: Checker, node: Extract<ASTNode, { op: 'map' }>, scope: Scope): Compiled {
  const entries = node.args.map(([k, v]) => [checker.compile(k, scope), checker.compile(v, scope)] as const);
  const keys = entries.map(([key], i) => ({ node: node.args[i]?.[0] ?? node, type: key.type }));
  const values = entries.map(([, value], i) => part(checker, node.args[i]?.[1] ?? node, value, node.optional.has(i)));
  const [key, value] = [checkSame(checker, keys), checkSame(checker, values)];
  const isConstant = node.optional.size === 0 && entries.flat().every((one) => one.isConstant === true);
  return {
    type: mapOf(key ?? UNKNOWN, value ?? UNKNOWN),
    isConstant,
    run: (state) => {
      if (!isConstant) spend(state, NEW_MAP);
      const out: MapValue = new Map();
      for (const [i, [k, v]] of entries.entries()) {
        const name = k.run(state);
        if (!['string', 'bigint', 'boolean'].includes(typeof name) && typeNameOf(name) !== 'uint')
          throw new CelError('unsupported key type');
        const given = v.run(state);
        const held = node.optional.has(i) ? present(given) : new Optional(given);
        if (!held.present) continue;
        if (out.has(name)) throw new CelError(`Failed with repeated key`);
        out.set(name, held.value);
      }
      return out;
    },
  };
}
