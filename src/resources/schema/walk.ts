// Takes a JSON value through a built-in type as Go's decoder and encoder would: checks types, drops what is not known or empty,
// makes quantities and times canonical, adds what is always sent. Sharing: what needs no change is given back as it is.

import { exactInteger, NumberText } from '../../machinery/exact-json.ts';
import { setOwn } from '../../machinery/json.ts';
import { isJsonObject } from '../../machinery/object.ts';
import { canonicalQuantity, QuantityError } from '../../machinery/quantity.ts';
import { canonicalMicroTime, canonicalTime, goDurationNanos, goDurationText } from '../../machinery/time.ts';
import { base64Fault, DecodeError, durationError, goKind, timeError, typeMismatch } from './go-errors.ts';
import { Entries, plain } from './json-text.ts';
import type { FieldNode, SchemaNode } from './node.ts';
import { alwaysSent, isObjectMeta, zeroOf, zeroOfField } from './zero.ts';

/** A step of the path: a field's name, an index, or the key of a map. */
type Step = FieldNode | number | { readonly key: string };

interface Plan {
  readonly fields: ReadonlyMap<string, FieldNode>;
  readonly always: readonly FieldNode[];
}

const plans = new WeakMap<SchemaNode, Plan>();

function planOf(node: SchemaNode, fields: ReadonlyMap<string, FieldNode>): Plan {
  const known = plans.get(node);
  if (known !== undefined) return known;
  const made: Plan = { fields, always: [...fields.values()].filter(alwaysSent) };
  plans.set(node, made);
  return made;
}

export class Walk {
  /** Unknown and duplicate fields, in the order of the document, depth first. */
  readonly strict: string[] = [];
  /** The first value of a wrong type; Go goes on and reports it at the end. */
  mismatch: string | undefined;
  private readonly seen = new Set<string>();
  private readonly path: Step[] = [];
  private struct = '';
  private quiet = false;

  /** undefined stands for null. */
  value(node: SchemaNode, value: unknown): unknown {
    if (value === null || value === undefined) return undefined;
    if (node.format !== undefined) {
      const handled = this.formatted(node, value);
      if (handled !== NOT_HANDLED) return handled;
    }
    if (node.properties !== undefined) return this.object(node, node.properties, value);
    switch (node.type) {
      case 'string':
        return typeof value === 'string' ? value : this.wrong(node, value);
      case 'boolean':
        return typeof value === 'boolean' ? value : this.wrong(node, value);
      case 'integer':
        return this.integer(node, value);
      case 'number':
        if (value instanceof NumberText) return Number(value.text);
        if (typeof value === 'bigint') return Number(value);
        return typeof value === 'number' ? value : this.wrong(node, value);
      case 'array':
        return this.array(node, value);
      case 'object':
        return this.map(node, value);
      default:
        return plain(value);
    }
  }

  private kindOf(value: unknown): string {
    return value instanceof NumberText ? 'number' : goKind(value);
  }

  private problem(value: string, goType: string): string {
    const fields: string[] = [];
    for (const step of this.path)
      if (typeof step === 'object' && 'name' in step) fields.push((step.embedded ?? '') + step.name);
    return typeMismatch(value, { struct: this.struct, field: fields.join('.') }, goType);
  }

  private wrong(node: SchemaNode, value: unknown, kind = this.kindOf(value)): undefined {
    this.mismatch ??= this.problem(kind, node.goType ?? node.type);
    return undefined;
  }

  private report(what: 'unknown' | 'duplicate', name: string): void {
    if (this.quiet) return;
    let at = '';
    for (const step of this.path) {
      if (typeof step === 'number') at += `[${step}]`;
      else {
        const text = 'name' in step ? step.name : step.key;
        at += at === '' ? text : `.${text}`;
      }
    }
    const text = `${what} field ${JSON.stringify(at === '' ? name : `${at}.${name}`)}`;
    if (this.seen.has(text)) return;
    this.seen.add(text);
    this.strict.push(text);
  }

  /** A bigint where a number is not exact. */
  private integer(node: SchemaNode, value: unknown): unknown {
    if (typeof value === 'bigint') return this.integer(node, new NumberText(String(value)));
    if (value instanceof NumberText) {
      const whole = /^-?\d+$/.test(value.text);
      const { min, max } = node.format === 'uint8' ? BYTE_RANGE : node.format === 'int32' ? INT32_RANGE : INT64_RANGE;
      if (!whole || BigInt(value.text) > max || BigInt(value.text) < min) {
        return this.wrong(node, value, `number ${value.text}`);
      }
      return exactInteger(value.text);
    }
    if (typeof value !== 'number') return this.wrong(node, value);
    const fits =
      Number.isInteger(value) &&
      (node.format !== 'int32' || (value <= 2147483647 && value >= -2147483648)) &&
      (node.format !== 'uint8' || (value >= 0 && value <= 255));
    return fits ? value : this.wrong(node, value, `number ${value}`);
  }

