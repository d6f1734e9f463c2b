// Checks the values of a custom resource against its schema, in the words of Kubernetes' OpenAPI validator.

import { RE2JS } from 're2js';
import { jsonText } from '../../machinery/exact-json.ts';
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { deepEqual, getOwn } from '../../machinery/json.ts';
import { isJsonObject } from '../../machinery/object.ts';
import { Ratchet } from './correlation.ts';
import { hasFormat, isKnownFormat } from './formats.ts';
import type { SchemaNode, ValueRules } from './node.ts';

const NO_PATH = FieldPath.of('<nil>');

/** User patterns never meet a backtracking engine. */
const patterns = new Map<string, RE2JS | undefined>();

export function compilePattern(pattern: string): RE2JS | undefined {
  if (patterns.has(pattern)) return patterns.get(pattern);
  let compiled: RE2JS | undefined;
  try {
    compiled = RE2JS.compile(pattern);
  } catch {
    compiled = undefined;
  }
  if (patterns.size > 2000) patterns.clear();
  patterns.set(pattern, compiled);
  return compiled;
}

/** Larger numbers are no integers of Go. */
const isWhole = (value: number | bigint): boolean =>
  typeof value === 'bigint' || (Number.isInteger(value) && Math.abs(value) < 2 ** 63);

/** What OpenAPI calls the type of a value. */
export function openApiType(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  // A number beyond these came with a point or an exponent: Go has a float there, and takes none so large for an integer.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'integer' : 'number';
  if (typeof value === 'bigint') return 'integer';
  return typeof value;
}

/** Integers are held against whole bounds: what is behind the point does not count. */
function boundsFor(rules: ValueRules, value: number | bigint): ValueRules {
  if (!isWhole(value)) return rules;
  const { minimum, maximum, multipleOf } = rules;
  if ([minimum, maximum, multipleOf].every((bound) => bound === undefined || Number.isInteger(bound))) return rules;
  return {
    ...rules,
    ...(minimum === undefined ? {} : { minimum: Math.trunc(minimum) }),
    ...(maximum === undefined ? {} : { maximum: Math.trunc(maximum) }),
    ...(multipleOf === undefined ? {} : { multipleOf: Math.trunc(multipleOf) }),
  };
}

/** A format that Kubernetes knows for the type counts as the type, which shows in its words. */
function countedFormat({ type, format }: SchemaNode): string | undefined {
  if (format === undefined) return undefined;
  if (type === 'integer') return format === 'int32' || format === 'int64' ? format : undefined;
  if (type === 'number') return format === 'float' || format === 'double' ? format : undefined;
  return type === 'string' && isKnownFormat(format) ? format : undefined;
}

/** Go's names for the numbers that JSON brings. */
const FORMATS: Readonly<Record<string, string>> = { integer: 'int64', number: 'float64' };

function typeProblem(schema: SchemaNode, value: unknown): { wanted: string; actual: string } | undefined {
  const actual = openApiType(value);
  if (schema.type === 'any') {
    const free = schema.format !== 'int-or-string' || actual === 'integer' || actual === 'string';
    return free ? undefined : { wanted: 'integer,string', actual };
  }
  if (actual === schema.type || (schema.type === 'number' && actual === 'integer')) return undefined;
  const format = countedFormat(schema);
  if (format === undefined || value === null) return { wanted: schema.type, actual };
  // Lists pass for strings with a format.
  if (actual === 'array') return schema.type === 'string' ? undefined : { wanted: schema.type, actual };
  if (actual === 'string') return { wanted: schema.type, actual };
  return { wanted: format, actual: FORMATS[actual] ?? '' };
}

function isMultiple(value: number | bigint, factor: number): boolean {
  if (typeof value === 'bigint' && Number.isInteger(factor)) return value % BigInt(factor) === 0n;
  const ratio = Number(value) / factor;
  return Math.abs(ratio - Math.round(ratio)) <= 1e-9;
}

