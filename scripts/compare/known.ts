// The differences that are meant, or are the genuine server's own: known.json names them.
import { readFileSync } from 'node:fs';
import type { Difference } from './normal.ts';

/** How a value is shown, and matched. */
export const shown = (value: unknown): string =>
  value === undefined ? 'nothing' : (JSON.stringify(value) ?? 'nothing');

interface Known {
  readonly path?: string;
  readonly want?: string;
  readonly got?: string;
}

export function readKnown(file: string): (difference: Difference) => boolean {
  const patterns = (JSON.parse(readFileSync(file, 'utf8')) as readonly Known[]).map((k) => ({
    path: new RegExp(k.path ?? '.'),
    want: new RegExp(k.want ?? ''),
    got: new RegExp(k.got ?? ''),
  }));
  return ({ path, want, got }) =>
    patterns.some((k) => k.path.test(path) && k.want.test(shown(want)) && k.got.test(shown(got)));
}
