// Checks an expression against the types of its variables, and makes of it a function that can be run again and again.
// Messages are cel-go's, as Kubernetes shows them.

import { field, hasField, item, optionalField, refuse } from './access.ts';
import { FUNCTION_NAMESPACES, overloadsOf } from './library.ts';
import { badLiteral } from './literal-arguments.ts';
import { literal } from './literals.ts';
import { COMPREHENSIONS, compileComprehension, compileOptMap } from './macros.ts';
import { binaryType, OPERATORS, same } from './operators.ts';
import { applyOverload, type Checker, type Scope } from './overloads.ts';
import { attempt, type Budget, BudgetExceeded, type Compiled, charge } from './run.ts';
import { type ASTNode, CelSyntaxError, locate, operatorOffset, parseExpression } from './syntax.ts';
import {
  assignable,
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

class Compiler implements Checker {
  readonly errors: string[] = [];
  /** What is looked at when the types are right. */
  readonly late: string[] = [];
  readonly uses = new Set<string>();
  /** What was found out about every part of the expression. */
  readonly types = new Map<ASTNode, CelType>();
  constructor(private readonly source: string) {}

  error(offset: number, problem: string): Compiled {
    this.errors.push(locate(this.source, offset, problem));
    return { type: ERROR, run: () => null };
  }

  compile(node: ASTNode, scope: Scope): Compiled {
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

  private node(node: ASTNode, scope: Scope): Compiled {
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

  private identifier(name: string, offset: number, scope: Scope): Compiled {
    const type = scope.get(name);
    if (type !== undefined) {
      this.uses.add(name);
      return { type, run: ({ variables }) => variables.get(name) };
    }
    const typeName = Object.hasOwn(TYPE_NAMES, name) ? TYPE_NAMES[name] : undefined;
    if (typeName !== undefined) return { type: DYN, run: () => new TypeValue(typeName) };
    return this.error(offset, `undeclared reference to '${name}' (in container '')`);
  }

  private select(node: Extract<ASTNode, { op: '.' | '.?' }>, how: { scope: Scope; optional: boolean }): Compiled {
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

  private index(node: Extract<ASTNode, { op: '[]' | '[?]' }>, scope: Scope): Compiled {
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

  private list(nodes: readonly ASTNode[], scope: Scope): Compiled {
    const items = nodes.map((n) => this.compile(n, scope));
    const type = items.reduce<CelType | undefined>((t, i) => join(t, i.type), undefined);
    return { type: listOf(type ?? DYN), run: (state) => items.map((i) => i.run(state)) };
  }

  private map(entries: readonly (readonly [ASTNode, ASTNode])[], scope: Scope): Compiled {
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

  private ternary(node: Extract<ASTNode, { op: '?:' }>, scope: Scope): Compiled {
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
  private logical(node: Extract<ASTNode, { op: '||' | '&&' }>, scope: Scope): Compiled {
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

  private unary(node: Extract<ASTNode, { op: '!_' | '-_' }>, scope: Scope): Compiled {
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
    scope: Scope,
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

  /** Told beside what the types say. */
  private checkLiterals(name: string, args: readonly ASTNode[]): void {
    const bad = badLiteral(name, args);
    if (bad !== undefined) this.late.push(locate(this.source, bad.start, `invalid ${name} argument`));
  }

  private call(node: Extract<ASTNode, { op: 'call' }>, scope: Scope): Compiled {
    const [name, args] = node.args;
    this.checkLiterals(name, args);
    if (name === 'has' && args.length === 1 && args[0] !== undefined) return this.has(args[0], scope);
    const overloads = overloadsOf(name).filter((o) => o.receiver === undefined);
    if (overloads.length === 0 && overloadsOf(name).length === 0) {
      return this.error(node.start + name.length, `undeclared reference to '${name}' (in container '')`);
    }
    return applyOverload(
      this,
      { name, overloads, offset: node.start + name.length },
      args.map((a) => this.compile(a, scope)),
      false,
    );
  }

  private has(node: ASTNode, scope: Scope): Compiled {
    if (node.op !== '.') return this.error(node.start, 'invalid argument to has() macro');
    const [operand, name] = node.args;
    const target = this.compile(operand, scope);
    this.fieldType(target.type, name, this.source.lastIndexOf('.', node.pos));
    return { type: BOOL, run: (state) => hasField(target.run(state), name) };
  }

  private memberCall(node: Extract<ASTNode, { op: 'rcall' }>, scope: Scope): Compiled {
    const [name, receiver, args] = node.args;
    this.checkLiterals(name, args);
    const offset = this.source.indexOf('(', receiver.end);
    if (receiver.op === 'id' && FUNCTION_NAMESPACES.has(receiver.args) && !scope.has(receiver.args)) {
      const full = `${receiver.args}.${name}`;
      const overloads = overloadsOf(full);
      if (overloads.length === 0) return this.error(offset, `undeclared reference to '${full}' (in container '')`);
      return applyOverload(
        this,
        { name: full, overloads, offset },
        args.map((a) => this.compile(a, scope)),
        false,
      );
    }
    const target = this.compile(receiver, scope);
    if (COMPREHENSIONS.has(name) && args[0]?.op === 'id' && args.length >= 2) {
      return compileComprehension(
        this,
        { name, variable: args[0].args, args: args.slice(1), offset: receiver.start },
        target,
        scope,
      );
    }
    if ((name === 'optMap' || name === 'optFlatMap') && args[0]?.op === 'id' && args[1] !== undefined) {
      return compileOptMap(this, { variable: args[0].args, body: args[1], flat: name === 'optFlatMap' }, target, scope);
    }
    const overloads = overloadsOf(name).filter((o) => o.receiver !== undefined);
    if (overloads.length === 0) return this.error(offset, `undeclared reference to '${name}' (in container '')`);
    return applyOverload(this, { name, overloads, offset }, [target, ...args.map((a) => this.compile(a, scope))], true);
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
  for (const errors of [compiler.errors, compiler.late])
    if (errors.length > 0) throw new CelSyntaxError(errors.join('\n'));
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
