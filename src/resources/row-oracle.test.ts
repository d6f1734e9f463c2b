// What the genuine API server answered to creates, against our rows alone: no server, no admission.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../machinery/errors.ts';
import type { KubeObject } from '../machinery/object.ts';
import type { AnyResource } from './definition.ts';
import { readObject, refusal, type Trial, tryCreate } from './row-trial.ts';
import { findResource } from './table.ts';

const folder = path.resolve(import.meta.dirname, '../../../shared/oracle');
const present = existsSync(path.join(folder, '20-workloads.jsonl'));
const FILES = ['10-pod.jsonl', '11-core.jsonl', '20-workloads.jsonl', '21-groups.jsonl'];
const COLLECTION = /^\/(?:api|apis\/([^/]+))\/([^/]+)\/(?:namespaces\/\$NS\/)?([a-z]+)(\?dryRun=All)?$/;

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
  [/deployment-wrong-version|namespace-mismatch|namespace-in-body/, 'checked before the object is read'],
  [/template-annotation-key/, 'v1.36 words it otherwise'],
  [/review|^event-/, 'answered by handlers, or stored as another kind'],
  [/^(limitrange|resourcequota)\/effect/, 'admission'],
  [/event\/create\/full/, 'the harness hides what identifies objects'],
  [/service\/invalid\/(ip-family-v6|require-dual-stack|node-port-out-of-range)/, 'see service/allocation.test.ts'],
  [/label-key-two-slashes|host-alias-name|selector-scope-not-exists/, 'v1.36 words it otherwise'],
  [/service\/invalid\/name-|ingress-invalid-service-name/, 'v1.36 has another rule for the names of Services'],
  [/statefulset-invalid-no-template/, 'v1.36 looks at the pods of the template'],
];

function cases(): { id: string; step: Step; answer: Answer; row: AnyResource }[] {
  const all = FILES.flatMap((file) =>
    readFileSync(path.join(folder, file), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Case),
  );
  return all.flatMap(({ id, steps, answers }) => {
    const [step] = steps;
    const [answer] = answers;
    if (step === undefined || answer === undefined || steps.length !== 1 || step.m !== 'POST') return [];
    if (answer.status === 403 || answer.status === 404 || step.drop?.includes('ALL') === true) return [];
    const [, group = '', version = '', plural = ''] = COLLECTION.exec(step.p) ?? [];
    const row = findResource(group, version, plural);
    return row === undefined || ELSEWHERE.some(([pattern]) => pattern.test(id)) ? [] : [{ id, step, answer, row }];
  });
}

/** What admission and allocation put into these, and what v1.36 defaults otherwise, is no matter of the row. */
const FILLED = new Set(['CertificateSigningRequest', 'Node', 'Pod', 'Service']);

/** What admission always does before validation. */
function admitted(row: AnyResource, draft: KubeObject): KubeObject {
  const { spec } = draft as { spec?: { serviceAccountName?: string } };
  if (row.kind === 'Pod' && spec !== undefined) spec.serviceAccountName ||= 'default';
  return draft;
}

function attempt(row: AnyResource, step: Step): { status: number; trial?: Trial; error?: ApiError } {
  const body = (typeof step.b === 'string' ? step.b : JSON.stringify(step.b)).replaceAll('$NS', 'default');
  try {
    const trial = tryCreate(row, admitted(row, readObject(row, body, step.t)));
    const error = refusal(row, trial);
    return error === undefined ? { status: 201, trial } : { status: error.code, error };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { status: error.code, error };
  }
}

/** Go's syntax for lists and maps in messages became JSON with v1.34: only what follows the value is compared. */
function loosened(message: string | undefined): string {
  return (message ?? '')
    .replace(/((?:Invalid|Unsupported|Duplicate) value: )(?:(?!: )[\s\S])+: /g, '$1<value>: ')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '<time>');
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

describe.skipIf(!present)('what the genuine API server answered to creates', () => {
  for (const { id, step, answer, row } of present ? cases() : []) {
    test(`${row.plural} ${id}`, () => {
      const got = attempt(row, step);
      const drops = step.drop ?? [];
      expect(got.status, got.error?.message).toBe(answer.status);
      if (answer.status >= 400) {
        const causes = (list: readonly Cause[] | undefined) => (list ?? []).map(({ reason, field }) => [reason, field]);
        if (answer.body.details?.causes !== undefined && !drops.includes('details.causes'))
          expect(causes(got.error?.details?.causes)).toEqual(causes(answer.body.details.causes));
        if (!drops.includes('message'))
          expect(loosened(got.error?.message)).toBe(loosened(answer.body.message).replaceAll('$NS', 'default'));
      } else if (!FILLED.has(row.kind)) expect(comparable(got.trial?.object)).toEqual(comparable(answer.body));
    });
  }
});
