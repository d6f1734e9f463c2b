// Checks an expression against the types of its variables, and makes of it a function that can be run again and again.
// Messages are cel-go's, as Kubernetes shows them.

import { field, hasField, item, itemsOf, optionalField, refuse } from './access.ts';
import { FUNCTION_NAMESPACES, type Overload, overloadsOf } from './library.ts';
import { accepts, literal } from './literals.ts';
import { binaryType, OPERATORS, same } from './operators.ts';
import { attempt, type Budget, BudgetExceeded, type Compiled, charge, runComprehension } from './run.ts';
import { type ASTNode, CelSyntaxError, locate, operatorOffset, parseExpression } from './syntax.ts';
import {
  assignable,
  type Bindings,
  BOOL,
  type CelType,
  DOUBLE,
  DYN,
  ERROR,
  INT,
  isDyn,
  join,
  listOf,
  mapOf,
  optionalOf,
  substitute,
  typeText,
} from './types.ts';
import { CelError, checkedInt, fromJson, type MapValue, Optional, TypeValue } from './values.ts';

export interface CelProgram {
  readonly type: CelType;
  /** The expression and the types of its parts, for estimates of what it costs. */
  readonly tree: { readonly root: ASTNode; readonly types: ReadonlyMap<ASTNode, CelType> };
  /** Names of variables that the expression uses. */
  readonly uses: ReadonlySet<string>;
  /** Throws CelError, or BudgetExceeded. Variables are JSON values, or maps that hold CEL values already. */
  evaluate(variables: Readonly<Record<string, unknown>>, budget: Budget): unknown;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  int: 'int',
  uint: 'uint',
  double: 'double',
  bool: 'bool',
  string: 'string',
  bytes: 'bytes',
  list: 'list',
  map: 'map',
  null_type: 'null_type',
  type: 'type',
};
const COMPREHENSIONS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'filter', 'map']);

class Compiler {
  readonly errors: string[] = [];
  readonly uses = new Set<string>();
  /** What was found out about every part of the expression. */
  readonly types = new Map<ASTNode, CelType>();
  constructor(private readonly source: string) {}

  private error(offset: number, problem: string): Compiled {
    this.errors.push(locate(this.source, offset, problem));
    return { type: ERROR, run: () => null };
  }

  compile(node: ASTNode, scope: ReadonlyMap<string, CelType>): Compiled {
    const made = this.node(node, scope);
    const { run } = made;
    this.types.set(node, made.type);
    return {
      type: made.type,
      run: (state) => {
        if (--state.budget.left < 0) throw new BudgetExceeded('operation cancelled: actual cost limit exceeded');
        return run(state);
      },
    };
  }

  private node(node: ASTNode, scope: ReadonlyMap<string, CelType>): Compiled {
    switch (node.op) {
      case 'value':
        return literal(node.args);
      case 'id':
        return this.identifier(node.args, node.start, scope);
      case '.':
        return this.select(node, { scope, optional: false });
      case '.?':
        return this.select(node, { scope, optional: true });
      case '[]':
      case '[?]':
        return this.index(node, scope);
      case 'call':
        return this.call(node, scope);
      case 'rcall':
        return this.memberCall(node, scope);
      case 'list':
        return this.list(node.args, scope);
      case 'map':
        return this.map(node.args, scope);
      case '?:':
        return this.ternary(node, scope);
      case '||':
      case '&&':
        return this.logical(node, scope);
      case '!_':
      case '-_':
        return this.unary(node, scope);
      default:
        return this.binary(node, scope);
    }
  }

  private identifier(name: string, offset: number, scope: ReadonlyMap<string, CelType>): Compiled {
    const type = scope.get(name);
    if (type !== undefined) {
      this.uses.add(name);
      return { type, run: ({ variables }) => variables.get(name) };
    }
    const typeName = Object.hasOwn(TYPE_NAMES, name) ? TYPE_NAMES[name] : undefined;
    if (typeName !== undefined) return { type: DYN, run: () => new TypeValue(typeName) };
    return this.error(offset, `undeclared reference to '${name}' (in container '')`);
  }

