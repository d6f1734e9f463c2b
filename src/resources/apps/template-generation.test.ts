// The generation of a DaemonSet's template, which an annotation carries.
import { expect, it } from 'vitest';
import type { DaemonSet } from '../generated/apps-v1.ts';
import { daemonSets } from './daemon-set.ts';

const set = (generation?: string): DaemonSet => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: {
    name: 'd',
    ...(generation === undefined ? {} : { annotations: { 'deprecated.daemonset.template.generation': generation } }),
  },
});

it.each([
  ['', 'strconv.ParseInt: parsing "": invalid syntax'],
  ['one', 'strconv.ParseInt: parsing "one": invalid syntax'],
  ['1.0', 'strconv.ParseInt: parsing "1.0": invalid syntax'],
  ['9223372036854775808', 'strconv.ParseInt: parsing "9223372036854775808": value out of range'],
])('A DaemonSet whose template is of generation %j cannot be read', (generation, problem) => {
  expect(daemonSets.unreadable?.(set(generation))).toBe(problem);
});

it.each([undefined, '0', '-3', '+3', '9223372036854775807'])(
  'One whose template is of generation %j can',
  (generation) => {
    expect(daemonSets.unreadable?.(set(generation))).toBeUndefined();
  },
);
