// What the feature gates take, and what they do to the rows.
import { expect, test } from 'vitest';
import { pods } from './core/pod/pod.ts';
import { featureGatesText, parseFeatureGates, withFeatureGates } from './feature-gates.ts';
import { RESOURCES } from './table.ts';

test('gates are read as Kubernetes writes them, the last word counting', () => {
  expect(parseFeatureGates('')).toEqual([]);
  expect(featureGatesText(parseFeatureGates(' PodObservedGenerationTracking = true,'))).toBe(
    'PodObservedGenerationTracking=true',
  );
  expect(parseFeatureGates('PodObservedGenerationTracking=true')).toEqual(['PodObservedGenerationTracking']);
  expect(parseFeatureGates('PodObservedGenerationTracking=true,PodObservedGenerationTracking=false')).toEqual([]);
});

test('an unknown gate and an odd value are told', () => {
  expect(() => parseFeatureGates('Nope=true')).toThrow('unrecognized feature gate: Nope');
  expect(() => parseFeatureGates('PodObservedGenerationTracking=yes')).toThrow('want true or false');
});

test('the generation of Pods is counted only when it is asked for', () => {
  const row = (gates: readonly string[]) =>
    withFeatureGates(RESOURCES, gates).find((one) => one.kind === 'Pod' && one.group === '')?.generation;
  expect(row([])).toBe(pods.generation);
  expect(row(['PodObservedGenerationTracking'])).toBe('spec');
  expect(withFeatureGates(RESOURCES, ['PodObservedGenerationTracking'])).toHaveLength(RESOURCES.length);
});