  private select(
    node: Extract<ASTNode, { op: '.' | '.?' }>,
    how: { scope: ReadonlyMap<string, CelType>; optional: boolean },
  ): Compiled {
    const [operand, name] = node.args;
    const target = this.compile(operand, how.scope);
    const inner = target.type.kind === 'optional' ? target.type.of : target.type;
    const optional = how.optional || target.type.kind === 'optional';
    const type = this.fieldType(inner, name, this.source.lastIndexOf('.', node.pos));
    return {
      type: optional ? optionalOf(type) : type,
      run: (state) => {
        const value = target.run(state);
        return optional ? optionalField(value, name) : field(value, name);
      },
    };
  }

  private fieldType(type: CelType, name: string, offset: number): CelType {
    if (isDyn(type)) return DYN;
    if (type.kind === 'map') return type.value;
    if (type.kind === 'object') {
      const known = type.fields.get(name);
      if (known !== undefined) return known.type;
      return this.error(offset, `undefined field '${name}'`).type;
    }
    return this.error(offset, `type '${typeText(type)}' does not support field selection`).type;
  }

  private index(node: Extract<ASTNode, { op: '[]' | '[?]' }>, scope: ReadonlyMap<string, CelType>): Compiled {
    const [left, right] = node.args.map((n) => this.compile(n, scope));
    if (left === undefined || right === undefined) return this.error(node.start, 'syntax error');
    const inner = left.type.kind === 'optional' ? left.type.of : left.type;
    const optional = node.op === '[?]' || left.type.kind === 'optional';
    let type: CelType = DYN;
    const offset = this.source.indexOf('[', node.args[0].end);
    if (inner.kind === 'list' && (right.type === INT || isDyn(right.type))) type = inner.item;
    else if (inner.kind === 'map' && assignable(right.type, inner.key, new Map())) type = inner.value;
    else if (!isDyn(inner)) {
      return this.error(
        offset,
        `found no matching overload for '_[_]' applied to '(${typeText(inner)}, ${typeText(right.type)})'`,
      );
    }
    return {
      type: optional ? optionalOf(type) : type,
      run: (state) => {
        const value = left.run(state);
        const key = right.run(state);
        if (!optional) return item(value, key);
        const base = value instanceof Optional ? value.value : value;
        if (base === undefined) return Optional.none;
        try {
          return new Optional(item(base, key));
        } catch (error) {
          if (error instanceof CelError) return Optional.none;
          throw error;
        }
      },
    };
  }

  private list(nodes: readonly ASTNode[], scope: ReadonlyMap<string, CelType>): Compiled {
    const items = nodes.map((n) => this.compile(n, scope));
    const type = items.reduce<CelType | undefined>((t, i) => join(t, i.type), undefined);
    return { type: listOf(type ?? DYN), run: (state) => items.map((i) => i.run(state)) };
  }

  private map(entries: readonly (readonly [ASTNode, ASTNode])[], scope: ReadonlyMap<string, CelType>): Compiled {
    const items = entries.map(([k, v]) => [this.compile(k, scope), this.compile(v, scope)] as const);
    const key = items.reduce<CelType | undefined>((t, [k]) => join(t, k.type), undefined);
    const value = items.reduce<CelType | undefined>((t, [, v]) => join(t, v.type), undefined);
    return {
      type: mapOf(key ?? DYN, value ?? DYN),
      run: (state) => {
        const out: MapValue = new Map();
        for (const [k, v] of items) out.set(k.run(state), v.run(state));
        return out;
      },
    };
  }

  private ternary(node: Extract<ASTNode, { op: '?:' }>, scope: ReadonlyMap<string, CelType>): Compiled {
    const [condition, yes, no] = node.args.map((n) => this.compile(n, scope));
    if (condition === undefined || yes === undefined || no === undefined) return this.error(node.start, 'syntax error');
    if (!assignable(condition.type, BOOL, new Map()) || !same(yes.type, no.type)) {
      const types = [condition, yes, no].map((c) => typeText(c.type)).join(', ');
      const offset = this.source.indexOf('?', node.args[0].end);
      return this.error(offset, `found no matching overload for '_?_:_' applied to '(${types})'`);
    }
    return {
      type: join(yes.type, no.type),
      run: (state) => {
        const value = condition.run(state);
        if (typeof value !== 'boolean') throw new CelError('no such overload');
        return value ? yes.run(state) : no.run(state);
      },
    };
  }

