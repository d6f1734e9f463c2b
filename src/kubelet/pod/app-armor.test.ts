// Pods that want AppArmor on a host without it.
import { expect, test } from 'vitest';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { refuseAppArmor } from './app-armor.ts';

type Profile = { type: string; localhostProfile?: string };

function pod(own: Profile | undefined, shared?: Profile, where: 'containers' | 'initContainers' = 'containers'): Pod {
  const plain = { name: 'plain', image: 'x' };
  const container = own === undefined ? plain : { ...plain, securityContext: { appArmorProfile: own } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: {
      containers: where === 'containers' ? [container] : [{ ...plain, name: 'other' }],
      ...(where === 'containers' ? {} : { initContainers: [container] }),
      ...(shared === undefined ? {} : { securityContext: { appArmorProfile: shared } }),
    },
  };
}

test('a profile that nobody enforces keeps a pod from running, wherever it is asked for', () => {
  const refusal = { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' };
  expect(refuseAppArmor(pod({ type: 'RuntimeDefault' }), false)).toEqual(refusal);
  expect(refuseAppArmor(pod({ type: 'Localhost', localhostProfile: 'x' }, undefined, 'initContainers'), false)).toEqual(
    refusal,
  );
  expect(refuseAppArmor(pod(undefined, { type: 'RuntimeDefault' }), false)).toEqual(refusal);
});

test('pods that want none run, and all run where AppArmor is', () => {
  expect(refuseAppArmor(pod(undefined), false)).toBeUndefined();
  expect(refuseAppArmor(pod({ type: 'Unconfined' }, { type: 'RuntimeDefault' }), false)).toBeUndefined();
  expect(refuseAppArmor(pod({ type: 'RuntimeDefault' }), true)).toBeUndefined();
});
