// Golden files: for each kind, what becomes of an object, what is wrong with it, what is warned about, and its table row.
// `MINKE_GOLDEN=write` fills in the outcomes of new cases: read them before you commit them.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AnyResource } from './definition.ts';
import { readObject, TRIAL_TIME, type Trial, tryCreate, tryUpdate } from './row-trial.ts';
import { RESOURCES } from './table.ts';

interface Golden {
  readonly note: string;
  readonly object: object;
  readonly old?: object;
  readonly door?: string;
  want?: unknown;
}

function readGiven(row: AnyResource, object: object) {
  return readObject(row, JSON.stringify({ metadata: { name: 'x' }, ...object }));
}

/** Whether an absent time inside is sent as `null` is the schema's affair. */
function withoutEmptyTimes(key: string, value: unknown): unknown {
  return key === 'creationTimestamp' && value === null ? undefined : value;
}

function outcome(row: AnyResource, trial: Trial): unknown {
  const refused = trial.errors.length > 0;
  const { metadata, ...rest } = trial.object;
  const { labels, annotations, generation } = metadata;
  const shown = {
    ...(refused
      ? { errors: trial.errors.map((error) => `${error.type} ${error.field}: ${error.body}`) }
      : {
          object: { ...rest, metadata: { labels, annotations, generation } },
          cells: row.columns.map((column) => column.cell(trial.object, TRIAL_TIME)),
        }),
    ...(trial.warnings.length > 0 ? { warnings: trial.warnings } : {}),
  };
  return JSON.parse(JSON.stringify(shown, withoutEmptyTimes));
}

function run(row: AnyResource, golden: Golden): unknown {
  const draft = readGiven(row, golden.object);
  if (golden.old === undefined) return outcome(row, tryCreate(row, draft));
  const old = readGiven(row, golden.old);
  return outcome(row, tryUpdate(row, draft, { old, ...(golden.door === undefined ? {} : { door: golden.door }) }));
}

/** Folders that are not called like their group begins. */
const GROUPS: Readonly<Record<string, string>> = { core: '', apiserverinternal: 'internal.apiserver.k8s.io' };

/** `deployments.json`, or `leasecandidates@v1beta1.json` for another version than the stored one. */
function rowOf(folder: string, file: string): AnyResource {
  const [plural = '', version] = file.replace('.json', '').split('@');
  const row = RESOURCES.find(
    (one) =>
      one.plural === plural &&
      (Object.hasOwn(GROUPS, folder) ? one.group === GROUPS[folder] : one.group.startsWith(folder.slice(0, 4))) &&
      (version === undefined ? one.storedAs === undefined : one.version === version),
  );
  if (row === undefined) throw new Error(`no row for ${folder}/${file}`);
  return row;
}

for (const folder of readdirSync(import.meta.dirname)) {
  const root = path.join(import.meta.dirname, folder, 'testdata');
  for (const file of existsSync(root) ? readdirSync(root) : []) {
    const name = path.join(root, file);
    const goldens = JSON.parse(readFileSync(name, 'utf8')) as Golden[];
    describe(`${folder}/${file}`, () => {
      for (const golden of goldens)
        test(golden.note, () => {
          const got = run(rowOf(folder, file), golden);
          if (golden.want === undefined && process.env.MINKE_GOLDEN === 'write') {
            golden.want = got;
            writeFileSync(name, `${JSON.stringify(goldens, null, 1)}\n`);
          } else expect(got).toEqual(golden.want);
        });
    });
  }
}

describe('columns', () => {
  test.each(RESOURCES.map((row) => [`${row.kind} ${row.version}`, row] as const))(
    'of %s say what they show',
    (_, row) => {
      // Kubernetes' own table says nothing of this one.
      const silent = row.kind === 'RuntimeClass' ? ['Handler'] : [];
      expect(row.columns.filter((column) => column.description === '').map((column) => column.name)).toEqual(silent);
    },
  );
});