  /** An error on one side does not matter when the other side decides. */
  private logical(node: Extract<ASTNode, { op: '||' | '&&' }>, scope: ReadonlyMap<string, CelType>): Compiled {
    const [left, right] = node.args.map((n) => this.compile(n, scope));
    if (left === undefined || right === undefined) return this.error(node.start, 'syntax error');
    for (const [i, side] of [left, right].entries()) {
      if (assignable(side.type, BOOL, new Map())) continue;
      return this.error(node.args[i]?.start ?? 0, `expected type 'bool' but found '${typeText(side.type)}'`);
    }
    const decides = node.op === '||';
    return {
      type: BOOL,
      run: (state) => {
        const first = attempt(left, state);
        if (first === decides) return decides;
        const second = attempt(right, state);
        if (second === decides) return decides;
        for (const side of [first, second]) {
          if (side instanceof CelError) throw side;
          if (typeof side !== 'boolean') throw new CelError('no such overload');
        }
        return !decides;
      },
    };
  }

  private unary(node: Extract<ASTNode, { op: '!_' | '-_' }>, scope: ReadonlyMap<string, CelType>): Compiled {
    const operand = this.compile(node.args, scope);
    const { type } = operand;
    const good = node.op === '!_' ? assignable(type, BOOL, new Map()) : isDyn(type) || type === INT || type === DOUBLE;
    if (!good) {
      const name = node.op === '!_' ? '!_' : '-_';
      return this.error(node.start, `found no matching overload for '${name}' applied to '(${typeText(type)})'`);
    }
    return {
      type: node.op === '!_' ? BOOL : type,
      run: (state) => {
        const value = operand.run(state);
        if (node.op === '!_') return typeof value === 'boolean' ? !value : refuse();
        if (typeof value === 'bigint') return checkedInt(-value);
        return typeof value === 'number' ? -value : refuse();
      },
    };
  }

  private binary(
    node: Extract<ASTNode, { op: '==' | '!=' | 'in' | '+' | '-' | '*' | '/' | '%' | '<' | '<=' | '>' | '>=' }>,
    scope: ReadonlyMap<string, CelType>,
  ): Compiled {
    const [leftNode, rightNode] = node.args;
    const left = this.compile(leftNode, scope);
    const right = this.compile(rightNode, scope);
    const type = binaryType(node.op, left.type, right.type);
    if (type === undefined) {
      const offset = operatorOffset(this.source, leftNode, rightNode, node.op);
      const name = node.op === 'in' ? '@in' : `_${node.op}_`;
      return this.error(
        offset,
        `found no matching overload for '${name}' applied to '(${typeText(left.type)}, ${typeText(right.type)})'`,
      );
    }
    const operate = OPERATORS[node.op];
    return {
      type,
      run: (state) => {
        const a = left.run(state);
        const b = right.run(state);
        charge(state.budget, a, b);
        return operate(a, b);
      },
    };
  }

  private call(node: Extract<ASTNode, { op: 'call' }>, scope: ReadonlyMap<string, CelType>): Compiled {
    const [name, args] = node.args;
    if (name === 'has' && args.length === 1 && args[0] !== undefined) return this.has(args[0], scope);
    const overloads = overloadsOf(name).filter((o) => o.receiver === undefined);
    if (overloads.length === 0 && overloadsOf(name).length === 0) {
      return this.error(node.start + name.length, `undeclared reference to '${name}' (in container '')`);
    }
    return this.apply(
      { name, overloads, offset: node.start + name.length },
      args.map((a) => this.compile(a, scope)),
      false,
    );
  }

  private has(node: ASTNode, scope: ReadonlyMap<string, CelType>): Compiled {
    if (node.op !== '.') return this.error(node.start, 'invalid argument to has() macro');
    const [operand, name] = node.args;
    const target = this.compile(operand, scope);
    this.fieldType(target.type, name, this.source.lastIndexOf('.', node.pos));
    return { type: BOOL, run: (state) => hasField(target.run(state), name) };
  }

