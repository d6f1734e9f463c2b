// Runs the CEL rules (x-kubernetes-validations) of a schema over a custom resource.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
import {
  type Budget,
  BudgetExceeded,
  CelError,
  type CelProgram,
  CelSyntaxError,
  compileCel,
  fromJson,
  Optional,
  optionalOf,
} from '../../machinery/cel/index.ts';
import { type FieldError, type FieldErrorType, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { getOwn, goQuote } from '../../machinery/json.ts';
import { isJsonObject } from '../../machinery/object.ts';
import { celTypeOf } from './cel-type.ts';
import { oldItem, Ratchet } from './correlation.ts';
import type { CelRule, SchemaNode } from './node.ts';

/** What one object may use up in all its rules, and one rule by itself. */
const OBJECT_BUDGET = 10_000_000;
const RULE_BUDGET = 1_000_000;

export interface CompiledRule {
  readonly rule: CelRule;
  readonly program: CelProgram | undefined;
  readonly message: CelProgram | undefined;
  readonly usesOldSelf: boolean;
  /** What is wrong with the rule or its message expression; such definitions are refused. */
  readonly ruleProblem: string | undefined;
  readonly messageProblem: string | undefined;
}

function compile(source: string, node: SchemaNode, options: { root: boolean; optionalOld: boolean }): CelProgram {
  const self = celTypeOf(node, options.root);
  return compileCel(source, { self, oldSelf: options.optionalOld ? optionalOf(self) : self });
}

function problemOf(error: unknown): string {
  if (error instanceof CelSyntaxError) return error.message;
  throw error;
}

export function compileRule(rule: CelRule, node: SchemaNode, root: boolean): CompiledRule {
  const options = { root, optionalOld: rule.optionalOldSelf === true };
  let program: CelProgram | undefined;
  let message: CelProgram | undefined;
  let ruleProblem: string | undefined;
  let messageProblem: string | undefined;
  try {
    program = compile(rule.rule, node, options);
    if (program.type.kind !== 'simple' || program.type.name !== 'bool') {
      ruleProblem = 'cel expression must evaluate to a bool';
    } else if (program.failure !== undefined) ruleProblem = `program instantiation failed: ${program.failure}`;
  } catch (error) {
    ruleProblem = `compilation failed: ${problemOf(error)}`;
  }
  if ((rule.messageExpression ?? '') !== '') {
    try {
      message = compile(rule.messageExpression ?? '', node, options);
      if (message.type.kind !== 'simple' || message.type.name !== 'string') {
        messageProblem = 'messageExpression must evaluate to a string';
      } else if (message.failure !== undefined)
        messageProblem = `messageExpression instantiation failed: ${message.failure}`;
    } catch (error) {
      messageProblem = `messageExpression compilation failed: ${problemOf(error)}`;
    }
  }
  return { rule, program, message, usesOldSelf: program?.uses.has('oldSelf') === true, ruleProblem, messageProblem };
}

const compiled = new WeakMap<SchemaNode, readonly CompiledRule[]>();
const compiledRoots = new WeakMap<SchemaNode, readonly CompiledRule[]>();

function rulesOf(node: SchemaNode, root: boolean): readonly CompiledRule[] {
  const cache = root ? compiledRoots : compiled;
  const known = cache.get(node);
  if (known !== undefined) return known;
  const made = (node.rules?.cel ?? []).map((rule) => compileRule(rule, node, root));
  cache.set(node, made);
  return made;
}

const ruledNodes = new WeakMap<SchemaNode, boolean>();

/** Whether there is a rule anywhere below: parts without rules are not walked. */
export function hasRules(node: SchemaNode): boolean {
  const known = ruledNodes.get(node);
  if (known !== undefined) return known;
  ruledNodes.set(node, false);
  const found =
    (node.rules?.cel?.length ?? 0) > 0 ||
    (node.items !== undefined && hasRules(node.items)) ||
    (node.additionalProperties !== undefined && hasRules(node.additionalProperties)) ||
    [...(node.properties?.values() ?? [])].some((f) => hasRules(f.schema));
  ruledNodes.set(node, found);
  return found;
}

interface Place {
  readonly path: string;
  readonly old: unknown;
  readonly root: boolean;
  readonly ratchet: Ratchet;
}

function text(rule: CelRule): string {
  return ((rule.message ?? '') === '' ? rule.rule : (rule.message ?? '')).trim();
}

const REASONS: ReadonlySet<string> = new Set(['FieldValueForbidden', 'FieldValueRequired', 'FieldValueDuplicate']);

const STOPPED = 'no further validation rules will be run';
const MOST_OF_MESSAGE = 5120;

type Ran =
  | { readonly value: unknown }
  | { readonly failure: string }
  | { readonly over: 'call'; readonly message: string }
  | { readonly over: 'object' };

function wrong(node: SchemaNode, path: string, detail: string): FieldError {
  return fieldErrors.invalid(FieldPath.of(path === '' ? '<nil>' : path), node.type === 'any' ? '' : node.type, detail);
}

class RuleRun {
  readonly errors: FieldError[] = [];
  private stopped = false;
  constructor(private readonly budget: Budget) {}

  check(node: SchemaNode, value: unknown, place: Place): void {
    if (this.stopped || value === null || value === undefined || !hasRules(node)) return;
    if (this.budget.left <= 0 && rulesOf(node, place.root).length > 0) {
      this.stop(node, place.path, `validation failed due to running out of cost budget, ${STOPPED}`);
      return;
    }
    for (const rule of rulesOf(node, place.root)) if (!this.stopped) this.one(rule, node, { value, place });
    if (Array.isArray(value)) {
      const { items } = node;
      if (items === undefined) return;
      value.forEach((item: unknown, i) => {
        this.check(items, item, {
          path: `${place.path}[${i}]`,
          old: oldItem(node, item, place.old),
          root: false,
          ratchet: place.ratchet.item(i),
        });
      });
    } else if (isJsonObject(value)) {
      for (const key of Object.keys(value)) {
        const field = node.properties?.get(key)?.schema;
        const inner = field ?? node.additionalProperties;
        if (inner === undefined) continue;
        const old = isJsonObject(place.old) ? getOwn(place.old, key) : undefined;
        const name = place.path === '' ? key : `.${key}`;
        this.check(inner, value[key], {
          path: place.path + (field === undefined ? `[${key}]` : name),
          old,
          root: false,
          ratchet: place.ratchet.key(key),
        });
      }
    }
  }

  private fail(node: SchemaNode, path: string, detail: string): void {
    this.errors.push(wrong(node, path, detail));
  }

  private stop(node: SchemaNode, path: string, detail: string): void {
    this.stopped = true;
    this.fail(node, path, detail);
  }

  private one(compiledRule: CompiledRule, node: SchemaNode, at: { value: unknown; place: Place }): void {
    const { rule, program } = compiledRule;
    const { value, place } = at;
    if (compiledRule.ruleProblem !== undefined || program === undefined) {
      this.fail(node, place.path, `rule compile error: ${compiledRule.ruleProblem ?? ''}`);
      return;
    }
    const hasOld = place.old !== undefined && place.old !== null;
    if (compiledRule.usesOldSelf && !hasOld && rule.optionalOldSelf !== true) return;
    const oldSelf = rule.optionalOldSelf === true ? optionalOld(node, place) : place.old;
    const variables = { self: value, oldSelf };
    const ran = this.run(program, variables);
    if ('over' in ran) {
      const detail =
        ran.over === 'object'
          ? `validation failed due to running out of cost budget, ${STOPPED}`
          : `'${ran.message}': ${STOPPED} due to call cost exceeds limit for rule: ${text(rule)}`;
      this.stop(node, place.path, detail);
      return;
    }
    if ('failure' in ran) {
      this.runtimeError(node, place.path, { message: ran.failure, rule });
      return;
    }
    if (ran.value === true) return;
    this.broken(compiledRule, node, { ...at, variables });
  }

  private run(program: CelProgram, variables: Readonly<Record<string, unknown>>): Ran {
    const budget: Budget = { left: RULE_BUDGET };
    let ran: Ran;
    try {
      ran = { value: program.evaluate(variables, budget) };
    } catch (error) {
      if (error instanceof BudgetExceeded) ran = { over: 'call', message: error.message };
      else if (error instanceof CelError) ran = { failure: error.message };
      else throw error;
    }
    this.budget.left -= RULE_BUDGET - budget.left;
    return this.budget.left < 0 ? { over: 'object' } : ran;
  }

  private runtimeError(node: SchemaNode, path: string, what: { message: string; rule: CelRule }): void {
    if (what.message.startsWith('no such overload')) {
      this.fail(
        node,
        path,
        `'${what.message}': call arguments did not match a supported operator, function or macro signature for rule: ${text(what.rule)}`,
      );
    } else this.fail(node, path, `${what.message} evaluating rule: ${text(what.rule)}`);
  }

  private broken(
    compiledRule: CompiledRule,
    node: SchemaNode,
    at: { value: unknown; place: Place; variables: Readonly<Record<string, unknown>> },
  ): void {
    const { rule } = compiledRule;
    const path = joinFieldPath(at.place.path, normalFieldPath(rule.fieldPath ?? '', node));
    const message = this.message(compiledRule, at.variables);
    const isKept = !compiledRule.usesOldSelf && at.place.ratchet.isKeptAround();
    let error: FieldError;
    if (typeof message === 'object') {
      this.stopped = true;
      error = wrong(node, path, message.stop);
    } else {
      const detail = message ?? defaultMessage(rule);
      error = reasoned({ path, detail, reason: rule.reason }, node, at.value);
    }
    this.errors.push(isKept ? { ...error, isKept } : error);
  }

  /** Undefined where there is none that can be shown. */
  private message(
    { rule, message, messageProblem }: CompiledRule,
    variables: Readonly<Record<string, unknown>>,
  ): string | { readonly stop: string } | undefined {
    if (message === undefined || messageProblem !== undefined) return undefined;
    const ran = this.run(message, variables);
    if ('over' in ran) {
      const why = `${STOPPED} due to call cost exceeds limit for messageExpression: ${goQuote(rule.messageExpression ?? '')}`;
      return {
        stop:
          ran.over === 'call'
            ? why
            : `messageExpression evaluation failed due to running out of cost budget, ${STOPPED}`,
      };
    }
    const made = 'value' in ran ? ran.value : undefined;
    if (typeof made !== 'string') return undefined;
    const shown = made.trim();
    const isShown = shown !== '' && Buffer.byteLength(shown) <= MOST_OF_MESSAGE && !/[\n\r]/.test(shown);
    return isShown ? shown : undefined;
  }
}

function optionalOld(node: SchemaNode, place: Place): Optional {
  if (place.old === undefined || place.old === null) return Optional.none;
  return new Optional(fromJson(place.old, celTypeOf(node, place.root)));
}

function defaultMessage(rule: CelRule): string {
  return (rule.message ?? '') === '' ? `failed rule: ${rule.rule.trim()}` : (rule.message ?? '').trim();
}

/** Fields are told apart by dots however they were written, keys of maps stand in brackets. */
function normalFieldPath(fieldPath: string, root: SchemaNode): string {
  let out = '';
  let node: SchemaNode | undefined = root;
  for (const [, plain, quoted] of fieldPath.matchAll(/\.?([A-Za-z_]\w*)|\['((?:[^'\\]|\\.)*)'\]/g)) {
    const name = plain ?? (quoted ?? '').replace(/\\(.)/g, '$1');
    const field: SchemaNode | undefined = node?.properties?.get(name)?.schema;
    const isKey: boolean = field === undefined && node?.additionalProperties !== undefined;
    out += isKey ? `[${name}]` : `${out === '' ? '' : '.'}${name}`;
    node = field ?? node?.additionalProperties;
  }
  return out;
}

