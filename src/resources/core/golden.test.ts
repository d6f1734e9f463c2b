// Golden files: for each kind, what becomes of an object (defaults), what is wrong with it, what is warned about, and how a table shows it.
// Run with MINKE_GOLDEN=write to fill in the expectations of new files, and read them before you commit them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FieldError } from '../../machinery/field-error.ts';
import { deepClone } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { AnyResource, StrategyContext } from '../definition.ts';
import { builtinSchema, decodeValue } from '../schema/index.ts';
import { findResource } from '../table.ts';
import { validateCreate, validateUpdate } from '../validate.ts';

interface Golden {
  note: string;
  /** The object as a client sends it. */
  object: KubeObject;
  /** What is stored, for an update; it gets its defaults first. */
  old?: KubeObject;
  /** A subresource, for an update through another door. */
  door?: string;
  want?: Outcome;
}

interface Outcome {
  object: unknown;
  errors: string[];
  warnings: string[];
  cells: unknown[];
}

const NOW = new Date('2026-01-01T12:00:00Z');
const CONTEXT: StrategyContext = {
  now: NOW,
  user: { username: 'test', groups: [] },
  dryRun: false,
  namespace: 'default',
};

const text = (error: FieldError): string => `${error.type} ${error.field}: ${error.body}`;

function read(row: AnyResource, object: KubeObject): KubeObject {
  const decoded = decodeValue(builtinSchema(row.schema), object).object as unknown as KubeObject;
  const draft = deepClone(decoded);
  draft.metadata ??= {};
  if (row.namespaced) draft.metadata.namespace ??= 'default';
  row.strategy.applyDefaults?.(draft);
  return draft;
}

function outcome(row: AnyResource, golden: Golden): Outcome {
  const draft = read(row, golden.object);
  const finish = (errors: FieldError[], warnings: string[]): Outcome => ({
    object: errors.length > 0 ? null : draft,
    errors: errors.map(text),
    warnings,
    cells: errors.length > 0 ? [] : row.columns.map((column) => column.cell(draft, NOW)),
  });
  if (golden.old === undefined) {
    row.strategy.prepareForCreate?.(draft, CONTEXT);
    const errors = validateCreate(row, draft, CONTEXT);
    return finish(errors, row.strategy.warnings?.(draft, undefined, CONTEXT) ?? []);
  }
  const old = read(row, golden.old);
  for (const object of [old, draft]) object.metadata.resourceVersion ??= '1';
  // As the registry does: system fields are not the client's.
  if (old.metadata.creationTimestamp) draft.metadata.creationTimestamp = old.metadata.creationTimestamp;
  const door = golden.door === undefined ? undefined : row.subresources?.[golden.door];
  const strategy = door?.type === 'object' ? door.strategy : row.strategy;
  strategy.prepareForUpdate?.(draft, old, CONTEXT);
  const errors = validateUpdate({ row, strategy, object: draft, old, context: CONTEXT });
  return finish(errors, strategy.warnings?.(draft, old, CONTEXT) ?? []);
}

const root = path.join(import.meta.dirname, 'testdata');

for (const plural of readdirSync(root)) {
  describe(plural, () => {
    const row = findResource(
      plural === 'newevents' ? 'events.k8s.io' : '',
      'v1',
      plural === 'newevents' ? 'events' : plural,
    );
    for (const file of readdirSync(path.join(root, plural))) {
      const name = path.join(root, plural, file);
      const golden = JSON.parse(readFileSync(name, 'utf8')) as Golden;
      test(golden.note, () => {
        if (row === undefined) throw new Error(`no row for ${plural}`);
        const got = JSON.parse(JSON.stringify(outcome(row, golden))) as Outcome;
        if (golden.want === undefined && process.env.MINKE_GOLDEN === 'write')
          writeFileSync(name, `${JSON.stringify({ ...golden, want: got }, null, 2)}\n`);
        else expect(got).toEqual(golden.want);
      });
    }
  });
}
