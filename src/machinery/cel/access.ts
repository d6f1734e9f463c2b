// Takes values apart: fields of objects, entries of maps, items of lists.
import { KEYWORDS } from './type-names.ts';
import { type CelField, STRING, type StructType } from './types.ts';
import { CelError, fromJson, ObjectValue, Optional, StructValue, typeNameOf, Uint } from './values.ts';

export function refuse(): never {
  throw new CelError('no such overload');
}

export function itemsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return [...value.keys()];
  if (value instanceof ObjectValue) return Object.keys(value.json);
  throw new CelError(`got 'types.${GO_NAMES[typeNameOf(value)] ?? typeNameOf(value)}', expected iterable type`);
}

/** What Go calls the values of simple types. */
const GO_NAMES: Readonly<Record<string, string>> = {
  int: 'Int',
  uint: 'Uint',
  double: 'Double',
  bool: 'Bool',
  string: 'String',
  bytes: 'Bytes',
  null_type: 'Null',
};

/** Words of the language may be written as they are where only a field can stand. */
export function fieldNamed({ fields, others }: StructType, name: string): CelField | undefined {
  const known = fields.get(name) ?? (KEYWORDS.has(name) ? fields.get(`__${name}__`) : undefined);
  return known ?? (others === undefined ? undefined : { json: name, type: others });
}

/** A field that is null is not there. */
const isThere = (value: ObjectValue, known: CelField | undefined): known is CelField =>
  known !== undefined && Object.hasOwn(value.json, known.json) && value.json[known.json] !== null;

export function field(value: unknown, name: string): unknown {
  if (value instanceof ObjectValue) {
    const known = fieldNamed(value.type, name);
    if (!isThere(value, known)) throw new CelError(`no such key: ${name}`);
    return fromJson(value.json[known.json], known.type);
  }
  if (value instanceof Map) {
    if (value.has(name)) return value.get(name);
    if (value instanceof StructValue && value.type.fields.get(name)?.type === STRING) return '';
    throw new CelError(`no such key: ${name}`);
  }
  if (value instanceof Optional) return optionalField(value, name);
  if (Array.isArray(value)) return refuse();
  throw new CelError(`no such key: ${name}`);
}

export function hasField(value: unknown, name: string): boolean {
  if (value instanceof ObjectValue) {
    return isThere(value, fieldNamed(value.type, name));
  }
  if (value instanceof Optional) return value.present && hasField(value.value, name);
  return value instanceof Map ? value.has(name) : refuse();
}

export function optionalField(value: unknown, name: string): Optional {
  const base = value instanceof Optional ? value.value : value;
  if (base === undefined || !hasField(base, name)) return Optional.none;
  return new Optional(field(base, name));
}

function indexOf(key: unknown): bigint {
  if (typeof key === 'bigint') return key;
  if (key instanceof Uint) return key.value;
  if (typeof key !== 'number') throw new CelError(`unsupported index type '${typeNameOf(key)}' in list`);
  if (!Number.isInteger(key)) throw new CelError(`unsupported index value ${key} in list`);
  return BigInt(key);
}

export function item(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    const i = indexOf(key);
    if (i < 0n || i >= value.length) throw new CelError(`index out of bounds: ${i}`);
    return value[Number(i)];
  }
  if (value instanceof Map) {
    const wanted = key instanceof Uint ? key.value : key;
    if (value.has(wanted)) return value.get(wanted);
    throw new CelError(`no such key: ${String(wanted)}`);
  }
  return value instanceof ObjectValue && typeof key === 'string' ? field(value, key) : refuse();
}
