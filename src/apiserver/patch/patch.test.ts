// Patches against what the genuine server answered, and against input that means harm.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { leastProcessorMs, processorMs } from '../../host/processor-time.ts';
import { ApiError } from '../../machinery/errors.ts';
import type { FieldNode, SchemaNode } from '../../resources/schema/index.ts';
import { checkRestorable, jsonPatch, mergePatch, strategicMergePatch } from './index.ts';

const text: SchemaNode = { type: 'string', goName: 'string' };

type Facts = Partial<Pick<FieldNode, 'patchStrategy' | 'patchMergeKey'>>;

function object(fields: Record<string, SchemaNode | [SchemaNode, Facts]>): SchemaNode {
  const properties = new Map<string, FieldNode>();
  for (const [name, entry] of Object.entries(fields)) {
    const [schema, facts] = Array.isArray(entry) ? entry : [entry, {}];
    properties.set(name, { name, schema, required: false, omitEmpty: true, pointer: false, ...facts });
  }
  return { type: 'object', goName: 'Thing', properties };
}

const list = (items: SchemaNode): SchemaNode => ({ type: 'array', items });
const map: SchemaNode = { type: 'object', additionalProperties: text };
const env = object({ name: text, value: text });
const container = object({
  name: text,
  image: text,
  args: list(text),
  env: [list(env), { patchStrategy: ['merge'], patchMergeKey: 'name' }],
});
const spec = object({
  containers: [list(container), { patchStrategy: ['merge'], patchMergeKey: 'name' }],
  nodeSelector: map,
  strategy: [object({ type: text, rollingUpdate: map }), { patchStrategy: ['retainKeys'] }],
});
const thing = object({
  data: map,
  finalizers: [list(text), { patchStrategy: ['merge'] }],
  rules: list(object({ verb: text })),
  spec,
});

function failure(run: () => unknown): ApiError {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a JSON patch', () => {
  const doc = { data: { x: '1' }, list: ['a', 'b', 'c'] };

  test('replaces a missing key by adding it, and leaves the input as it was', () => {
    expect(jsonPatch(doc, [{ op: 'replace', path: '/data/zz', value: '9' }])).toEqual({
      data: { x: '1', zz: '9' },
      list: ['a', 'b', 'c'],
    });
    expect(doc).toEqual({ data: { x: '1' }, list: ['a', 'b', 'c'] });
  });

  test('copies a missing key as null and takes a missing key to equal null', () => {
    const ops = [
      { op: 'copy', from: '/data/q', path: '/data/z' },
      { op: 'test', path: '/data/none', value: null },
    ];
    expect(jsonPatch(doc, ops)).toMatchObject({ data: { z: null } });
  });

  test('counts list items from the end when the index is negative, and appends at "-"', () => {
    const ops = [
      { op: 'remove', path: '/list/-1' },
      { op: 'add', path: '/list/-', value: 'z' },
      { op: 'add', path: '/list/0', value: 'y' },
    ];
    expect(jsonPatch(doc, ops)).toMatchObject({ list: ['y', 'a', 'b', 'z'] });
  });

  test.each([
    [[{ op: 'test', path: '/data/x', value: '2' }]],
    [[{ op: 'merge', path: '/data/x', value: '1' }]],
    [[{ path: '/data/x', value: '1' }]],
    [[{ op: 'add', value: 1 }]],
    [[{ op: 'add', path: '/nope/x', value: 1 }]],
    [[{ op: 'remove', path: '/data/nope' }]],
    [[{ op: 'move', from: '/data/nope', path: '/data/y' }]],
    [[{ op: 'replace', path: '/list/7', value: 1 }]],
  ])('that cannot be carried out is 422 without details: %j', (ops) => {
    const error = failure(() => jsonPatch(doc, ops));
    expect(error.toStatus()).toMatchObject({ code: 422, reason: 'Invalid', details: {} });
    expect(error.message).toBe('the server rejected our request due to an error in our request');
  });

  test('of the wrong shape is 400 in the decoder’s words', () => {
    expect(failure(() => jsonPatch(doc, {})).message).toBe(
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    );
    expect(failure(() => jsonPatch(doc, [{ op: 'add', path: 5 }])).message).toBe(
      'error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.path of type string',
    );
  });

  test('without validation of fields is read as the library reads it', () => {
    expect(failure(() => jsonPatch(doc, {}, true)).message).toBe(
      'json: cannot unmarshal object into Go value of type jsonpatch.Patch',
    );
    expect(failure(() => jsonPatch(doc, [1], true)).message).toBe(
      'json: cannot unmarshal number into Go value of type jsonpatch.Operation',
    );
    expect(failure(() => jsonPatch(doc, [{ op: 'add', path: 5 }], true)).code).toBe(422);
  });

  test('of more than 10,000 operations is too large', () => {
    const ops = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/data/x', value: '1' }));
    const error = failure(() => jsonPatch(doc, ops));
    expect([error.code, error.message]).toEqual([
      413,
      'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
    ]);
  });

  test('cannot grow a document by copying it into itself', () => {
    const ops = Array.from({ length: 64 }, (_, i) => ({ op: 'copy', from: '/data', path: `/data/k${i}` }));
    expect(failure(() => jsonPatch(doc, ops)).code).toBe(422);
  });

  test('what is copied is a copy: a later change shows in one place only', () => {
    const ops = [
      { op: 'copy', from: '/data', path: '/twin' },
      { op: 'add', path: '/twin/y', value: '2' },
    ];
    expect(jsonPatch(doc, ops)).toMatchObject({ data: { x: '1' }, twin: { x: '1', y: '2' } });
  });

  test('of ten thousand operations on a big list and a big map is quick', async () => {
    const big = {
      map: Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`k${i}`, i])),
      list: Array.from({ length: 50_000 }, (_, i) => i),
    };
    const ops = Array.from({ length: 10_000 }, (_, i) =>
      i % 2 === 0 ? { op: 'add', path: `/map/n${i}`, value: i } : { op: 'add', path: '/list/0', value: i },
    );
    expect(await processorMs(() => jsonPatch(big, ops))).toBeLessThan(2_000);
  });
});

