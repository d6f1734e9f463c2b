// What the genuine API server answered to creates of workloads and of the other groups, against our rows alone: no server, no admission.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../machinery/errors.ts';
import type { AnyResource } from './definition.ts';
import { readObject, refusal, type Trial, tryCreate } from './row-trial.ts';
import { findResource } from './table.ts';

const folder = path.resolve(import.meta.dirname, '../../../shared/oracle');
const present = existsSync(path.join(folder, '20-workloads.jsonl'));
const COLLECTION = /^\/apis\/([^/]+)\/([^/]+)\/(?:namespaces\/\$NS\/)?([a-z]+)(\?dryRun=All)?$/;

interface Step {
  m: string;
  p: string;
  b?: unknown;
  t?: string;
  drop?: string[];
}
interface Cause {
  reason?: string;
  field?: string;
}
interface Answer {
  status: number;
  body: { message?: string; details?: { causes?: Cause[] } } & Record<string, unknown>;
}
interface Case {
  id: string;
  steps: Step[];
  answers: Answer[];
}

/** Needs more than a row, or v1.36 answers otherwise. */
const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [/deployment-wrong-version|namespace-mismatch/, 'checked before the object is read'],
  [/template-annotation-key/, 'v1.36 words it otherwise'],
  [/behavior-no-policies/, 'an empty list is gone once it was read'],
  [/review|^event/, 'answered by handlers, or stored as another kind'],
];

function cases(): { id: string; step: Step; answer: Answer; row: AnyResource }[] {
  const all = ['20-workloads.jsonl', '21-groups.jsonl'].flatMap((file) =>
    readFileSync(path.join(folder, file), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Case),
  );
  return all.flatMap(({ id, steps, answers }) => {
    const [step] = steps;
    const [answer] = answers;
    if (step === undefined || answer === undefined || steps.length !== 1 || step.m !== 'POST') return [];
    const [, group = '', version = '', plural = ''] = COLLECTION.exec(step.p) ?? [];
    const row = findResource(group, version, plural);
    return row === undefined || ELSEWHERE.some(([pattern]) => pattern.test(id)) ? [] : [{ id, step, answer, row }];
  });
}

function attempt(row: AnyResource, step: Step): { status: number; trial?: Trial; error?: ApiError } {
  const body = (typeof step.b === 'string' ? step.b : JSON.stringify(step.b)).replaceAll('$NS', 'default');
  try {
    const trial = tryCreate(row, readObject(row, body, step.t));
    const error = refusal(row, trial);
    return error === undefined ? { status: 201, trial } : { status: error.code, error };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { status: error.code, error };
  }
}

/** Go's syntax for lists and maps in messages became JSON with v1.34: only what follows the value is compared. */
function loosened(message: string | undefined): string {
  return (message ?? '').replace(/((?:Invalid|Unsupported|Duplicate) value: )(?:(?!: )[\s\S])+: /g, '$1<value>: ');
}

/** Metadata is the registry's, and some values differ from run to run. */
function comparable(object: unknown): unknown {
  const text = JSON.stringify(object, (key, value: unknown) =>
    key === 'metadata' || key === 'podReplacementPolicy' ? undefined : value,
  );
  return JSON.parse(
    text
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>')
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uid>')
      .replaceAll('$NS', 'default'),
  );
}

describe.skipIf(!present)('what the genuine API server answered to creates of the other groups', () => {
  for (const { id, step, answer, row } of present ? cases() : []) {
    test(id, () => {
      const got = attempt(row, step);
      const drops = step.drop ?? [];
      expect(got.status, got.error?.message).toBe(answer.status);
      if (answer.status >= 400) {
        const causes = (list: readonly Cause[] | undefined) => (list ?? []).map(({ reason, field }) => [reason, field]);
        expect(causes(got.error?.details?.causes)).toEqual(causes(answer.body.details?.causes));
        if (!drops.includes('message'))
          expect(loosened(got.error?.message).replaceAll(/\bdefault\b/g, '$NS')).toBe(loosened(answer.body.message));
      } else if (row.kind !== 'CertificateSigningRequest')
        expect(comparable(got.trial?.object)).toEqual(comparable(answer.body));
    });
  }
});
