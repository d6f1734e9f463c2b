// What was taken once, could not be created today, and stays as it was when something else changes.
import { expect, test } from 'vitest';
import type { KubeObject } from '../machinery/object.ts';
import { findResource } from './index.ts';

function judged(
  path: string,
  made: (touched: object) => object,
): { created: string[]; updated: string[]; changed: string[] } {
  const [group = '', plural = ''] = path.split('/');
  const row = findResource(group, 'v1', plural);
  if (row === undefined) throw new Error(`no ${path}`);
  const metadata = { name: 'a.b.c', namespace: row.namespaced ? 'default' : undefined, resourceVersion: '1', uid: 'u' };
  const object = (more: object, about: object = {}): KubeObject => {
    const draft = { metadata: { ...metadata, ...about }, ...made(more) } as KubeObject;
    row.strategy.applyDefaults?.(draft);
    return draft;
  };
  const old = object({});
  const fields = (errors: readonly { field: string }[]): string[] => errors.map(({ field }) => field);
  const context = { now: 0 } as never;
  return {
    created: fields(row.strategy.validate?.(object({}), context) ?? []),
    updated: fields(row.strategy.validateUpdate?.(object({}, { labels: { a: 'b' } }), old, context) ?? []),
    changed: fields(row.strategy.validateUpdate?.(object({ changed: true }), old, context) ?? []),
  };
}

test('endpoints without addresses', () => {
  const path = 'discovery.k8s.io/endpointslices';
  const { created, updated, changed } = judged(path, (more) => ({
    addressType: 'IPv4',
    ports: [],
    endpoints: [{ addresses: [], ...('changed' in more ? { nodeName: 'n' } : {}) }],
  }));
  expect(created).toEqual(['endpoints[0].addresses']);
  expect(updated).toEqual([]);
  expect(changed).toEqual(['endpoints[0].addresses']);
});

test('bad names of an ingress’s secrets', () => {
  const { created, updated } = judged('networking.k8s.io/ingresses', () => ({
    spec: { defaultBackend: { service: { name: 's', port: { number: 1 } } }, tls: [{ secretName: 'a/b' }] },
  }));
  expect(created).toEqual(['spec.tls[0].secretName']);
  expect(updated).toEqual([]);
});

test.each(['validatingadmissionpolicies', 'mutatingadmissionpolicies'])('match conditions of %s', (plural) => {
  const { created, updated, changed } = judged(`admissionregistration.k8s.io/${plural}`, (more) => ({
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      },
      matchConditions: [{ name: 'c', expression: 'changed' in more ? 'wrong(' : 'wrong' }],
      validations: [{ expression: 'true' }],
      reinvocationPolicy: 'Never',
      mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: "[JSONPatch{op: 'remove', path: '/a'}]" } }],
    },
  }));
  expect(created).toEqual(['spec.matchConditions[0].expression']);
  expect(updated).toEqual([]);
  expect(changed).toEqual(['spec.matchConditions[0].expression']);
});

test.each(['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'])('match conditions of %s', (plural) => {
  const { created, updated, changed } = judged(`admissionregistration.k8s.io/${plural}`, (more) => ({
    webhooks: [
      {
        name: 'a.b.c',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        clientConfig: { url: 'https://a.b/c' },
        matchConditions: [{ name: 'c', expression: 'changed' in more ? 'wrong(' : 'wrong' }],
      },
    ],
  }));
  expect(created).toEqual(['webhooks[0].matchConditions[0].expression']);
  expect(updated).toEqual([]);
  expect(changed).toEqual(['webhooks[0].matchConditions[0].expression']);
});