  private formatted(node: SchemaNode, value: unknown): unknown {
    switch (node.format) {
      case 'date-time':
        return this.time(value, 'second');
      case 'micro-time':
        return this.time(value, 'micro');
      case 'quantity':
        return this.quantity(value);
      case 'int-or-string':
        return this.intOrString(value);
      case 'duration':
        return this.duration(value);
      case 'byte':
        return this.bytes(node, value);
      case 'raw':
        return plain(value);
      case 'schema-or-bool':
      case 'schema-or-array':
      case 'schema-or-strings':
        return this.schemaUnion(node, value);
      default:
        return NOT_HANDLED;
    }
  }

  private time(value: unknown, precision: 'second' | 'micro'): string {
    if (typeof value !== 'string') throw new DecodeError(this.problem(this.kindOf(value), 'string'));
    const text = precision === 'micro' ? canonicalMicroTime(value) : canonicalTime(value);
    if (text === undefined) throw new DecodeError(timeError(value, precision));
    return text;
  }

  private quantity(value: unknown): string {
    const text = value instanceof NumberText ? value.text : typeof value === 'bigint' ? String(value) : value;
    try {
      return canonicalQuantity(typeof text === 'string' || typeof text === 'number' ? text : '{');
    } catch (error) {
      if (error instanceof QuantityError) throw new DecodeError(error.message);
      throw error;
    }
  }

