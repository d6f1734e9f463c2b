// What a patch does not touch is the old object's own, and what comes out equal is put back to it.
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../machinery/object.ts';
import { shareUnchanged, untouched } from './unchanged.ts';

const pod = (fields: object): KubeObject =>
  ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, ...fields }) as unknown as KubeObject;

describe('untouched parts', () => {
  it('are the old object itself, part by part, and never its metadata', () => {
    const spec = { containers: [] };
    const old = pod({ spec, status: {} });
    expect(untouched({ ...old, status: {} }, old)).toEqual({ spec });
    expect(untouched({ ...old, spec: { containers: [] } }, old)).toEqual({ status: {} });
    expect(untouched([], old)).toEqual({});
  });
});

describe('shareUnchanged', () => {
  it('puts the old part in the place of an equal one, and leaves the others alone', () => {
    const old = pod({ spec: { a: [1, { b: 2 }] }, status: { phase: 'Pending' } });
    const status = { phase: 'Running' };
    const draft = pod({ spec: { a: [1, { b: 2 }] }, status });
    shareUnchanged(draft, old);
    const parts = (object: KubeObject) => object as unknown as { spec: unknown; status: unknown };
    expect(parts(draft).spec).toBe(parts(old).spec);
    expect(parts(draft).status).toBe(status);
    expect(draft.metadata).not.toBe(old.metadata);
  });
});
