// Who owns what after an object changed from one state to another.
import type { JsonObject } from '../../machinery/object.ts';
import type { SchemaNode } from '../../resources/schema/index.ts';
import { plainError } from '../patch/index.ts';
import { type Comparison, compare } from './compare.ts';
import type { ManagedMap } from './entries.ts';
import { reconcile } from './extract.ts';
import {
  difference,
  EMPTY,
  type FieldSet,
  intersection,
  isEmpty,
  recursiveDifference,
  setOfPaths,
  union,
} from './field-set.ts';
import { planOf } from './plan.ts';
import { typingErrors } from './validate.ts';

/** The other versions of a kind: entries of managedFields are kept in the version in which they were written. */
export interface Versions {
  /** Undefined when the version is not (any longer) known. */
  schemaOf(apiVersion: string): SchemaNode | undefined;
  convert(object: JsonObject, apiVersion: string): JsonObject;
}

/** The version of a request, and the way to others. */
export interface Frame {
  readonly schema: SchemaNode;
  readonly apiVersion: string;
  /** Dotted paths that a write here cannot own. */
  readonly resetFields?: readonly string[] | undefined;
  readonly versions?: Versions | undefined;
}

export function schemaAt(frame: Frame, apiVersion: string): SchemaNode | undefined {
  return apiVersion === frame.apiVersion ? frame.schema : frame.versions?.schemaOf(apiVersion);
}

/** The object in another version. Throws when it has fields that the other version does not know: conversion drops nothing. */
export function convertTo(frame: Frame, object: JsonObject, from: string, to: string): JsonObject {
  if (from === to || frame.versions === undefined) return object;
  const converted = frame.versions.convert(object, to);
  const schema = schemaAt(frame, to);
  const problem = schema === undefined ? undefined : typingErrors(planOf(schema), converted, { duplicates: true });
  if (problem !== undefined) throw plainError(`failed to convert object to ${to}: ${problem}`);
  return converted;
}

const resets = new WeakMap<readonly string[], FieldSet>();

export function resetSet(paths: readonly string[] | undefined): FieldSet {
  if (paths === undefined || paths.length === 0) return EMPTY;
  let set = resets.get(paths);
  if (set === undefined) {
    set = setOfPaths(paths.map((path) => path.split('.')));
    resets.set(paths, set);
  }
  return set;
}

const STRIPPED_NAMES = [
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
];

/** What nobody owns. */
const STRIPPED = setOfPaths([
  ['apiVersion'],
  ['kind'],
  ['metadata'],
  ...STRIPPED_NAMES.map((name) => ['metadata', name]),
]);

export function strip(set: FieldSet): FieldSet {
  return difference(set, STRIPPED);
}

export function compareAt(frame: Frame, apiVersion: string, old: JsonObject, next: JsonObject): Comparison | undefined {
  const schema = schemaAt(frame, apiVersion);
  if (schema === undefined) return undefined;
  const there = (object: JsonObject): JsonObject => convertTo(frame, object, frame.apiVersion, apiVersion);
  const all = compare(planOf(schema), there(old), there(next));
  const reset = resetSet(frame.resetFields);
  if (isEmpty(reset)) return all;
  return {
    added: recursiveDifference(all.added, reset),
    modified: recursiveDifference(all.modified, reset),
    removed: recursiveDifference(all.removed, reset),
  };
}

/** Drops entries of versions that are gone, and follows lists and maps that became atomic. */
export function reconcileManaged(frame: Frame, managed: ManagedMap, live: JsonObject): void {
  for (const [id, entry] of managed) {
    const schema = schemaAt(frame, entry.apiVersion);
    if (schema === undefined) {
      managed.delete(id);
      continue;
    }
    convertTo(frame, live, frame.apiVersion, entry.apiVersion);
    const set = reconcile(planOf(schema), entry.set);
    if (set !== entry.set) managed.set(id, { ...entry, set });
  }
}

/** A change, seen in every version that a manager has written in. */
export class Change {
  private readonly seen = new Map<string, Comparison | undefined>();

  constructor(
    private readonly frame: Frame,
    private readonly old: JsonObject,
    private readonly next: JsonObject,
  ) {}

  at(apiVersion: string): Comparison | undefined {
    if (this.seen.has(apiVersion)) return this.seen.get(apiVersion);
    const comparison = compareAt(this.frame, apiVersion, this.old, this.next);
    this.seen.set(apiVersion, comparison);
    return comparison;
  }

  /** What of others' fields the change touches. */
  conflicts(managed: ManagedMap, except: string): Map<string, FieldSet> {
    const found = new Map<string, FieldSet>();
    for (const [id, entry] of managed) {
      const comparison = id === except ? undefined : this.at(entry.apiVersion);
      if (comparison === undefined) continue;
      const changed = union(comparison.modified, comparison.added);
      const touched = isEmpty(changed) ? EMPTY : intersection(entry.set, changed);
      if (!isEmpty(touched)) found.set(id, touched);
    }
    return found;
  }

  /** Takes from the others what the change touched, and from all but `except` what is gone. */
  takeFromOthers(managed: ManagedMap, except: string, conflicts: ReadonlyMap<string, FieldSet>): void {
    for (const [id, entry] of managed) {
      if (id === except) continue;
      const taken = conflicts.get(id);
      let set = taken === undefined ? entry.set : difference(entry.set, taken);
      const removed = this.at(entry.apiVersion)?.removed;
      if (removed !== undefined && !isEmpty(removed)) set = difference(set, removed);
      if (isEmpty(set)) managed.delete(id);
      else if (set !== entry.set) managed.set(id, { ...entry, set });
    }
  }
}
