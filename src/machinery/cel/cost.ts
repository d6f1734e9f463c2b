// What an expression may cost at most, known from the sizes of what it is about, before it ever runs.
// Source: https://github.com/google/cel-go/blob/master/checker/cost.go and
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#resource-use-by-validation-functions

import type { BinaryNode, SelectNode } from './ast.ts';
import type { CelProgram } from './compile.ts';
import { type Called, callCost } from './cost-functions.ts';
import {
  ANY_SIZE,
  atMost,
  type Estimate,
  MOST,
  ONE,
  plus,
  type Size,
  type SizeTree,
  times,
  traversal,
} from './cost-sizes.ts';
import { type MacroForm, macroOf } from './macro-forms.ts';
import type { ASTNode } from './syntax.ts';
import type { CelType } from './types.ts';

/** What is known of a part of an expression. */
export interface Known extends Estimate {
  readonly tree?: SizeTree | undefined;
}

type Scope = ReadonlyMap<string, SizeTree | undefined>;

const IDENT = 1;
const NEW_LIST = 10;
const NEW_MAP = 30;
const SCALARS: ReadonlySet<string> = new Set(['bool', 'int', 'uint', 'double', 'timestamp', 'duration', 'null_type']);

/** Loops as the macros expand: what each round costs besides the expressions in it, and what the loop costs once. */
const LOOPS: Readonly<Record<string, { readonly round: number; readonly once: number }>> = {
  all: { round: 3, once: 1 },
  exists: { round: 4, once: 1 },
  exists_one: { round: 2, once: 2 },
  filter: { round: 13, once: NEW_LIST + 1 },
  map: { round: 12, once: NEW_LIST + 1 },
  existsOne: { round: 2, once: 2 },
  transformList: { round: 12, once: NEW_LIST + 1 },
  transformMap: { round: 2, once: NEW_MAP + 1 },
  transformMapEntry: { round: 2, once: NEW_MAP + 1 },
  sortBy: { round: 13, once: NEW_LIST + 1 },
};

function isKind(type: CelType | undefined, ...names: readonly string[]): boolean {
  return type !== undefined && names.includes(type.kind === 'simple' ? type.name : type.kind);
}

/** Values of the libraries' own types are compared in one step, those of types likewise. */
function isScalar(type: CelType | undefined): boolean {
  if (type?.kind === 'optional') return isScalar(type.of);
  if (type?.kind === 'simple') return SCALARS.has(type.name) || type.name.includes('.');
  return type?.kind === 'type';
}

class Coster {
  constructor(private readonly types: ReadonlyMap<ASTNode, CelType>) {}

  /** The size that matters for a cost: what was found out, else what is declared, else what the type says. */
  sizeOf(node: ASTNode, known: Known): Size {
    if (known.size !== undefined) return known.size;
    if (known.tree !== undefined) return { min: 0, max: known.tree.max };
    const type = this.types.get(node);
    return isScalar(type) ? ONE : ANY_SIZE;
  }

  estimate(node: ASTNode, scope: Scope): Known {
    switch (node.op) {
      case 'value':
        return { cost: 0, size: literalSize(node.args) };
      case 'id':
        return { cost: IDENT, tree: scope.get(node.args) };
      case '.':
        return this.select(node, scope);
      case '.?':
        return { cost: plus(this.estimate(node.args[0], scope).cost, 1) };
      case '[]':
      case '[?]':
        return this.index(node, scope);
      case 'list':
        return { cost: plus(this.all(node.args, scope), NEW_LIST), size: atMost(node.args.length, node.args.length) };
      case 'map':
        return {
          cost: plus(this.all(node.args.flat(), scope), NEW_MAP),
          size: atMost(node.args.length, node.args.length),
        };
      case 'struct':
        return {
          cost: this.all(
            node.args[1].map(({ value }) => value),
            scope,
          ),
        };
      case '?:':
        return this.choice(node, scope);
      case '||':
      case '&&':
        return { cost: this.all(node.args, scope) };
      case '!_':
      case '-_':
        return { cost: plus(this.estimate(node.args, scope).cost, 1) };
      case 'call':
        return this.call(node, scope);
      case 'rcall':
        return this.memberCall(node, scope);
      default:
        return this.binary(node, scope);
    }
  }

  private all(nodes: readonly ASTNode[], scope: Scope): number {
    return plus(...nodes.map((one) => this.estimate(one, scope).cost));
  }

  private select(node: SelectNode, scope: Scope): Known {
    const [operand, name] = node.args;
    const { cost, tree } = this.estimate(operand, scope);
    const counts = isKind(this.types.get(operand), 'map', 'object');
    return { cost: counts ? plus(cost, 1) : cost, tree: tree?.fields?.get(name) };
  }

  private index(node: Extract<ASTNode, { op: '[]' | '[?]' }>, scope: Scope): Known {
    const [operand, key] = node.args;
    const base = this.estimate(operand, scope);
    const cost = plus(base.cost, this.estimate(key, scope).cost, 1);
    return { cost, tree: isKind(this.types.get(operand), 'list') ? base.tree?.items : base.tree?.values };
  }

