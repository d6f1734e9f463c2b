// The good objects that a comparison begins with: what the oracle's cases created, and those of objects.yaml for kinds that it has none of.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Json, Schema } from './mutations.ts';

export interface Seed {
  /** The collection, with `$NS` for the namespace. */
  readonly path: string;
  readonly definition: string;
  readonly object: { readonly [key: string]: Json };
}

interface Case {
  readonly steps: readonly { readonly m: string; readonly p: string; readonly b?: Json; readonly skip?: boolean }[];
  readonly answers: readonly { readonly status: number }[];
}

function* created(directory: string): Generator<{ path: string; object: Seed['object'] }> {
  if (!existsSync(directory)) return;
  for (const file of readdirSync(directory).filter((f) => /^\d.*\.jsonl$/.test(f))) {
    for (const line of readFileSync(join(directory, file), 'utf8').trim().split('\n')) {
      const { steps, answers } = JSON.parse(line) as Case;
      let at = 0;
      for (const { m, p, b, skip } of steps) {
        const answer = skip ? undefined : answers[at++];
        const good = m === 'POST' && (answer?.status ?? 200) < 300;
        if (good && b !== null && typeof b === 'object' && !Array.isArray(b))
          yield { path: p.split('?')[0] ?? p, object: b };
      }
    }
  }
}

/** Those of objects.yaml. */
export function* written(): Generator<{ path: string; object: Seed['object'] }> {
  for (const document of parseAllDocuments(readFileSync(join(import.meta.dirname, 'objects.yaml'), 'utf8'))) {
    const { path, object } = document.toJS() as { path: string; object: Seed['object'] };
    yield { path, object };
  }
}

type Swagger = Readonly<
  Record<
    string,
    Schema & {
      readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
    }
  >
>;

/** At most `most` objects a collection, the richest first. */
export function seeds(definitions: Swagger, oracle: string, most: number): Seed[] {
  const byKind = new Map<string, string>();
  for (const [name, schema] of Object.entries(definitions)) {
    for (const { group, version, kind } of schema['x-kubernetes-group-version-kind'] ?? [])
      byKind.set(`${group === '' ? '' : `${group}/`}${version}/${kind}`, name);
  }
  const byPath = new Map<string, Seed[]>();
  for (const { path, object } of [...written(), ...created(oracle)]) {
    const definition = byKind.get(`${String(object.apiVersion)}/${String(object.kind)}`);
    if (definition === undefined || path.includes('$NS.')) continue;
    const found = byPath.get(path) ?? [];
    found.push({ path, definition, object });
    byPath.set(path, found);
  }
  const size = (seed: Seed) => JSON.stringify(seed.object).length;
  return [...byPath.values()].flatMap((found) => found.sort((a, b) => size(b) - size(a)).slice(0, most));
}