interface Place {
  readonly path: string;
  readonly ratchet: Ratchet;
}

const inBody = (path: string, problem: string): string => `${path} in body ${problem}`;

export class ValueValidator {
  readonly errors: FieldError[] = [];
  /** `within`: where in the object that stands which is checked; errors name it, their texts do not. */
  constructor(private readonly within = '') {}

  private at(path: string): FieldPath {
    if (this.within === '') return path === '' ? NO_PATH : FieldPath.of(path);
    if (path === '') return FieldPath.of(this.within);
    return FieldPath.of(path.startsWith('[') ? `${this.within}${path}` : `${this.within}.${path}`);
  }

  check(schema: SchemaNode, value: unknown, place: Place): void {
    if (place.ratchet.isKept()) return;
    this.type(schema, value, place.path);
    if (value === null) {
      if (schema.rules?.enum !== undefined) this.enum(schema.rules.enum, value, place.path);
      return;
    }
    if (schema.rules !== undefined) this.combined(schema.rules, value, place);
    if (typeof value === 'string') this.text(schema, value, place.path);
    if (typeof value === 'number' || typeof value === 'bigint') {
      this.range(schema, value, place.path);
      if (schema.rules !== undefined) this.number(boundsFor(schema.rules, value), value, place.path);
    }
    if (Array.isArray(value)) this.array(schema, value, place);
    if (schema.rules?.enum !== undefined) this.enum(schema.rules.enum, value, place.path);
    if (isJsonObject(value)) this.object(schema, value, place);
  }

  private type(schema: SchemaNode, value: unknown, path: string): void {
    if (value === null && schema.nullable === true) return;
    const wrong = typeProblem(schema, value);
    if (wrong === undefined) return;
    const text = inBody(path, `must be of type ${wrong.wanted}: ${JSON.stringify(wrong.actual)}`);
    this.errors.push(fieldErrors.typeInvalid(this.at(path), wrong.actual, text));
  }

  private invalid(path: string, value: unknown, problem: string): void {
    this.errors.push(fieldErrors.invalid(this.at(path), value, inBody(path, problem)));
  }

  private trial(schema: SchemaNode, value: unknown, place: Place): FieldError[] {
    const inner = new ValueValidator(this.within);
    inner.check(schema, value, { path: place.path, ratchet: Ratchet.off });
    return inner.errors;
  }

  /** The errors of the alternative that came closest are shown beside the summary. */
  private combined(rules: ValueRules, value: unknown, place: Place): void {
    const summary = (problem: string): void => {
      this.errors.push(fieldErrors.invalid(this.at(''), '', `${JSON.stringify(place.path)} ${problem}`));
    };
    if (rules.anyOf !== undefined) {
      const tries = rules.anyOf.map((s) => this.trial(s, value, place));
      if (!tries.some((t) => t.length === 0)) {
        summary('must validate at least one schema (anyOf)');
        this.errors.push(...(tries[0] ?? []));
      }
    }
    if (rules.oneOf !== undefined) {
      const tries = rules.oneOf.map((s) => this.trial(s, value, place));
      const valid = tries.filter((t) => t.length === 0).length;
      if (valid === 0) {
        summary('must validate one and only one schema (oneOf). Found none valid');
        this.errors.push(...(tries[0] ?? []));
      } else if (valid > 1) summary(`must validate one and only one schema (oneOf). Found ${valid} valid alternatives`);
    }
    if (rules.allOf !== undefined) {
      const tries = rules.allOf.map((s) => this.trial(s, value, place));
      this.errors.push(...tries.flat());
      const failed = tries.filter((t) => t.length > 0).length;
      if (failed > 0)
        summary(`must validate all the schemas (allOf)${failed === tries.length ? '. None validated' : ''}`);
    }
    if (rules.not !== undefined && this.trial(rules.not, value, place).length === 0)
      summary('must not validate the schema (not)');
  }