  private choice(node: Extract<ASTNode, { op: '?:' }>, scope: Scope): Known {
    const [condition, yes, no] = node.args;
    const first = this.estimate(yes, scope);
    const second = this.estimate(no, scope);
    const [a, b] = [this.sizeOf(yes, first), this.sizeOf(no, second)];
    return {
      cost: plus(this.estimate(condition, scope).cost, Math.max(first.cost, second.cost)),
      size: { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) },
      tree: first.tree ?? second.tree,
    };
  }

  private binary(node: BinaryNode, scope: Scope): Known {
    const [left, right] = node.args;
    const a = this.estimate(left, scope);
    const b = this.estimate(right, scope);
    const [sizeA, sizeB] = [this.sizeOf(left, a), this.sizeOf(right, b)];
    const both = plus(a.cost, b.cost);
    const types = [this.types.get(left), this.types.get(right)];
    const some = (...names: readonly string[]): boolean => types.some((type) => isKind(type, ...names));
    switch (node.op as string) {
      case 'in':
        return { cost: plus(both, isKind(types[1], 'map') ? 1 : sizeB.max) };
      case '==':
      case '!=':
        return { cost: plus(both, traversal(Math.min(sizeA.max, sizeB.max))) };
      case '+': {
        const size = { min: sizeA.min + sizeB.min, max: plus(sizeA.max, sizeB.max) };
        if (some('list')) return { cost: plus(both, 1), size, tree: a.tree ?? b.tree };
        return some('string', 'bytes') ? { cost: plus(both, traversal(size.max)), size } : { cost: plus(both, 1) };
      }
      default:
        // Comparisons of texts go over them; all else is one step.
        return { cost: plus(both, some('string', 'bytes') ? traversal(Math.min(sizeA.max, sizeB.max)) : 1) };
    }
  }

  private call(node: Extract<ASTNode, { op: 'call' }>, scope: Scope): Known {
    const [name, args] = node.args;
    const [first] = args;
    // Kubernetes takes nothing for the question itself.
    if (name === 'has' && first?.op === '.') return { cost: this.estimate(first.args[0], scope).cost };
    if (name === 'dyn' && first !== undefined) {
      const inner = this.estimate(first, scope);
      return { ...inner, cost: plus(inner.cost, 1) };
    }
    return this.function(name, undefined, args, scope);
  }

  private memberCall(node: Extract<ASTNode, { op: 'rcall' }>, scope: Scope): Known {
    const [name, receiver, args] = node.args;
    const macro = macroOf(node);
    if (macro !== undefined && (name === 'optMap' || name === 'optFlatMap')) {
      const target = this.estimate(receiver, scope);
      const inner = new Map(scope).set(macro.variables[0] ?? '', target.tree);
      return { cost: plus(target.cost, ...macro.bodies.map((body) => this.estimate(body, inner).cost), 1) };
    }
    if (macro !== undefined) return this.loop(macro, scope);
    // `sets.contains(a, b)`: what looks like a receiver has no type, and is none.
    if (receiver.op === 'id' && this.types.get(receiver) === undefined)
      return this.function(`${receiver.args}.${name}`, undefined, args, scope);
    return this.function(name, receiver, args, scope);
  }

  private function(name: string, target: ASTNode | undefined, args: readonly ASTNode[], scope: Scope): Known {
    const known = (node: ASTNode) => {
      const found = this.estimate(node, scope);
      return { ...found, size: this.sizeOf(node, found), type: this.types.get(node) };
    };
    const called: Called = {
      ...(target === undefined ? {} : { target: known(target) }),
      args: args.map(known),
    };
    const { cost, size } = callCost(name, called);
    const before = plus(called.target?.cost ?? 0, ...called.args.map((one) => one.cost));
    return size === undefined ? { cost: plus(before, cost) } : { cost: plus(before, cost), size };
  }

  private loop(macro: MacroForm, scope: Scope): Known {
    const receiver = macro.target;
    const range = this.estimate(receiver, scope);
    const size = this.sizeOf(receiver, range);
    const isMap = isKind(this.types.get(receiver), 'map');
    const element = isMap ? range.tree?.keys : range.tree?.items;
    const inner = new Map(scope);
    const [first, second] = macro.variables;
    if (first !== undefined) inner.set(first, second === undefined || isMap ? element : { max: 0 });
    if (second !== undefined) inner.set(second, isMap ? range.tree?.values : range.tree?.items);
    const bodies = macro.bodies.map((one) => this.estimate(one, inner));
    const { round, once } = LOOPS[macro.name] ?? { round: 1, once: 1 };
    const each = plus(round, ...bodies.map((one) => one.cost));
    const cost = plus(range.cost, once, times(size.max, each));
    if (macro.name === 'filter')
      return {
        cost,
        size: { min: 0, max: size.max },
        tree: { max: size.max, ...(element === undefined ? {} : { items: element }) },
      };
    const last = bodies.at(-1);
    const body = macro.bodies.at(-1);
    if ((macro.name !== 'map' && macro.name !== 'transformList') || last === undefined || body === undefined)
      return { cost };
    const items = last.tree ?? { max: this.sizeOf(body, last).max };
    return { cost, size: { min: 0, max: size.max }, tree: { max: size.max, items } };
  }
}

function literalSize(value: unknown): Size | undefined {
  if (typeof value === 'string') {
    const { length } = [...value];
    return { min: length, max: length };
  }
  if (value instanceof Uint8Array) return { min: value.length, max: value.length };
  return ONE;
}

/** The highest cost that the expression can have; `variables` are those that it is about. */
export function estimateCost(program: CelProgram, variables: Readonly<Record<string, SizeTree>>): number {
  const { root, types } = program.tree;
  const { cost } = new Coster(types).estimate(root, new Map(Object.entries(variables)));
  return Math.min(cost, MOST);
}
