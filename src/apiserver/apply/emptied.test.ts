// What a manager gives up inside of a map or list leaves that empty, as long as somebody still applies it.
import { expect, test } from 'vitest';
import type { JsonObject } from '../../machinery/object.ts';
import { builtinSchema } from '../../resources/schema/index.ts';
import { applyPatch } from './index.ts';

const containers = [{ name: 'c', image: 'i' }];
const schema = builtinSchema('io.k8s.api.core.v1.PodTemplate');

/** The pod's spec after one manager applied the specs one after the other. */
function after(...specs: JsonObject[]): unknown {
  let live: JsonObject | undefined;
  for (const spec of specs) {
    const applied = { apiVersion: 'v1', kind: 'PodTemplate', metadata: { name: 'a' }, template: { spec } };
    const { object = live ?? applied, managedFields } = applyPatch({
      schema,
      apiVersion: 'v1',
      kind: 'PodTemplate',
      live,
      applied,
      manager: 'm',
      force: false,
      time: '2026-01-01T00:00:00Z',
    });
    live = { ...object, metadata: { name: 'a', uid: 'u', ...(managedFields === undefined ? {} : { managedFields }) } };
  }
  return (live?.template as JsonObject | undefined)?.spec;
}

test('a volume keeps its source when the only thing that it said goes', () => {
  const volumes = (emptyDir: JsonObject): JsonObject => ({ containers, volumes: [{ name: 'v', emptyDir }] });
  expect(after(volumes({ sizeLimit: '1Gi' }), volumes({}))).toEqual(volumes({}));
});

test('an empty map stays empty, and goes when nobody applies it', () => {
  const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{}] } } };
  expect(after({ containers, affinity }, { containers, affinity: {} })).toEqual({ containers, affinity: {} });
  expect(after({ containers, affinity }, { containers })).toEqual({ containers });
});

test('an item of a list keeps its place when all but its key goes', () => {
  const container = (more: JsonObject): JsonObject => ({ containers: [{ name: 'c', image: 'i', ...more }] });
  expect(after(container({ securityContext: { privileged: true } }), container({ securityContext: {} }))).toEqual(
    container({ securityContext: {} }),
  );
});
