// Takes values apart: fields of objects, entries of maps, items of lists.
import { CelError, fromJson, ObjectValue, Optional, Uint } from './values.ts';

export function refuse(): never {
  throw new CelError('no such overload');
}

export function itemsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return [...value.keys()];
  if (value instanceof ObjectValue) return Object.keys(value.json);
  return refuse();
}

export function field(value: unknown, name: string): unknown {
  if (value instanceof ObjectValue) {
    const known = value.type.fields.get(name);
    if (known === undefined || !Object.hasOwn(value.json, known.json)) throw new CelError(`no such key: ${name}`);
    return fromJson(value.json[known.json], known.type);
  }
  if (value instanceof Map) {
    if (value.has(name)) return value.get(name);
    throw new CelError(`no such key: ${name}`);
  }
  if (value instanceof Optional) return optionalField(value, name);
  return refuse();
}

export function hasField(value: unknown, name: string): boolean {
  if (value instanceof ObjectValue) {
    const known = value.type.fields.get(name);
    return known !== undefined && Object.hasOwn(value.json, known.json);
  }
  if (value instanceof Optional) return value.present && hasField(value.value, name);
  return value instanceof Map ? value.has(name) : refuse();
}

export function optionalField(value: unknown, name: string): Optional {
  const base = value instanceof Optional ? value.value : value;
  if (base === undefined || !hasField(base, name)) return Optional.none;
  return new Optional(field(base, name));
}

export function item(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    const i = typeof key === 'bigint' || typeof key === 'number' ? Number(key) : refuse();
    if (!Number.isInteger(i) || i < 0 || i >= value.length) throw new CelError(`index out of bounds: ${String(key)}`);
    return value[i];
  }
  if (value instanceof Map) {
    const wanted = key instanceof Uint ? key.value : key;
    if (value.has(wanted)) return value.get(wanted);
    throw new CelError(`no such key: ${String(wanted)}`);
  }
  return value instanceof ObjectValue && typeof key === 'string' ? field(value, key) : refuse();
}
