// What the genuine API server answered to creates of core kinds, against our rows alone: no server, no admission.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../machinery/errors.ts';
import { invalid } from '../../machinery/field-error.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { AnyResource, StrategyContext } from '../definition.ts';
import { apiVersionOf } from '../definition.ts';
import { builtinSchema, decode } from '../schema/index.ts';
import { findKind, findResource } from '../table.ts';
import { validateCreate } from '../validate.ts';

const folder = path.resolve(import.meta.dirname, '../../../../shared/oracle');
const present = existsSync(path.join(folder, '10-pod.jsonl'));

interface Step {
  m: string;
  p: string;
  b?: unknown;
  t?: string;
  drop?: string[];
}
interface Answer {
  status: number;
  body: {
    message?: string;
    details?: { causes?: { field?: string; message?: string; reason?: string }[] };
    spec?: unknown;
  };
}
interface Case {
  id: string;
  steps: Step[];
  answers: Answer[];
}

/** Cases that need more than a row: admission, allocation, or another answer since v1.28. */
const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [/^(limitrange|resourcequota)\/effect/, 'admission'],
  [/service\/invalid\/(ip-family-v6|require-dual-stack|node-port-out-of-range)/, 'allocation, see allocation.test.ts'],
  [/label-key-two-slashes/, 'v1.36 words it otherwise'],
  [/host-alias-name/, 'v1.36 gives the index in the path'],
  [/selector-scope-not-exists/, "v1.36 says 'Exists'"],
];

const COLLECTION = /^\/api\/v1\/(?:namespaces\/\$NS\/)?([a-z]+)(\?dryRun=All)?$/;

function read(file: string): Case[] {
  return readFileSync(path.join(folder, file), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Case);
}

function isRegistered(apiVersion: string, kind: string): boolean {
  const slash = apiVersion.indexOf('/');
  return findKind(apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1), kind) !== undefined;
}

/** What admission always does before validation. */
function admit(row: AnyResource, object: KubeObject): void {
  const { spec } = object as { spec?: { serviceAccountName?: string } };
  if (row.kind === 'Pod' && spec !== undefined) spec.serviceAccountName ||= 'default';
}

function create(row: AnyResource, step: Step): { status: number; error?: ApiError; object?: KubeObject } {
  const body = Buffer.from((typeof step.b === 'string' ? step.b : JSON.stringify(step.b)).replaceAll('$NS', 'ns'));
  try {
    const decoded = decode(builtinSchema(row.schema), body, {
      kind: row.kind,
      apiVersion: apiVersionOf(row),
      registered: isRegistered,
      ...(step.t === undefined ? {} : { contentType: step.t }),
    });
    const object = structuredClone(decoded.object) as unknown as KubeObject;
    object.metadata ??= {};
    if (row.namespaced) object.metadata.namespace = 'ns';
    else delete object.metadata.namespace;
    if (object.metadata.generateName && !object.metadata.name)
      object.metadata.name = `${object.metadata.generateName}abcde`;
    for (const field of ['uid', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'managedFields'] as const)
      delete object.metadata[field];
    const context: StrategyContext = {
      now: new Date(),
      user: { username: 'test', groups: [] },
      dryRun: true,
      namespace: 'ns',
    };
    row.strategy.applyDefaults?.(object);
    row.strategy.prepareForCreate?.(object, context);
    admit(row, object);
    const errors = validateCreate(row, object, context);
    if (errors.length > 0) throw invalid(row.kind, row.group, object.metadata.name ?? '', errors);
    return { status: 201, object };
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

describe.skipIf(!present)('what the genuine API server answered to creates', () => {
  for (const file of ['10-pod.jsonl', '11-core.jsonl']) {
    for (const { id, steps, answers } of present ? read(file) : []) {
      const [step] = steps;
      const [answer] = answers;
      if (step === undefined || answer === undefined || steps.length !== 1 || step.m !== 'POST') continue;
      const row = findResource('', 'v1', COLLECTION.exec(step.p)?.[1] ?? '');
      if (row === undefined || ELSEWHERE.some(([pattern]) => pattern.test(id))) continue;
      if (answer.status === 403 || answer.status === 404 || step.drop?.includes('ALL')) continue;
      test(`${file} ${id}`, () => {
        const got = create(row, step);
        expect(got.status, got.error?.message).toBe(answer.status);
        if (answer.status < 400) return;
        const drops = step.drop ?? [];
        const causes = answer.body.details?.causes;
        if (causes !== undefined && !drops.includes('details.causes'))
          expect((got.error?.details?.causes ?? []).map((c) => [c.reason, c.field])).toEqual(
            causes.map((c) => [c.reason, c.field]),
          );
        const normalized = loosened(got.error?.message).replaceAll(/\bns\b/g, '$NS');
        if (!drops.includes('message')) expect(normalized).toBe(loosened(answer.body.message));
      });
    }
  }
});