  private text(schema: SchemaNode, value: string, path: string): void {
    const { rules, format } = schema;
    const length = rules?.maxLength === undefined && rules?.minLength === undefined ? 0 : [...value].length;
    if (rules?.maxLength !== undefined && length > rules.maxLength)
      this.errors.push(fieldErrors.tooLong(this.at(path), rules.maxLength));
    if (rules?.minLength !== undefined && length < rules.minLength) {
      this.invalid(path, value, `should be at least ${rules.minLength} chars long`);
    }
    if (rules?.pattern !== undefined) {
      const pattern = compilePattern(rules.pattern);
      if (pattern === undefined || !pattern.matcher(value).find())
        this.invalid(path, value, `should match '${rules.pattern}'`);
    }
    if (format !== undefined && (schema.type === 'string' || schema.type === 'any') && !hasFormat(format, value)) {
      this.errors.push(
        fieldErrors.typeInvalid(
          this.at(path),
          value,
          inBody(path, `must be of type ${format}: ${JSON.stringify(value)}`),
        ),
      );
    }
  }

  /** Numbers that are no integers, or none of the format's. */
  private range(schema: SchemaNode, value: number | bigint, path: string): void {
    if (schema.type !== 'integer') return;
    const format = countedFormat(schema);
    if (isWhole(value) && (format !== 'int32' || (value >= -(2 ** 31) && value < 2 ** 31))) return;
    const known = format === undefined ? '(default format)' : `with format ${format}`;
    const problem = `Checked value must be of type integer ${known} in ${path}`;
    this.errors.push(fieldErrors.invalid(this.at(''), '', problem));
  }

  private number(rules: ValueRules, value: number | bigint, path: string): void {
    if (rules.multipleOf !== undefined) {
      if (rules.multipleOf <= 0) {
        const problem = `factor MultipleOf declared for ${path} must be positive: ${rules.multipleOf}`;
        this.errors.push(fieldErrors.invalid(this.at(path), rules.multipleOf, problem));
      } else if (!isMultiple(value, rules.multipleOf))
        this.invalid(path, value, `should be a multiple of ${rules.multipleOf}`);
    }
    if (rules.maximum !== undefined) {
      const bad = rules.exclusiveMaximum === true ? value >= rules.maximum : value > rules.maximum;
      if (bad)
        this.invalid(
          path,
          value,
          `should be less than ${rules.exclusiveMaximum === true ? '' : 'or equal to '}${rules.maximum}`,
        );
    }
    if (rules.minimum !== undefined) {
      const bad = rules.exclusiveMinimum === true ? value <= rules.minimum : value < rules.minimum;
      if (bad)
        this.invalid(
          path,
          value,
          `should be greater than ${rules.exclusiveMinimum === true ? '' : 'or equal to '}${rules.minimum}`,
        );
    }
  }

  private enum(values: readonly unknown[], value: unknown, path: string): void {
    // What is behind the point of a number does not count beside whole ones.
    const near = (one: unknown): boolean =>
      typeof value === 'number' && typeof one === 'number' && Number.isInteger(one) && Math.trunc(value) === one;
    if (values.some((v) => deepEqual(v, value) || near(v))) return;
    const shown = values.map((v) => (typeof v === 'string' ? v : jsonText(v)));
    this.errors.push(fieldErrors.notSupported(this.at(path), value, shown));
  }

  private array(schema: SchemaNode, value: readonly unknown[], place: Place): void {
    const { items, rules } = schema;
    if (items !== undefined) {
      value.forEach((item, i) => {
        this.check(items, item, {
          path: `${place.path}[${i}]`,
          ratchet: place.ratchet.item(i),
        });
      });
    }
    if (rules?.minItems !== undefined && value.length < rules.minItems) {
      this.invalid(place.path, value.length, `should have at least ${rules.minItems} items`);
    }
    if (rules?.maxItems !== undefined && value.length > rules.maxItems) {
      this.errors.push(fieldErrors.tooMany(this.at(place.path), value.length, rules.maxItems));
    }
  }