  private intOrString(value: unknown): unknown {
    if (typeof value === 'string') return value;
    if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= 2147483647) return value;
    const number = value instanceof NumberText ? value.text : value;
    const numeric = typeof value === 'number' || typeof value === 'bigint' || value instanceof NumberText;
    throw new DecodeError(this.problem(numeric ? `number ${String(number)}` : this.kindOf(value), 'int32'));
  }

  private duration(value: unknown): string {
    if (typeof value !== 'string') throw new DecodeError(this.problem(this.kindOf(value), 'string'));
    const nanos = goDurationNanos(value);
    if (nanos === undefined) throw new DecodeError(durationError(value));
    return goDurationText(nanos);
  }

  private bytes(node: SchemaNode, value: unknown): unknown {
    if (Array.isArray(value)) return this.byteList(value);
    if (typeof value !== 'string') return this.wrong(node, value);
    const fault = base64Fault(value);
    if (fault >= 0) {
      this.mismatch ??= `illegal base64 data at input byte ${fault}`;
      return undefined;
    }
    return value.endsWith('=') || value.includes('\n') || value.includes('\r')
      ? Buffer.from(value, 'base64').toString('base64')
      : value;
  }

  /** Go takes a list of numbers for bytes as well. */
  private byteList(value: readonly unknown[]): string {
    const bytes = value.map((item) => this.value(BYTE, item) ?? 0);
    return Buffer.from(bytes as number[]).toString('base64');
  }

  private schemaUnion(node: SchemaNode, value: unknown): unknown {
    const schema = node.items;
    if (schema === undefined) return plain(value);
    const before = this.quiet;
    // Go reads these by hand and does not look for unknown fields in them.
    this.quiet = true;
    try {
      if (Array.isArray(value)) {
        if (node.format === 'schema-or-strings') return value.map((v) => this.value(STRING, v) ?? '');
        if (node.format === 'schema-or-array') return value.map((v) => this.value(schema, v) ?? {});
      } else if (typeof value === 'object' && !(value instanceof NumberText)) return this.value(schema, value);
    } finally {
      this.quiet = before;
    }
    if (node.format !== 'schema-or-bool') return undefined;
    if (typeof value === 'boolean') return value;
    throw new DecodeError('boolean or JSON schema expected');
  }

  private object(node: SchemaNode, fields: ReadonlyMap<string, FieldNode>, value: unknown): unknown {
    if (!isJsonObject(value) || value instanceof NumberText) return this.wrong(node, value);
    const plan = planOf(node, fields);
    const outer = this.struct;
    this.struct = node.goName ?? '';
    const out =
      value instanceof Entries
        ? this.carefulFields(plan, value)
        : this.quickFields(plan, value as Readonly<Record<string, unknown>>);
    this.struct = outer;
    if (this.path.length > 1 && isObjectMeta(node)) return neverCreated(out as Readonly<Record<string, unknown>>);
    return out;
  }

  private quickFields(plan: Plan, value: Readonly<Record<string, unknown>>): unknown {
    let out: Record<string, unknown> | undefined;
    const keys = Object.keys(value);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] ?? '';
      const field = plan.fields.get(key);
      const before = value[key];
      const after = field === undefined ? this.unknown(key) : this.field(field, before);
      if (after !== before && out === undefined) {
        out = {};
        for (let j = 0; j < i; j++) out[keys[j] ?? ''] = value[keys[j] ?? ''];
      }
      if (out !== undefined && after !== undefined) out[key] = after;
    }
    for (const field of plan.always) {
      if (Object.hasOwn(out ?? value, field.name)) continue;
      out ??= { ...value };
      out[field.name] = this.zero(field);
    }
    return out ?? value;
  }

  /** The object's own metadata, unlike that of templates in it, leaves out the time until there is one. */
  private zero(field: FieldNode): unknown {
    return this.path.length === 0 && isObjectMeta(field.schema) ? {} : zeroOfField(field);
  }

  private unknown(key: string): undefined {
    this.report('unknown', key);
    return undefined;
  }

  private carefulFields(plan: Plan, value: Entries): unknown {
    const out: Record<string, unknown> = {};
    const seen = new Set<string>();
    for (const [key, item] of value.list) {
      const field = plan.fields.get(key);
      if (field === undefined) {
        this.report('unknown', key);
        continue;
      }
      if (seen.has(key)) this.report('duplicate', key);
      seen.add(key);
      const after = this.field(field, item);
      if (after === undefined) delete out[key];
      else out[key] = after;
    }
    for (const field of plan.always) if (!Object.hasOwn(out, field.name)) out[field.name] = this.zero(field);
    return out;
  }

  /** The value of a field as it is sent; undefined when it is left out. */
  private field(field: FieldNode, value: unknown): unknown {
    if (value === null || value === undefined) return undefined;
    this.path.push(field);
    const after = this.value(field.schema, value);
    this.path.pop();
    if (after === undefined || field.pointer) return after;
    if (typeof after === 'object' && after !== null) {
      if (field.schema.properties !== undefined || field.schema.format !== undefined) return after;
      // An empty list that is always sent is someone's until it is stored: see settleEmptyLists.
      return field.omitEmpty && isEmpty(after) ? undefined : after;
    }
    // An IntOrString is a struct to Go: never empty.
    if (!field.omitEmpty || field.schema.format === 'int-or-string') return after;
    return after === '' || after === 0 || after === false ? undefined : after;
  }

  private array(node: SchemaNode, value: unknown): unknown {
    if (!Array.isArray(value)) return this.wrong(node, value);
    const items = node.items;
    if (items === undefined) return plain(value);
    let out: unknown[] | undefined;
    for (let i = 0; i < value.length; i++) {
      this.path.push(i);
      const before: unknown = value[i];
      const after = this.value(items, before) ?? zeroOf(items);
      this.path.pop();
      if (after !== before && out === undefined) out = value.slice(0, i) as unknown[];
      if (out !== undefined) out.push(after);
    }
    return out ?? value;
  }

  private map(node: SchemaNode, value: unknown): unknown {
    if (!isJsonObject(value) || value instanceof NumberText) return this.wrong(node, value);
    const values = node.additionalProperties;
    if (values === undefined) return plain(value);
    if (value instanceof Entries) return this.carefulMap(values, value);
    const source = value as Readonly<Record<string, unknown>>;
    let out: Record<string, unknown> | undefined;
    const keys = Object.keys(source);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] ?? '';
      const before = source[key];
      let after: unknown = before;
      if (typeof before !== 'string' || values.type !== 'string' || values.format !== undefined) {
        this.path.push({ key });
        after = this.value(values, before) ?? zeroInMap(values);
        this.path.pop();
      }
      if (after !== before && out === undefined) {
        out = {};
        for (let j = 0; j < i; j++) setOwn(out, keys[j] ?? '', source[keys[j] ?? '']);
      }
      if (out !== undefined) setOwn(out, key, after);
    }
    return out ?? value;
  }

  private carefulMap(values: SchemaNode, value: Entries): unknown {
    const out: Record<string, unknown> = {};
    const seen = new Set<string>();
    for (const [key, item] of value.list) {
      if (seen.has(key)) this.report('duplicate', key);
      seen.add(key);
      this.path.push({ key });
      setOwn(out, key, this.value(values, item) ?? zeroInMap(values));
      this.path.pop();
    }
    return out;
  }

  /** Values without a schema (custom resources): only doubles can be told. */
  free(value: unknown): unknown {
    if (Array.isArray(value)) {
      return value.map((item, i) => {
        this.path.push(i);
        const after = this.free(item);
        this.path.pop();
        return after;
      });
    }
    if (!(value instanceof Entries)) return plain(value);
    const out: Record<string, unknown> = {};
    const seen = new Set<string>();
    for (const [key, item] of value.list) {
      if (seen.has(key)) this.report('duplicate', key);
      seen.add(key);
      this.path.push({ key });
      setOwn(out, key, this.free(item));
      this.path.pop();
    }
    return out;
  }
}

/** Templates have metadata that says so; what items of lists have is their own. */
function neverCreated(metadata: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return metadata.creationTimestamp === undefined ? { ...metadata, creationTimestamp: null } : metadata;
}

/** Bytes that are null come back from the store as none. */
function zeroInMap(values: SchemaNode): unknown {
  return values.format === 'byte' ? '' : zeroOf(values);
}

const NOT_HANDLED = Symbol('not handled');
const BYTE_RANGE = { min: 0n, max: 255n };
const INT32_RANGE = { min: -2147483648n, max: 2147483647n };
const INT64_RANGE = { min: -9223372036854775808n, max: 9223372036854775807n };
const BYTE: SchemaNode = { type: 'integer', format: 'uint8', goType: 'uint8' };
const STRING: SchemaNode = { type: 'string', goType: 'string' };

function isEmpty(value: object): boolean {
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value) return false;
  return true;
}
