// A pod with claims for devices goes nowhere until they are allocated, which drivers of devices would have to make possible.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import type { Plugin, Rejection } from '../framework.ts';

const rejection: Rejection = {
  plugin: 'DynamicResources',
  reasons: ['cannot allocate all claims'],
  resolvable: false,
};

export const dynamicResources: Plugin = {
  name: 'DynamicResources',
  weight: 0,
  wakes: new Set(['node-add', 'node-update', 'claim']),
  begin({ pod }, snapshot) {
    if ((pod.spec?.resourceClaims ?? []).length === 0 || !snapshot.lacksDevices(pod)) return undefined;
    return { filter: () => rejection };
  },
};
