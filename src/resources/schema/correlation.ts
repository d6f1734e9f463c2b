// A part of a custom resource beside the same part as it was: what was wrong before and has not changed is let through.
// Source: KEP-4008, CRD validation ratcheting
import { deepEqual, getOwn } from '../../machinery/json.ts';
import { isJsonObject } from '../../machinery/object.ts';
import type { SchemaNode } from './node.ts';

/** The item of the old list that a new one answers to: by key in maps; elsewhere items cannot be told apart. */
export function oldItem(schema: SchemaNode, item: unknown, old: unknown): unknown {
  const keys = schema.listMapKeys;
  if (!Array.isArray(old) || schema.listType !== 'map' || keys === undefined || !isJsonObject(item)) return undefined;
  return old.find((o) => isJsonObject(o) && keys.every((k) => deepEqual(getOwn(o, k), getOwn(item, k))));
}

export class Correlation {
  private kept: boolean | undefined;

  constructor(
    private readonly schema: SchemaNode,
    private readonly value: unknown,
    private readonly old: unknown,
  ) {}

  /** Undefined where there is nothing to compare with, or nothing is declared. */
  key(name: string): Correlation | undefined {
    const { value, old, schema } = this;
    if (!isJsonObject(value) || !isJsonObject(old) || !Object.hasOwn(value, name) || !Object.hasOwn(old, name))
      return undefined;
    const inner = schema.properties?.get(name)?.schema ?? schema.additionalProperties;
    return inner === undefined ? undefined : new Correlation(inner, value[name], old[name]);
  }

  item(index: number): Correlation | undefined {
    if (!Array.isArray(this.value) || this.schema.items === undefined) return undefined;
    const item: unknown = this.value[index];
    const old = oldItem(this.schema, item, this.old);
    return old === undefined ? undefined : new Correlation(this.schema.items, item, old);
  }

  /** Whether it is what it was. Lists with keys may have another order; objects with fields that nobody declared count as changed. */
  isKept(): boolean {
    this.kept ??= this.compare();
    return this.kept;
  }

  private compare(): boolean {
    const { value, old, schema } = this;
    if (Array.isArray(value) && Array.isArray(old)) {
      if (value.length !== old.length) return false;
      if (schema.listType !== 'map') return deepEqual(value, old);
      return value.every((_, i) => this.item(i)?.isKept() === true);
    }
    if (isJsonObject(value) && isJsonObject(old)) {
      const names = Object.keys(value);
      return names.length === Object.keys(old).length && names.every((name) => this.key(name)?.isKept() === true);
    }
    return deepEqual(value, old);
  }
}

/** Where a walk through an object is: its own correlation, or else that of the nearest part around it that has one. */
export class Ratchet {
  private constructor(
    private readonly current: Correlation | undefined,
    private readonly around: Correlation | undefined,
  ) {}

  /** Nothing is let through. */
  static readonly off = new Ratchet(undefined, undefined);

  static of(schema: SchemaNode, value: unknown, old: unknown): Ratchet {
    return new Ratchet(new Correlation(schema, value, old), undefined);
  }

  key(name: string): Ratchet {
    if (this.current === undefined) return this;
    // At the root both are of the same type by now: that says nothing of what they were.
    if (this.around === undefined && (name === 'apiVersion' || name === 'kind')) return Ratchet.off;
    return new Ratchet(this.current.key(name), this.current);
  }

  item(index: number): Ratchet {
    return this.current === undefined ? this : new Ratchet(this.current.item(index), this.current);
  }

  /** Values are only let through where they themselves can be compared. */
  isKept(): boolean {
    return this.current?.isKept() === true;
  }

  /** Rules also where what is around them can be. */
  isKeptAround(): boolean {
    return (this.current ?? this.around)?.isKept() === true;
  }
}