describe('a merge patch', () => {
  test('merges, removes by null, and leaves no null where nothing was', () => {
    const doc = { data: { x: '1', y: '2' }, keep: 1 };
    const patch = { data: { x: null, none: null, z: '3' }, fresh: { a: null, b: { c: null, d: 1 } } };
    expect(mergePatch(doc, patch)).toEqual({ data: { y: '2', z: '3' }, keep: 1, fresh: { b: { d: 1 } } });
    expect(doc).toEqual({ data: { x: '1', y: '2' }, keep: 1 });
  });

  test('that is not an object is 400', () => {
    expect(failure(() => mergePatch({}, null)).message).toBe('Invalid JSON Patch');
    expect(failure(() => mergePatch({}, 'x')).message).toBe(
      'error decoding patch: json: cannot unmarshal string into Go value of type map[string]interface {}',
    );
  });

  test('without validation of fields may be a list, which takes the place of the document', () => {
    expect(mergePatch({ a: 1 }, [1, null], true)).toHaveLength(2);
    expect(failure(() => mergePatch({}, 'x', true)).message).toBe('Invalid JSON Patch');
  });

  test('keeps keys that mean something to JavaScript, and pollutes nothing', () => {
    const patch: unknown = JSON.parse('{"data":{"__proto__":{"polluted":"yes"},"constructor":"c"}}');
    const merged = mergePatch(JSON.parse('{"data":{"a":"b"}}') as Record<string, unknown>, patch);
    expect(JSON.stringify(merged)).toBe('{"data":{"a":"b","__proto__":{"polluted":"yes"},"constructor":"c"}}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('a strategic merge patch', () => {
  const doc = {
    data: { x: '1', y: '2' },
    finalizers: ['a', 'b'],
    rules: [{ verb: 'get' }],
    spec: {
      containers: [
        {
          name: 'c',
          image: 'i:1',
          args: ['x', 'y'],
          env: [
            { name: 'A', value: '1' },
            { name: 'B', value: '2' },
          ],
        },
        { name: 'd', image: 'i:2' },
      ],
      nodeSelector: { n1: 'x', n2: 'y' },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '1' } },
    },
  };
  const patched = (patch: unknown): Record<string, unknown> => strategicMergePatch(doc, patch, thing);
  const names = (value: unknown): unknown =>
    (value as { spec: { containers: { name: string }[] } }).spec.containers.map((c) => c.name);

  test('puts a new item of a keyed list first and merges the others by key', () => {
    const result = patched({
      spec: {
        containers: [
          { name: 'e', image: 'i:3' },
          { name: 'd', image: 'i:9' },
        ],
      },
    });
    expect(names(result)).toEqual(['e', 'c', 'd']);
    expect(names(patched({ spec: { containers: [{ name: 'e' }] } }))).toEqual(['e', 'c', 'd']);
  });

  test('deletes an item by key', () => {
    const result = patched({ spec: { containers: [{ name: 'c', env: [{ name: 'A', $patch: 'delete' }] }] } });
    expect(result).toMatchObject({ spec: { containers: [{ env: [{ name: 'B', value: '2' }] }, {}] } });
  });

  test('replaces an atomic list, and a map where told to', () => {
    expect(patched({ rules: [{ verb: 'list' }] })).toMatchObject({ rules: [{ verb: 'list' }] });
    expect(patched({ data: { $patch: 'replace', q: '9' } }).data).toEqual({ q: '9' });
    expect(patched({ data: { $patch: 'delete' } }).data).toEqual({});
  });

  test('empties a list of which an item says replace', () => {
    expect(names(patched({ spec: { containers: [{ $patch: 'replace' }] } }))).toEqual([]);
    expect(names(patched({ spec: { containers: [{ $patch: 'replace' }, { name: 'q' }] } }))).toEqual(['q']);
  });

  test('orders items as $setElementOrder says', () => {
    const order = [{ name: 'd' }, { name: 'c' }];
    expect(names(patched({ spec: { '$setElementOrder/containers': order } }))).toEqual(['d', 'c']);
    const withNew = { '$setElementOrder/containers': [{ name: 'e' }, ...order], containers: [{ name: 'e' }] };
    expect(names(patched({ spec: withNew }))).toEqual(['e', 'd', 'c']);
  });

  test('merges, removes from and orders lists of scalars', () => {
    expect(patched({ finalizers: ['c'] }).finalizers).toEqual(['c', 'a', 'b']);
    expect(patched({ '$deleteFromPrimitiveList/finalizers': ['a'] }).finalizers).toEqual(['b']);
    expect(patched({ '$setElementOrder/finalizers': ['b', 'a'], finalizers: [] }).finalizers).toEqual(['b', 'a']);
  });

  test('keeps only what $retainKeys names', () => {
    const result = patched({ spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } });
    expect(result).toMatchObject({ spec: { strategy: { type: 'Recreate' } } });
    expect((result.spec as { strategy: object }).strategy).toEqual({ type: 'Recreate' });
    const bad = failure(() => patched({ spec: { strategy: { $retainKeys: ['type'], rollingUpdate: {} } } }));
    expect([bad.code, bad.message]).toEqual([400, 'invalid patch format of retainKeys']);
  });

  test('that lacks a merge key is 500', () => {
    const error = failure(() => patched({ spec: { containers: [{ image: 'x' }] } }));
    expect([error.code, error.reason, error.message]).toEqual([
      500,
      '',
      'map: map[image:x] does not contain declared merge key: name',
    ]);
  });

  test('leaves the input as it was', () => {
    const before = structuredClone(doc);
    patched({ spec: { containers: [{ name: 'c', env: [{ name: 'Z', value: '9' }] }], nodeSelector: { n1: null } } });
    expect(doc).toEqual(before);
  });

  test('whose result does not fit the type is 422 in the converter’s words', () => {
    const error = failure(() => checkRestorable({ data: 5 }, { data: 5 }, thing));
    expect(error.toStatus()).toMatchObject({
      code: 422,
      message: ' "" is invalid: patch: Invalid value: "map[data:5]": cannot restore map from int64',
      details: {
        causes: [
          {
            field: 'patch',
            message: 'Invalid value: "map[data:5]": cannot restore map from int64',
            reason: 'FieldValueInvalid',
          },
        ],
      },
    });
  });

  test('of many items takes time in proportion to them', async () => {
    const item = (i: number): object => ({ name: `n${i}`, image: 'i' });
    const least = (count: number): Promise<number> => {
      const many = { spec: { containers: Array.from({ length: count }, (_, i) => item(i)) } };
      const patch = { spec: { containers: Array.from({ length: count }, (_, i) => item(1.5 * count - i)) } };
      return leastProcessorMs(5, () => strategicMergePatch(many, patch, thing));
    };
    const few = await least(1_000);
    // Were each item looked for among all, twenty times as many would take four hundred times as long.
    expect(await least(20_000)).toBeLessThan(few * 100);
  });
});

