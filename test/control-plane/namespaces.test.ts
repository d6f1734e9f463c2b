// Namespaces and owners on the real API server: what a namespace is given, how it ends, what is deleted with its owner.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CONFIG_MAPS,
  CUSTOM_RESOURCE_DEFINITIONS,
  EVENTS,
  NAMESPACES,
  SECRETS,
  SERVICE_ACCOUNTS,
} from '../../src/client/index.ts';
import type { KubeObject } from '../../src/machinery/object.ts';
import type { ConfigMap } from '../../src/resources/generated/core-v1.ts';
import { eventually, maybe, type Plane, ROOT_CA, startPlane } from './plane.ts';

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane();
});
afterAll(async () => {
  await plane.stop();
  expect(plane.errors).toEqual([]);
});

let count = 0;
async function newNamespace(): Promise<string> {
  const name = `ns-${++count}`;
  await plane.client.resource(NAMESPACES).create('', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  return name;
}

type Owner = { apiVersion: string; kind: string; name: string; uid: string; blockOwnerDeletion?: boolean };
async function configMap(
  namespace: string,
  name: string,
  extra: { owners?: Owner[]; finalizers?: string[] } = {},
): Promise<ConfigMap> {
  return plane.client.resource(CONFIG_MAPS).create(namespace, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      ...(extra.owners === undefined ? {} : { ownerReferences: extra.owners }),
      ...(extra.finalizers === undefined ? {} : { finalizers: extra.finalizers }),
    },
  });
}

const ownedBy = (owner: ConfigMap, blockOwnerDeletion?: boolean): Owner => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: owner.metadata.name ?? '',
  uid: owner.metadata.uid ?? '',
  ...(blockOwnerDeletion === undefined ? {} : { blockOwnerDeletion }),
});

const there = (namespace: string, name: string): Promise<ConfigMap | undefined> =>
  maybe(plane.client.resource(CONFIG_MAPS).get(namespace, name));

describe('a new namespace', () => {
  it('gets the service account default and the cluster’s root certificate, and gets them back', async () => {
    const namespace = await newNamespace();
    const accounts = plane.client.resource(SERVICE_ACCOUNTS);
    const maps = plane.client.resource(CONFIG_MAPS);
    await eventually(() => maybe(accounts.get(namespace, 'default')));
    const map = await eventually(() => maybe(maps.get(namespace, 'kube-root-ca.crt')));
    expect(map.data).toEqual({ 'ca.crt': ROOT_CA });
    expect(Object.keys(map.metadata.annotations ?? {})).toEqual(['kubernetes.io/description']);
    await accounts.delete(namespace, 'default');
    await maps.patch(namespace, 'kube-root-ca.crt', 'merge', { data: { 'ca.crt': 'forged' } });
    await eventually(() => maybe(accounts.get(namespace, 'default')));
    await eventually(async () => (await maps.get(namespace, 'kube-root-ca.crt')).data?.['ca.crt'] === ROOT_CA);
  });
});

describe('a namespace that is deleted', () => {
  it('is emptied and goes', async () => {
    const namespace = await newNamespace();
    await eventually(() => maybe(plane.client.resource(SERVICE_ACCOUNTS).get(namespace, 'default')));
    await configMap(namespace, 'a');
    await plane.client
      .resource(SECRETS)
      .create(namespace, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, type: 'Opaque' });
    await plane.client.resource(NAMESPACES).delete('', namespace);
    await eventually(async () => (await maybe(plane.client.resource(NAMESPACES).get('', namespace))) === undefined);
    expect(await there(namespace, 'a')).toBeUndefined();
    expect((await plane.client.resource(SECRETS).list(namespace)).items).toEqual([]);
  });

  it('tells what holds it', async () => {
    const namespace = await newNamespace();
    await configMap(namespace, 'held', { finalizers: ['example.com/hold'] });
    await plane.client.resource(NAMESPACES).delete('', namespace);
    const held = await eventually(async () => {
      const found = await plane.client.resource(NAMESPACES).get('', namespace);
      return (found.status?.conditions ?? []).length === 5 && found;
    });
    const told = (held.status?.conditions ?? []).map((c) => [c.type, c.status, c.reason, c.message]);
    expect(told).toEqual([
      ['NamespaceDeletionDiscoveryFailure', 'False', 'ResourcesDiscovered', 'All resources successfully discovered'],
      [
        'NamespaceDeletionGroupVersionParsingFailure',
        'False',
        'ParsedGroupVersions',
        'All legacy kube types successfully parsed',
      ],
      [
        'NamespaceDeletionContentFailure',
        'False',
        'ContentDeleted',
        'All content successfully deleted, may be waiting on finalization',
      ],
      [
        'NamespaceContentRemaining',
        'True',
        'SomeResourcesRemain',
        'Some resources are remaining: configmaps. has 1 resource instances',
      ],
      [
        'NamespaceFinalizersRemaining',
        'True',
        'SomeFinalizersRemain',
        'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
      ],
    ]);
    await plane.client.resource(CONFIG_MAPS).patch(namespace, 'held', 'merge', { metadata: { finalizers: null } });
    await eventually(async () => (await maybe(plane.client.resource(NAMESPACES).get('', namespace))) === undefined);
  });
});

