// Which container a request for logs, exec or attach means.
import { describe, expect, test } from 'vitest';
import { chooseContainer, type StoredPod } from './nodes.ts';

function pod(
  containers: readonly string[],
  init: readonly string[] = [],
  ephemeral: readonly string[] = [],
): StoredPod {
  const of = (names: readonly string[]) => names.map((name) => ({ name, image: 'i' }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: of(containers), initContainers: of(init), ephemeralContainers: of(ephemeral) },
  };
}

describe('a container', () => {
  test('need not be named where there is one, whatever init and ephemeral containers stand beside it', () => {
    expect(chooseContainer({ pod: pod(['c'], ['i'], ['e']), wanted: '' })).toBe('c');
  });

  test('has to be named where there are several', () => {
    expect(() => chooseContainer({ pod: pod(['c', 'd'], ['i']), wanted: '' })).toThrow(
      'a container name must be specified for pod p, choose one of: [i c d]',
    );
    expect(() => chooseContainer({ pod: pod(['c']), wanted: 'x' })).toThrow('container x is not valid for pod p');
    expect(chooseContainer({ pod: pod(['c', 'd'], ['i']), wanted: 'i' })).toBe('i');
  });
});