describe('any patch of any document', () => {
  const json = fc.jsonValue({ maxDepth: 4 });

  test('gives a document or an ApiError, and never changes its input', () => {
    const key = fc.constantFrom(
      'data',
      'spec',
      'containers',
      'name',
      '$patch',
      '$setElementOrder/containers',
      '__proto__',
    );
    const value = fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom('a', 'b', 'delete', 'replace', null, 1),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.array(fc.tuple(key, tie('node')), { maxLength: 3 }).map((e) => JSON.parse(objectText(e))),
      ),
    })).node;
    fc.assert(
      fc.property(value, value, (patch, other) => {
        const input = { data: { a: 'b' }, spec: { containers: [{ name: 'a', image: 'x' }] }, other };
        const before = JSON.stringify(input);
        for (const run of [
          () => strategicMergePatch(input, patch, thing),
          () => mergePatch(input, patch),
          () => jsonPatch(input, patch),
        ]) {
          try {
            run();
          } catch (error) {
            if (!(error instanceof ApiError)) throw error;
          }
        }
        expect(JSON.stringify(input)).toBe(before);
      }),
    );
  });

  test('merging a document into itself changes nothing that is not null', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), (doc) => {
        const once = mergePatch({}, doc) as Record<string, unknown>;
        expect(mergePatch(once, once)).toEqual(once);
      }),
    );
  });
});

function objectText(entries: [string, unknown][]): string {
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(',')}}`;
}
