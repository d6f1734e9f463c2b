// Objects with parts missing, null or empty: a row may refuse them, but never break on them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../machinery/errors.ts';
import { deepClone } from '../machinery/json.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../machinery/object.ts';
import type { AnyResource } from './definition.ts';
import { readObject, TRIAL_TIME, tryCreate, tryUpdate } from './row-trial.ts';
import { RESOURCES } from './table.ts';

type Damage = (parent: JsonObject | unknown[], key: string | number) => void;

const DAMAGES: readonly [name: string, Damage][] = [
  ['null', (parent, key) => Reflect.set(parent, key, null)],
  [
    'missing',
    (parent, key) => (Array.isArray(parent) ? parent.splice(Number(key), 1) : Reflect.deleteProperty(parent, key)),
  ],
  ['empty', (parent, key) => Reflect.set(parent, key, emptied(Reflect.get(parent, key)))],
];

function emptied(value: unknown): unknown {
  if (Array.isArray(value)) return [];
  if (isJsonObject(value)) return {};
  return typeof value === 'number' ? 0 : '';
}

function paths(value: unknown, before: (string | number)[] = []): (string | number)[][] {
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : isJsonObject(value)
      ? Object.entries(value)
      : [];
  return entries.flatMap(([key, item]) => [[...before, key], ...paths(item, [...before, key])]);
}

function damaged(object: JsonObject, at: readonly (string | number)[], damage: Damage): JsonObject {
  const copy = deepClone(object);
  let parent: JsonObject | unknown[] = copy;
  for (const key of at.slice(0, -1)) parent = Reflect.get(parent, key) as JsonObject | unknown[];
  damage(parent, at.at(-1) ?? '');
  return copy;
}

/** What is no answer for a client is a bug, and comes out of here. */
function trial(row: AnyResource, object: JsonObject): void {
  let draft: KubeObject;
  try {
    draft = readObject(row, JSON.stringify(object));
  } catch (error) {
    if (error instanceof ApiError) return;
    throw error;
  }
  const old = deepClone(draft);
  const { object: settled } = tryCreate(row, deepClone(draft));
  for (const column of row.columns) column.cell(settled, TRIAL_TIME);
  if (row.selectableFields !== undefined) row.selectableFields.values(settled);
  tryUpdate(row, deepClone(draft), { old: deepClone(old) });
  for (const [door, subresource] of Object.entries(row.subresources ?? {}))
    if (subresource.type === 'object') tryUpdate(row, deepClone(draft), { old: deepClone(old), door });
}

interface Sample {
  readonly row: AnyResource;
  readonly objects: JsonObject[];
}

function samples(): Sample[] {
  return readdirSync(import.meta.dirname).flatMap((folder) => {
    const root = path.join(import.meta.dirname, folder, 'testdata');
    if (folder === 'core' || !existsSync(root)) return [];
    return readdirSync(root).flatMap((file) => {
      const goldens = JSON.parse(readFileSync(path.join(root, file), 'utf8')) as { object: JsonObject }[];
      const plural = file.replace(/(@.*)?\.json$/, '');
      return RESOURCES.filter((row) => row.plural === plural && row.group.startsWith(folder.slice(0, 4))).map(
        (row) => ({
          row,
          objects: goldens.map(({ object }) => object),
        }),
      );
    });
  });
}

describe('objects with parts missing', () => {
  for (const { row, objects } of samples())
    test(`are no trouble for ${row.kind} ${row.version}`, () => {
      const broken: string[] = [];
      for (const object of [{}, { spec: null }, { spec: {}, status: {} }, ...objects]) {
        const whole: JsonObject = { metadata: { name: 'x' }, ...object };
        for (const at of [[], ...paths(whole)])
          for (const [name, damage] of at.length === 0 ? DAMAGES.slice(0, 1) : DAMAGES) {
            const one = at.length === 0 ? whole : damaged(whole, at, damage);
            try {
              trial(row, one);
            } catch (error) {
              broken.push(
                `${at.join('.')} ${name}: ${error instanceof Error ? error.stack?.split('\n').slice(0, 2).join(' ') : error}`,
              );
            }
          }
      }
      expect([...new Set(broken)].slice(0, 5)).toEqual([]);
    });
});
