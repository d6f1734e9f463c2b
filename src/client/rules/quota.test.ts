// What counts against a quota, and which pods and claims a quota with scopes is about.
import { describe, expect, test } from 'vitest';
import type { PersistentVolumeClaim, Pod } from '../../resources/generated/core-v1.ts';
import type { ResourceClaim } from '../../resources/generated/resource-v1.ts';
import { claimInScope, podInScope } from './quota-scopes.ts';
import { claimUsage, deviceClaimUsage, podUsage, type Usage } from './quota-usage.ts';

const shown = (usage: Usage): Record<string, string> =>
  Object.fromEntries([...usage].map(([name, amount]) => [name, amount.toString()]));
const pod = (spec: object, status: object = {}, metadata: object = {}): Pod =>
  ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', ...metadata }, spec, status }) as unknown as Pod;
const claim = (spec: object, status: object = {}): PersistentVolumeClaim =>
  ({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'c' }, spec, status }) as PersistentVolumeClaim;
const one = (requests: object, limits: object = {}) => ({ name: 'c', image: 'i', resources: { requests, limits } });

describe('pods', () => {
  test('count for what their containers ask for together, and huge pages by their own name', () => {
    const asked = pod({
      containers: [one({ cpu: '1', 'hugepages-2Mi': '4Mi', 'sea.example.com/krill': '3' }, { cpu: '2' })],
      initContainers: [{ ...one({ cpu: '1500m' }), name: 'i' }],
    });
    expect(shown(podUsage(asked))).toEqual({
      'count/pods': '1',
      pods: '1',
      cpu: '1500m',
      'requests.cpu': '1500m',
      'limits.cpu': '2',
      'hugepages-2Mi': '4Mi',
      'requests.hugepages-2Mi': '4Mi',
      'requests.sea.example.com/krill': '3',
    });
  });

  test('that are being made smaller count for what is still in force', () => {
    const status = { containerStatuses: [{ name: 'c', resources: { requests: { cpu: '3', memory: '1Mi' } } }] };
    const usage = shown(podUsage(pod({ containers: [one({ cpu: '1', memory: '2Mi' })] }, status)));
    expect(usage).toMatchObject({ 'requests.cpu': '3', 'requests.memory': '2Mi' });
  });

  test('that have ended, or should be gone, are objects and no more', () => {
    const spec = { containers: [one({ cpu: '1' })] };
    const going = { deletionTimestamp: '2026-01-02T03:04:05Z', deletionGracePeriodSeconds: 30 };
    const at = Date.parse(going.deletionTimestamp);
    expect(shown(podUsage(pod(spec, { phase: 'Failed' })))).toEqual({ 'count/pods': '1' });
    expect(shown(podUsage(pod(spec, {}, going), at + 29_000))).toHaveProperty('pods', '1');
    expect(shown(podUsage(pod(spec, {}, going), at + 31_000))).toEqual({ 'count/pods': '1' });
  });

  test('are in a scope by their deadline, quality of service and priority', () => {
    const plain = pod({ containers: [one({})] });
    const urgent = pod({ activeDeadlineSeconds: 5, priorityClassName: 'high', containers: [one({ cpu: '1' })] });
    const scoped = (...scopes: string[]) => [plain, urgent].map((p) => podInScope(p, { scopes }));
    expect(scoped()).toEqual([true, true]);
    expect(scoped('Terminating')).toEqual([false, true]);
    expect(scoped('NotTerminating', 'BestEffort')).toEqual([true, false]);
    expect(scoped('PriorityClass')).toEqual([false, true]);
    expect(scoped('VolumeAttributesClass')).toEqual([false, false]);
    const not = { scopeName: 'PriorityClass', operator: 'NotIn', values: ['high'] };
    expect([plain, urgent].map((p) => podInScope(p, { scopeSelector: { matchExpressions: [not] } }))).toEqual([
      true,
      false,
    ]);
  });
});

test('claims for devices count for the most that they may be given of each class', () => {
  const ask = (deviceClassName: string, count?: number) =>
    count === undefined
      ? { deviceClassName, allocationMode: 'All' }
      : { deviceClassName, allocationMode: 'ExactCount', count };
  const requests = [
    { name: 'a', exactly: ask('gold', 2) },
    { name: 'b', firstAvailable: [ask('gold', 1), ask('gold', 3), ask('lead')] },
  ];
  expect(shown(deviceClaimUsage({ spec: { devices: { requests } } } as unknown as ResourceClaim))).toEqual({
    'count/resourceclaims.resource.k8s.io': '1',
    'gold.deviceclass.resource.k8s.io/devices': '5',
    'lead.deviceclass.resource.k8s.io/devices': '32',
  });
});

describe('claims', () => {
  const requests = { storage: '1Gi' };

  test('count for their storage, by class too, and for what was allocated before the asking was taken back', () => {
    const own = 'gold.storageclass.storage.k8s.io/';
    const small = claim({ storageClassName: 'gold', resources: { requests } });
    expect(shown(claimUsage(small))).toEqual({
      'count/persistentvolumeclaims': '1',
      persistentvolumeclaims: '1',
      'requests.storage': '1Gi',
      [`${own}persistentvolumeclaims`]: '1',
      [`${own}requests.storage`]: '1Gi',
    });
    const shrunk = claim({ resources: { requests } }, { allocatedResources: { storage: '3Gi' } });
    expect(shown(claimUsage(shrunk))).toHaveProperty('requests.storage', '3Gi');
  });

  test('are in the scope of the class they have as well as of the class they are to get', () => {
    const changing = claim({ volumeAttributesClassName: 'silver' }, { currentVolumeAttributesClassName: 'gold' });
    const of = (operator: string, ...values: string[]) =>
      claimInScope(changing, {
        scopeSelector: { matchExpressions: [{ scopeName: 'VolumeAttributesClass', operator, values }] },
      });
    expect([of('In', 'gold'), of('In', 'silver'), of('In', 'lead'), of('Exists')]).toEqual([true, true, false, true]);
    expect(of('DoesNotExist')).toBe(false);
    expect(claimInScope(claim({}), { scopes: ['VolumeAttributesClass'] })).toBe(false);
    expect(claimInScope(changing, { scopes: ['BestEffort'] })).toBe(false);
  });
});
