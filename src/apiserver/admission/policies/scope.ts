// What the expressions of one policy see: the request, the parameters, and the policy's own variables, worked out when asked for.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-expression

import { type Budget, BudgetExceeded, DYN, fromJson } from '../../../machinery/cel/index.ts';
import { CelError, Duration, Optional, Timestamp, Uint } from '../../../machinery/cel/values.ts';
import { exactBigint } from '../../../machinery/exact-json.ts';
import { setOwn } from '../../../machinery/json.ts';
import type { JsonObject } from '../../../machinery/object.ts';
import { Quantity } from '../../../machinery/quantity.ts';
import type { Variable } from '../../../resources/generated/admissionregistration-v1.ts';
import { OUT_OF_BUDGET, Programs } from '../dynamic/programs.ts';

/** What the expressions of one policy may cost together, and each of them alone. */
const BUDGET = 10_000_000;
const EACH = 1_000_000;

/** All of what they may cost together is used up. */
export class OutOfBudget extends Error {
  constructor() {
    super(OUT_OF_BUDGET);
  }
}

/** What is taken as it is, whatever is declared of it. */
const ANY: ReadonlySet<string> = new Set(['object', 'oldObject', 'params', 'namespaceObject']);

/** Types were checked when the policy was written: here, variables of all policies share what is compiled. */
const programs = new Programs({ params: DYN, variables: 'any', patches: true });

/** `variables`: each is evaluated once, when an expression first asks for it. */
class LazyVariables extends Map<string, unknown> {
  private readonly running = new Set<string>();

  constructor(
    private readonly declared: ReadonlyMap<string, string>,
    private readonly evaluate: (expression: string) => unknown,
  ) {
    super();
  }

  override has(name: string): boolean {
    return this.declared.has(name);
  }

  override get(name: string): unknown {
    if (super.has(name)) return super.get(name);
    const expression = this.declared.get(name);
    if (expression === undefined || this.running.has(name)) throw new CelError(`undefined field '${name}'`);
    this.running.add(name);
    try {
      const value = this.evaluate(expression);
      this.set(name, value);
      return value;
    } catch (error) {
      if (error instanceof CelError || error instanceof BudgetExceeded)
        throw new CelError(`composited variable "${name}" fails to evaluate: ${error.message}`);
      throw error;
    } finally {
      this.running.delete(name);
    }
  }
}

export interface ScopeValues {
  /** The AdmissionRequest document: holds object and oldObject. */
  readonly document: JsonObject;
  readonly params: JsonObject | null;
  readonly namespaceObject: JsonObject | null;
  /** `authorizer` and what belongs to it. */
  readonly authorizer: Readonly<Record<string, unknown>>;
}

/** The scope of one policy, for one binding and one set of parameters; all its expressions share a budget. */
export class Scope {
  private left = BUDGET;
  private readonly values: Readonly<Record<string, unknown>>;
  /** The same as CEL values: made once, when an expression first uses them. */
  private readonly converted = new Map<string, unknown>();

  constructor(given: ScopeValues, variables: readonly Variable[]) {
    const declared = new Map(variables.map((variable) => [variable.name, variable.expression]));
    this.values = {
      object: given.document.object,
      oldObject: given.document.oldObject,
      request: given.document,
      params: given.params,
      namespaceObject: given.namespaceObject,
      ...given.authorizer,
      variables: new LazyVariables(declared, (expression) => this.evaluate(expression)),
    };
  }

  /** Throws what compiling or running the expression throws. */
  evaluate(expression: string): unknown {
    const program = programs.of(expression);
    const used = Object.fromEntries([...program.uses].map((name) => [name, this.native(name)]));
    const budget: Budget = { left: EACH };
    try {
      return program.evaluate(used, budget);
    } finally {
      this.spend(EACH - budget.left);
    }
  }

  private spend(cost: number): void {
    this.left -= cost;
    if (this.left < 0) throw new OutOfBudget();
  }

  private native(name: string): unknown {
    const known = this.converted.get(name);
    if (known !== undefined) return known;
    const given = this.values[name];
    if (!ANY.has(name)) return given;
    const value = fromJson(given, DYN);
    this.converted.set(name, value);
    return value;
  }
}

/** A CEL value as JSON. */
export function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return exactBigint(value);
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Map) {
    const object: JsonObject = {};
    for (const [key, item] of value) {
      if (item instanceof Optional && !item.present) continue;
      setOwn(object, String(key), toJson(item));
    }
    return object;
  }
  if (value instanceof Optional) return toJson(value.value ?? null);
  if (value instanceof Uint) return Number(value.value);
  if (value instanceof Timestamp || value instanceof Duration || value instanceof Quantity) return value.toString();
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}