  private memberCall(node: Extract<ASTNode, { op: 'rcall' }>, scope: ReadonlyMap<string, CelType>): Compiled {
    const [name, receiver, args] = node.args;
    const offset = this.source.indexOf('(', receiver.end);
    if (receiver.op === 'id' && FUNCTION_NAMESPACES.has(receiver.args) && !scope.has(receiver.args)) {
      const full = `${receiver.args}.${name}`;
      const overloads = overloadsOf(full);
      if (overloads.length === 0) return this.error(offset, `undeclared reference to '${full}' (in container '')`);
      return this.apply(
        { name: full, overloads, offset },
        args.map((a) => this.compile(a, scope)),
        false,
      );
    }
    const target = this.compile(receiver, scope);
    if (COMPREHENSIONS.has(name) && args[0]?.op === 'id' && args.length >= 2) {
      return this.comprehension(
        { name, variable: args[0].args, args: args.slice(1), offset: receiver.start },
        target,
        scope,
      );
    }
    if ((name === 'optMap' || name === 'optFlatMap') && args[0]?.op === 'id' && args[1] !== undefined) {
      return this.optMap({ variable: args[0].args, body: args[1], flat: name === 'optFlatMap' }, target, scope);
    }
    const overloads = overloadsOf(name).filter((o) => o.receiver !== undefined);
    if (overloads.length === 0) return this.error(offset, `undeclared reference to '${name}' (in container '')`);
    return this.apply({ name, overloads, offset }, [target, ...args.map((a) => this.compile(a, scope))], true);
  }

  private apply(
    called: { name: string; overloads: readonly Overload[]; offset: number },
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
      return this.error(called.offset, `found no matching overload for '${called.name}' applied to '${applied}'`);
    }
    const dynamic = fitting.length > 1;
    return {
      type: fitting.every((f) => same(f.result, first.result)) ? first.result : DYN,
      run: (state) => {
        const values = args.map((a) => a.run(state));
        charge(state.budget, values[0], values[1]);
        const chosen = dynamic ? (fitting.find((f) => accepts(f.overload, values, member)) ?? first) : first;
        if (!accepts(chosen.overload, values, member)) throw new CelError('no such overload');
        return chosen.overload.run(values);
      },
    };
  }

  private comprehension(
    macro: { name: string; variable: string; args: readonly ASTNode[]; offset: number },
    target: Compiled,
    scope: ReadonlyMap<string, CelType>,
  ): Compiled {
    let element: CelType = DYN;
    if (target.type.kind === 'list') element = target.type.item;
    else if (target.type.kind === 'map') element = target.type.key;
    else if (!isDyn(target.type)) {
      return this.error(
        macro.offset,
        `expression of type '${typeText(target.type)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
      );
    }
    const inner = new Map(scope).set(macro.variable, element);
    const bodies = macro.args.map((a) => this.compile(a, inner));
    const last = bodies[bodies.length - 1];
    if (last === undefined) return this.error(macro.offset, 'syntax error');
    const condition = macro.name === 'map' ? (bodies.length === 2 ? bodies[0] : undefined) : last;
    if (condition !== undefined && !assignable(condition.type, BOOL, new Map())) {
      return this.error(macro.args[0]?.start ?? 0, `expected type 'bool' but found '${typeText(condition.type)}'`);
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

  private optMap(
    macro: { variable: string; body: ASTNode; flat: boolean },
    target: Compiled,
    scope: ReadonlyMap<string, CelType>,
  ): Compiled {
    const element = target.type.kind === 'optional' ? target.type.of : DYN;
    const body = this.compile(macro.body, new Map(scope).set(macro.variable, element));
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
}

/** JSON has no such values: they are CEL's already. */
function isNative(value: unknown): boolean {
  return value instanceof Optional || value instanceof Map;
}

/** Compiles an expression over typed variables. Throws CelSyntaxError with all that is wrong with it. */
export function compileCel(source: string, variables: Readonly<Record<string, CelType>>): CelProgram {
  const compiler = new Compiler(source);
  const scope = new Map(Object.entries(variables));
  const root = parseExpression(source);
  const compiled = compiler.compile(root, scope);
  if (compiler.errors.length > 0) throw new CelSyntaxError(compiler.errors.join('\n'));
  return {
    type: compiled.type,
    tree: { root, types: compiler.types },
    uses: compiler.uses,
    evaluate(values, budget) {
      const bound = new Map<string, unknown>();
      for (const [name, type] of scope) {
        if (compiler.uses.has(name))
          bound.set(name, isNative(values[name]) ? values[name] : fromJson(values[name], type));
      }
      return compiled.run({ variables: bound, budget });
    },
  };
}
