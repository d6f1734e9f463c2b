// Checks an expression against the types of its variables, and makes of it a function that can be run again and again.
// Messages are cel-go's, as Kubernetes shows them.

import { field, fieldNamed, hasField, item, optionalField, refuse } from './access.ts';
import { compileList, compileMap } from './aggregates.ts';
import type { BinaryNode, SelectNode } from './ast.ts';
import type { Problem } from './lexer.ts';
import { FUNCTION_NAMESPACES, overloadsOf } from './library.ts';
import { badLiteral, patternProblem } from './literal-arguments.ts';
import { literal } from './literals.ts';
import { macroOf } from './macro-forms.ts';
import { compileMacro } from './macros.ts';
import { binaryType, OPERATORS } from './operators.ts';
import { applyOverload, type Checker, type Scope } from './overloads.ts';
import { dotted } from './parser.ts';
import { attempt, type Budget, type Compiled, spend } from './run.ts';
import { baseCost, operatorCost } from './spent-operators.ts';
import { compileStruct, type StructTypes } from './structs.ts';
import { type ASTNode, parseExpression, refusal } from './syntax.ts';
import { namedType } from './type-names.ts';
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
  optionalOf,
  same,
  typeText,
} from './types.ts';
import { CelError, checkedInt, fromJson, Optional, ReceiverValue, TypeValue } from './values.ts';

export interface CelProgram {
  readonly type: CelType;
  /** The expression and the types of its parts, for estimates of what it costs. */
  readonly tree: { readonly root: ASTNode; readonly types: ReadonlyMap<ASTNode, CelType> };
  /** What its known parts fail with, before it ever runs. */
  readonly failure?: string;
  /** Names of variables that the expression uses. */
  readonly uses: ReadonlySet<string>;
  /** Throws CelError, or BudgetExceeded. Variables are JSON values, or maps that hold CEL values already. */
  evaluate(variables: Readonly<Record<string, unknown>>, budget: Budget): unknown;
}

/** Functions for JSON patches are known where there are literals of them. */
const PATCHES = 'jsonpatch';

class Compiler implements Checker {
  constructor(private readonly structs?: StructTypes) {}

  readonly errors: Problem[] = [];
  /** What is looked at when the types are right. */
  readonly late: Problem[] = [];
  /** What cannot be worked out although all of it is known. */
  readonly failures: string[] = [];
  /** Inside the arguments of functions that take anything. */
  private exempt = 0;
  readonly uses = new Set<string>();
  /** What was found out about every part of the expression. */
  readonly types = new Map<ASTNode, CelType>();

  error(at: number, text: string): Compiled {
    this.errors.push({ at, text });
    return { type: ERROR, run: () => null };
  }

  complain(at: number, text: string): void {
    if (this.exempt === 0) this.late.push({ at, text });
  }

  compile(node: ASTNode, scope: Scope): Compiled {
    const made = this.node(node, scope);
    this.types.set(node, made.type);
    return made;
  }

