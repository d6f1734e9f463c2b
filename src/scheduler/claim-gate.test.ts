// Pods wait for the ResourceClaims they name, and say what they wait for.
import { expect, test } from 'vitest';
import type { Pod } from '../resources/generated/core-v1.ts';
import type { ResourceClaim } from '../resources/generated/resource-v1.ts';
import { ClaimGate } from './claim-gate.ts';

const claim = (name: string, status?: ResourceClaim['status']): ResourceClaim =>
  ({ metadata: { name, namespace: 'ns' }, spec: {}, ...(status === undefined ? {} : { status }) }) as ResourceClaim;

function pod(claims: object[], statuses: object[] = []): Pod {
  const spec = { containers: [], resourceClaims: claims };
  return {
    metadata: { name: 'p', namespace: 'ns' },
    spec,
    status: { resourceClaimStatuses: statuses },
  } as unknown as Pod;
}

test('a pod is held until all its claims are there, also those made from templates', () => {
  const there = new Map<string, ResourceClaim>();
  const gate = new ClaimGate({ get: (key) => there.get(key) });
  const named = pod([{ name: 'a', resourceClaimName: 'one' }]);
  const template = { name: 'b', resourceClaimTemplateName: 't' };
  expect(gate.holds('ns/p', named)).toBe(true);
  expect(gate.freed(claim('one'))).toEqual([named]);
  there.set('ns/one', claim('one'));
  expect(gate.holds('ns/p', named)).toBe(false);
  expect(gate.freed(claim('one'))).toEqual([]);
  expect(gate.holds('ns/p', pod([template]))).toBe(true);
  expect(gate.holds('ns/p', pod([template], [{ name: 'b', resourceClaimName: 'one' }]))).toBe(false);
  expect(gate.holds('ns/p', pod([template], [{ name: 'b' }]))).toBe(false);
  expect(gate.holds('ns/p', pod([]))).toBe(false);
});
