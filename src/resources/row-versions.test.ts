// Kinds that are served in several versions: an object that goes to another version and back is the same object.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../machinery/object.ts';
import { type AnyResource, resourceKey } from './definition.ts';
import { readObject, tryCreate } from './row-trial.ts';
import { builtinSchema, normalize } from './schema/index.ts';
import { RESOURCES } from './table.ts';

/** Objects of a stored kind, from its golden files. */
function samplesOf(row: AnyResource): JsonObject[] {
  return readdirSync(import.meta.dirname).flatMap((folder) => {
    const file = path.join(import.meta.dirname, folder, 'testdata', `${row.plural}.json`);
    if (!existsSync(file) || !row.group.startsWith(folder.slice(0, 4))) return [];
    return (JSON.parse(readFileSync(file, 'utf8')) as { object: JsonObject }[]).map(({ object }) => object);
  });
}

const stored = new Map(RESOURCES.map((row) => [resourceKey(row), row]));

describe('another version and back', () => {
  for (const view of RESOURCES) {
    const { storedAs } = view;
    const row = stored.get(storedAs?.of ?? '');
    if (storedAs === undefined || row === undefined) continue;
    test(`keeps a ${view.kind} (${view.group}/${view.version})`, () => {
      for (const sample of samplesOf(row)) {
        const body = JSON.stringify({ metadata: { name: 'x' }, ...sample });
        const { object, errors } = tryCreate(row, readObject(row, body));
        // Only what a server would store has to survive.
        if (errors.length > 0) continue;
        const seen = normalize(builtinSchema(view.schema), storedAs.fromStored(object));
        const back = storedAs.toStored(structuredClone(seen) as unknown as typeof object);
        expect(normalize(builtinSchema(row.schema), back)).toEqual(object);
      }
    });
  }
});