describe('what is owned', () => {
  it('goes with its last owner, and what it owns itself with it', async () => {
    const ns = await newNamespace();
    const a = await configMap(ns, 'a');
    const b = await configMap(ns, 'b');
    const both = await configMap(ns, 'both', { owners: [ownedBy(a), ownedBy(b)] });
    await configMap(ns, 'leaf', { owners: [ownedBy(both)] });
    await plane.client.resource(CONFIG_MAPS).delete(ns, 'a');
    await eventually(async () => (await there(ns, 'both'))?.metadata.ownerReferences?.length === 1);
    await plane.client.resource(CONFIG_MAPS).delete(ns, 'b');
    await eventually(async () => (await there(ns, 'both')) === undefined);
    await eventually(async () => (await there(ns, 'leaf')) === undefined);
  });

  it('goes first when the owner is deleted in the foreground', async () => {
    const ns = await newNamespace();
    const owner = await configMap(ns, 'owner');
    await configMap(ns, 'blocking', { owners: [ownedBy(owner, true)], finalizers: ['example.com/hold'] });
    await plane.client.resource(CONFIG_MAPS).delete(ns, 'owner', { propagationPolicy: 'Foreground' });
    await eventually(async () => (await there(ns, 'blocking'))?.metadata.deletionTimestamp !== undefined);
    expect((await there(ns, 'owner'))?.metadata.finalizers).toEqual(['foregroundDeletion']);
    await plane.client.resource(CONFIG_MAPS).patch(ns, 'blocking', 'merge', { metadata: { finalizers: null } });
    await eventually(async () => (await there(ns, 'owner')) === undefined);
    expect(await there(ns, 'blocking')).toBeUndefined();
  });

  it('stays without an owner when it is orphaned', async () => {
    const ns = await newNamespace();
    const owner = await configMap(ns, 'owner');
    await configMap(ns, 'child', { owners: [ownedBy(owner)] });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await plane.client.resource(CONFIG_MAPS).delete(ns, 'owner', { propagationPolicy: 'Orphan' });
    await eventually(async () => (await there(ns, 'owner')) === undefined);
    const child = await there(ns, 'child');
    expect(child?.metadata.ownerReferences ?? []).toEqual([]);
  });

  it('goes when its owner never was, or is in another namespace, which is told', async () => {
    const ns = await newNamespace();
    const elsewhere = await newNamespace();
    const owner = await configMap(elsewhere, 'owner');
    await configMap(ns, 'stray', { owners: [{ ...ownedBy(owner), name: 'none', uid: 'no-such-uid' }] });
    await configMap(ns, 'foreign', { owners: [ownedBy(owner)] });
    await eventually(async () => (await there(ns, 'stray')) === undefined);
    await eventually(async () => (await there(ns, 'foreign')) === undefined);
    const events = await eventually(async () => {
      const { items } = await plane.client.resource(EVENTS).list(ns);
      return items.length > 0 && items;
    });
    expect(events[0]?.reason).toBe('OwnerRefInvalidNamespace');
    expect(await there(elsewhere, 'owner')).toBeDefined();
  });

  it('may be of a custom kind, and own what is', async () => {
    const group = 'gc.example.com';
    await plane.client.resource(CUSTOM_RESOURCE_DEFINITIONS).create('', {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `things.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    });
    const ns = await newNamespace();
    const things = plane.client.resource<KubeObject>({
      group,
      version: 'v1',
      plural: 'things',
      kind: 'Thing',
      namespaced: true,
    });
    const thing = (name: string, ownerReferences: Owner[] = []): KubeObject => ({
      apiVersion: `${group}/v1`,
      kind: 'Thing',
      metadata: { name, ...(ownerReferences.length === 0 ? {} : { ownerReferences }) },
    });
    const owner = await eventually(() => things.create(ns, thing('owner')));
    const reference = { apiVersion: `${group}/v1`, kind: 'Thing', name: 'owner', uid: owner.metadata.uid ?? '' };
    await configMap(ns, 'of-thing', { owners: [reference] });
    const map = await configMap(ns, 'map');
    await things.create(ns, thing('of-map', [ownedBy(map)]));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await things.delete(ns, 'owner');
    await plane.client.resource(CONFIG_MAPS).delete(ns, 'map');
    await eventually(async () => (await there(ns, 'of-thing')) === undefined);
    await eventually(async () => (await maybe(things.get(ns, 'of-map'))) === undefined);
    await things.create(ns, thing('last'));
    await plane.client.resource(NAMESPACES).delete('', ns);
    await eventually(async () => (await maybe(plane.client.resource(NAMESPACES).get('', ns))) === undefined);
    await plane.client.resource(CUSTOM_RESOURCE_DEFINITIONS).delete('', `things.${group}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
  });
});