  private object(schema: SchemaNode, value: Readonly<Record<string, unknown>>, place: Place): void {
    const { rules } = schema;
    const keys = Object.keys(value);
    if (rules?.minProperties !== undefined && keys.length < rules.minProperties) {
      this.invalid(place.path, keys.length, `should have at least ${rules.minProperties} properties`);
    }
    if (rules?.maxProperties !== undefined && keys.length > rules.maxProperties) {
      this.errors.push(fieldErrors.tooMany(this.at(place.path), keys.length, rules.maxProperties));
    }
    const child = (name: string): string => (place.path === '' ? name : `${place.path}.${name}`);
    for (const name of rules?.required ?? []) {
      if (!Object.hasOwn(value, name)) this.errors.push(fieldErrors.required(this.at(child(name))));
    }
    for (const key of keys) {
      const inner = schema.properties?.get(key)?.schema ?? schema.additionalProperties;
      if (inner === undefined) continue;
      this.check(inner, value[key], { path: child(key), ratchet: place.ratchet.key(key) });
    }
  }
}

/** The same words are said once, whoever says them. */
function toldOnce(errors: readonly FieldError[]): FieldError[] {
  if (errors.length < 2) return [...errors];
  return [...new Map(errors.map((error) => [`${error.type} ${error.field} ${error.body}`, error])).values()];
}

/** Checks an object (or, at a path, a part of one). */
export function validateValues(schema: SchemaNode, value: unknown, options: { path?: string } = {}): FieldError[] {
  const validator = new ValueValidator();
  validator.check(schema, value, { path: options.path ?? '', ratchet: Ratchet.off });
  return toldOnce(validator.errors);
}

/** The same against what is being replaced: unchanged values that were wrong before are let through. */
export function validateChangedValues(
  schema: SchemaNode,
  change: { readonly value: unknown; readonly old: unknown },
  within = '',
): FieldError[] {
  const validator = new ValueValidator(within);
  validator.check(schema, change.value, { path: '', ratchet: Ratchet.of(schema, change.value, change.old) });
  return toldOnce(validator.errors);
}

/** Lists of type set and map must not hold an item twice. */
export function validateListKeys(schema: SchemaNode, value: unknown, path = ''): FieldError[] {
  const errors: FieldError[] = [];
  if (Array.isArray(value)) {
    const seen: unknown[] = [];
    const odd = schema.listType === 'map' ? value.findIndex((item) => item !== null && !isJsonObject(item)) : -1;
    if (odd >= 0) {
      const problem = 'must be an object for an array of list-type map';
      errors.push(fieldErrors.invalid(FieldPath.of(`${path}[${odd}]`), value[odd], problem));
    }
    value.forEach((item: unknown, i) => {
      const at = `${path}[${i}]`;
      const key = odd >= 0 ? undefined : keyOf(schema, item);
      if (key !== undefined) {
        if (seen.some((s) => deepEqual(s, key))) errors.push(fieldErrors.duplicate(FieldPath.of(at), key));
        else seen.push(key);
      }
      if (schema.items !== undefined) errors.push(...validateListKeys(schema.items, item, at));
    });
  } else if (isJsonObject(value)) {
    for (const key of Object.keys(value)) {
      const inner = schema.properties?.get(key)?.schema ?? schema.additionalProperties;
      if (inner !== undefined)
        errors.push(...validateListKeys(inner, value[key], path === '' ? key : `${path}.${key}`));
    }
  }
  return errors;
}

function keyOf(schema: SchemaNode, item: unknown): unknown {
  if (schema.listType === 'set') return item;
  if (schema.listType !== 'map' || !isJsonObject(item)) return undefined;
  const key: Record<string, unknown> = {};
  for (const name of [...(schema.listMapKeys ?? [])].sort()) {
    const value = getOwn(item, name) ?? schema.items?.properties?.get(name)?.schema.default;
    if (value !== undefined) key[name] = value;
  }
  return key;
}
