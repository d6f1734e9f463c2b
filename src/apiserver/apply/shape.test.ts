// Objects of one shape have one field set: the quick way of a creation says what the long one says.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../machinery/object.ts';
import { builtinSchema, type SchemaNode } from '../../resources/schema/index.ts';
import { EMPTY, union } from './field-set.ts';
import { updateManagedFields } from './index.ts';
import { planOf } from './plan.ts';
import { shapeOf } from './shape.ts';
import { Change, strip } from './updater.ts';
import { zeroObject } from './zero.ts';

const POD = builtinSchema('io.k8s.api.core.v1.Pod');

function longWay(schema: SchemaNode, next: JsonObject): unknown {
  const change = new Change({ schema, apiVersion: 'v1' }, zeroObject(schema), next).at('v1');
  return change === undefined ? EMPTY : strip(union(change.modified, change.added));
}

function quickWay(schema: SchemaNode, next: JsonObject): unknown {
  const [entry] =
    updateManagedFields({ schema, apiVersion: 'v1', old: undefined, next, manager: 'm', time: 't' }) ?? [];
  return entry?.fieldsV1 ?? EMPTY;
}

const text = fc.constantFrom('', '0', '0s', 'a', 'abc', 'a,', '1:a', '{', '"');
const item = fc.record(
  { name: text, value: text, containerPort: fc.constantFrom(0, 1), protocol: text },
  { requiredKeys: [] },
);
const container = fc.record(
  {
    name: text,
    image: text,
    ports: fc.array(item, { maxLength: 3 }),
    env: fc.array(item, { maxLength: 3 }),
    tty: fc.boolean(),
    resources: fc.constantFrom({}, { limits: { cpu: '1' } }, { limits: {} }),
  },
  { requiredKeys: [] },
);
const pod = fc.record(
  {
    metadata: fc.record(
      {
        name: text,
        labels: fc.dictionary(text, text, { maxKeys: 3 }),
        finalizers: fc.array(text, { maxLength: 3 }),
        creationTimestamp: fc.constantFrom(null, '2024-01-01T00:00:00Z'),
      },
      { requiredKeys: [] },
    ),
    spec: fc.record(
      {
        containers: fc.oneof(fc.constant(null), fc.array(container, { maxLength: 3 })),
        nodeSelector: fc.dictionary(text, text, { maxKeys: 2 }),
        priority: fc.constantFrom(0, 5),
        hostNetwork: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
    status: fc.constantFrom({}, { phase: 'Pending' }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<JsonObject>;

describe('the shape of an object', () => {
  it('gives a creation the fields that comparing with nothing gives it', () => {
    fc.assert(
      fc.property(pod, (next) => {
        expect(quickWay(POD, next)).toEqual(longWay(POD, next));
      }),
      { numRuns: 2000 },
    );
  });

  it('does not depend on values, and does on names, keys of items and emptiness', () => {
    const of = (spec: JsonObject) => shapeOf(planOf(POD), { spec });
    const one = of({ containers: [{ name: 'c', image: 'nginx' }] });
    expect(of({ containers: [{ name: 'c', image: 'redis' }] })).toBe(one);
    expect(of({ containers: [{ name: 'd', image: 'nginx' }] })).not.toBe(one);
    expect(of({ containers: [{ name: 'c' }] })).not.toBe(one);
    expect(of({ containers: [] })).not.toBe(of({ containers: null }));
    const labelled = (labels: JsonObject) => shapeOf(planOf(POD), { metadata: { labels } });
    expect(labelled({ 'a1,2:b': 'value' })).not.toBe(labelled({ a: 'value', b: 'value' }));
  });
});