  private node(node: ASTNode, scope: Scope): Compiled {
    switch (node.op) {
      case 'value':
        return literal(node.args);
      case 'id':
        return this.identifier(node.args, node.at, scope);
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
        return compileList(this, node, scope);
      case 'map':
        return compileMap(this, node, scope);
      case 'struct':
        return compileStruct(this, node, this.structs === undefined ? { scope } : { scope, types: this.structs });
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

  private identifier(name: string, at: number, scope: Scope): Compiled {
    const known = name.replace(/^\./, '');
    const type = scope.get(known);
    if (type !== undefined) {
      this.uses.add(known);
      return {
        type,
        path: 'plain',
        run: (state) => {
          spend(state, 1);
          return state.variables.get(known);
        },
      };
    }
    return this.typeNamed(known) ?? this.error(at, `undeclared reference to '${name}' (in container '')`);
  }

  /** `authorizer.requestResource`, a variable with a dot in its name; `net.IP`, a type, unless it begins with a variable. */
  private qualified(node: ASTNode, scope: Scope): Compiled | undefined {
    const name = dotted(node);
    if (name === undefined) return undefined;
    if (scope.has(name)) return this.identifier(name, node.at, scope);
    return scope.has(name.split('.')[0] ?? '') ? undefined : this.typeNamed(name);
  }

  /** The name of a type, which is a value too. */
  private typeNamed(name: string): Compiled | undefined {
    const own = this.structs?.(name);
    return own === undefined
      ? namedType(name)
      : { type: { kind: 'type', of: own }, run: () => new TypeValue(own.name) };
  }

  private select(
    node: Extract<ASTNode, { op: '.' } | { op: '.?' }>,
    how: { scope: Scope; optional: boolean },
  ): Compiled {
    const [operand, name] = node.args;
    const named = this.qualified(node, how.scope);
    if (named !== undefined) return named;
    const target = this.compile(operand, how.scope);
    const inner = target.type.kind === 'optional' ? target.type.of : target.type;
    const optional = how.optional || target.type.kind === 'optional';
    const type = this.fieldType(inner, name, node.at);
    const before = baseCost(target);
    return {
      type: optional ? optionalOf(type.kind === 'optional' ? type.of : type) : type,
      path: target.path ?? 'plain',
      run: (state) => {
        const value = attempt(target, state);
        spend(state, before);
        if (value instanceof CelError) throw value;
        // A step that leads nowhere is a step, unless it was optional.
        if (!optional) spend(state, 1);
        const found = optional ? optionalField(value, name) : field(value, name);
        if (optional && !(found instanceof Optional && !found.present)) spend(state, 1);
        return found;
      },
    };
  }

  private fieldType(type: CelType, name: string, offset: number): CelType {
    if (isDyn(type)) return DYN;
    if (type.kind === 'map') return type.value;
    if (type.kind === 'object') {
      const known = fieldNamed(type, name);
      if (known !== undefined) return known.type;
      return this.error(offset, `undefined field '${name}'`).type;
    }
    // Of the libraries' own types nobody has said what is in them.
    if (type.kind === 'simple' && type.name.startsWith('kubernetes.'))
      return this.error(offset, `unexpected failed resolution of '${type.name}'`).type;
    return this.error(offset, `type '${typeText(type)}' does not support field selection`).type;
  }

  private index(node: Extract<ASTNode, { op: '[]' | '[?]' }>, scope: Scope): Compiled {
    const [left, right] = node.args.map((n) => this.compile(n, scope));
    if (left === undefined || right === undefined) return this.error(node.at, 'syntax error');
    const inner = left.type.kind === 'optional' ? left.type.of : left.type;
    const optional = node.op === '[?]' || left.type.kind === 'optional';
    let type: CelType = DYN;
    if (inner.kind === 'list' && (right.type === INT || isDyn(right.type))) type = inner.item;
    else if (inner.kind === 'map' && assignable(right.type, inner.key, new Map())) type = inner.value;
    else if (!isDyn(inner)) {
      return this.error(
        node.at,
        `found no matching overload for '${node.op === '[?]' ? '_[?_]' : '_[_]'}' applied to '(${typeText(inner)}, ${typeText(right.type)})'`,
      );
    }
    // The last step of a key that is a path is the step into what it is a key of.
    const before = baseCost(left);
    const step = right.path === 'plain' ? 0 : 1;
    return {
      type: optional ? optionalOf(type) : type,
      path: left.path ?? 'plain',
      run: (state) => {
        const value = left.run(state);
        const key = right.run(state);
        spend(state, before);
        if (!optional) {
          spend(state, step);
          return item(value, key);
        }
        const base = value instanceof Optional ? value.value : value;
        if (base === undefined) return Optional.none;
        try {
          const found = new Optional(item(base, key));
          spend(state, step);
          return found;
        } catch (error) {
          if (error instanceof CelError) return Optional.none;
          throw error;
        }
      },
    };
  }

  private ternary(node: Extract<ASTNode, { op: '?:' }>, scope: Scope): Compiled {
    const [condition, yes, no] = node.args.map((n) => this.compile(n, scope));
    if (condition === undefined || yes === undefined || no === undefined) return this.error(node.at, 'syntax error');
    if (!assignable(condition.type, BOOL, new Map()) || !same(yes.type, no.type)) {
      const types = [condition, yes, no].map((c) => typeText(c.type)).join(', ');
      return this.error(node.at, `found no matching overload for '_?_:_' applied to '(${types})'`);
    }
    return {
      type: join(yes.type, no.type),
      path: 'choice',
      run: (state) => {
        const value = condition.run(state);
        if (typeof value !== 'boolean') throw new CelError('no such overload');
        const chosen = value ? yes : no;
        if (chosen.path === 'plain') state.budget.left++;
        return chosen.run(state);
      },
    };
  }

  /** An error on one side does not matter when the other side decides. */
  private logical(node: Extract<ASTNode, { op: '||' | '&&' }>, scope: Scope): Compiled {
    const [left, right] = node.args.map((n) => this.compile(n, scope));
    if (left === undefined || right === undefined) return this.error(node.at, 'syntax error');
    let isGood = true;
    for (const [i, side] of [left, right].entries()) {
      if (assignable(side.type, BOOL, new Map())) continue;
      this.error(node.args[i]?.at ?? 0, `expected type 'bool' but found '${typeText(side.type)}'`);
      isGood = false;
    }
    if (!isGood) return { type: ERROR, run: () => null };
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
      return this.error(node.at, `found no matching overload for '${name}' applied to '(${typeText(type)})'`);
    }
    return {
      type: node.op === '!_' ? BOOL : type,
      run: (state) => {
        const value = attempt(operand, state);
        spend(state, 1);
        if (value instanceof CelError) throw value;
        if (node.op === '!_') return typeof value === 'boolean' ? !value : refuse();
        if (typeof value === 'bigint') return checkedInt(-value);
        return typeof value === 'number' ? -value : refuse();
      },
    };
  }

  private binary(node: BinaryNode, scope: Scope): Compiled {
    const [leftNode, rightNode] = node.args;
    const left = this.compile(leftNode, scope);
    const right = this.compile(rightNode, scope);
    const type = binaryType(node.op, left.type, right.type);
    if (type === undefined) {
      const name = node.op === 'in' ? '@in' : `_${node.op}_`;
      return this.error(
        node.at,
        `found no matching overload for '${name}' applied to '(${typeText(left.type)}, ${typeText(right.type)})'`,
      );
    }
    // Nothing is in a list without items.
    if (node.op === 'in' && rightNode.op === 'list' && rightNode.args.length === 0)
      return { type, isConstant: true, run: () => false };
    const operate = OPERATORS[node.op];
    const cost = operatorCost(node.op, left, right);
    return {
      type,
      run: (state) => {
        // Both sides are worked out and paid for, also when one fails.
        const a = attempt(left, state);
        const b = attempt(right, state);
        spend(state, cost(a, b));
        if (a instanceof CelError) throw a;
        if (b instanceof CelError) throw b;
        return operate(a, b);
      },
    };
  }

  /** Told beside what the types say. */
  private checkLiterals(name: string, target: ASTNode | undefined, args: readonly ASTNode[]): void {
    const bad = badLiteral(name, { target, args, types: this.types });
    if (bad !== undefined) this.late.push(bad);
    const pattern = patternProblem(name, target, args);
    if (pattern !== undefined) this.failures.push(pattern);
  }

  private arguments(name: string, args: readonly ASTNode[], scope: Scope): Compiled[] {
    if (name === 'format') this.exempt++;
    const compiled = args.map((a) => this.compile(a, scope));
    if (name === 'format') this.exempt--;
    return compiled;
  }

  private call(node: Extract<ASTNode, { op: 'call' }>, scope: Scope): Compiled {
    const [written, args] = node.args;
    const name = written.replace(/^\./, '');
    const [first] = args;
    if (name === 'has' && args.length === 1 && first?.op === '.') return this.has(first, { scope, at: node.at });
    const compiled = this.arguments(name, args, scope);
    this.checkLiterals(name, undefined, args);
    const all = overloadsOf(name);
    const overloads = all.filter((o) => o.receiver === undefined);
    if (all.length === 0) return this.error(node.at, `undeclared reference to '${written}' (in container '')`);
    return applyOverload(this, { name, overloads, at: node.at }, compiled, false);
  }

  private has(node: SelectNode, where: { scope: Scope; at: number }): Compiled {
    const [operand, name] = node.args;
    const target = this.compile(operand, where.scope);
    const inner = target.type.kind === 'optional' ? target.type.of : target.type;
    this.fieldType(inner, name, where.at);
    const cost = baseCost(target);
    return {
      type: BOOL,
      run: (state) => {
        const value = target.run(state);
        spend(state, cost);
        return hasField(value, name);
      },
    };
  }

  private memberCall(node: Extract<ASTNode, { op: 'rcall' }>, scope: Scope): Compiled {
    const [name, receiver, args] = node.args;
    const { at } = node;
    const prefix = dotted(receiver);
    if (prefix !== undefined && FUNCTION_NAMESPACES.has(prefix) && !scope.has(prefix)) {
      const full = `${prefix}.${name}`;
      const overloads = prefix === PATCHES && this.structs === undefined ? [] : overloadsOf(full);
      if (overloads.length > 0)
        return applyOverload(this, { name: full, overloads, at }, this.arguments(name, args, scope), false);
    }
    const macro = macroOf(node);
    if (macro !== undefined) return compileMacro(this, macro, scope);
    const target = this.compile(receiver, scope);
    const compiled = this.arguments(name, args, scope);
    this.checkLiterals(name, receiver, args);
    const all = overloadsOf(name);
    if (all.length === 0) return this.error(at, `undeclared reference to '${name}' (in container '')`);
    const overloads = all.filter((o) => o.receiver !== undefined);
    return applyOverload(this, { name, overloads, at }, [target, ...compiled], true);
  }
}

/** JSON has no such values: they are CEL's already. */
function isNative(value: unknown): boolean {
  return value instanceof Optional || value instanceof Map || value instanceof ReceiverValue;
}

/** Compiles an expression over typed variables. Throws CelSyntaxError with all that is wrong with it. */
export function compileCel(
  source: string,
  variables: Readonly<Record<string, CelType>>,
  structs?: StructTypes,
): CelProgram {
  const compiler = new Compiler(structs);
  const scope = new Map(Object.entries(variables));
  const root = parseExpression(source);
  const compiled = compiler.compile(root, scope);
  for (const errors of [compiler.errors, compiler.late]) if (errors.length > 0) throw refusal(source, errors);
  const [failure] = compiler.failures;
  return {
    ...(failure === undefined ? {} : { failure }),
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