function joinFieldPath(path: string, fieldPath: string): string {
  if (fieldPath === '') return path;
  return path === '' ? fieldPath : `${path}.${fieldPath}`;
}

/** The value of objects and lists is not shown. */
function reasoned(
  what: { path: string; detail: string; reason: string | undefined },
  node: SchemaNode,
  value: unknown,
): FieldError {
  const at = FieldPath.of(what.path === '' ? '<nil>' : what.path);
  const type: FieldErrorType =
    what.reason !== undefined && REASONS.has(what.reason) ? (what.reason as FieldErrorType) : 'FieldValueInvalid';
  if (type === 'FieldValueForbidden') return fieldErrors.forbidden(at, what.detail);
  if (type === 'FieldValueRequired') return fieldErrors.required(at, what.detail);
  const hidden = node.type === 'object' || node.type === 'array';
  if (type === 'FieldValueDuplicate') {
    return hidden ? { type, field: at.toString(), body: 'Duplicate value' } : fieldErrors.duplicate(at, value);
  }
  if (hidden) return { type, field: at.toString(), body: `Invalid value: ${what.detail}` };
  return fieldErrors.invalid(at, value, what.detail);
}

/** The errors of all rules. With `old` (an update), transition rules run, and what was wrong before and has not changed is only warned of. */
export function validateRules(node: SchemaNode, value: unknown, old?: unknown): FieldError[] {
  const run = new RuleRun({ left: OBJECT_BUDGET });
  const ratchet = old === undefined ? Ratchet.off : Ratchet.of(node, value, old);
  run.check(node, value, { path: '', old, root: true, ratchet });
  return run.errors;
}
