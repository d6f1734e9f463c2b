// What the behaviours of several workloads have in common: status as a subresource, scale, and deletion of a collection.
import { expect } from 'vitest';
import type { Client, ResourceRef } from '../../../src/client/index.ts';
import { getPath } from '../../../src/machinery/json.ts';
import type { JsonObject, KubeObject } from '../../../src/machinery/object.ts';
import { eventually, type SimulatedCluster } from '../simulated.ts';

export interface Workload extends KubeObject {
  spec?: JsonObject;
  status?: JsonObject;
}

export const IMAGE = 'registry.test/i:1';

export const templateOf = (labels: Record<string, string>, more: JsonObject = {}, metadata: JsonObject = {}) => ({
  metadata: { labels, ...metadata },
  spec: { containers: [{ name: 'c', image: IMAGE }], ...more },
});

export interface Kind {
  readonly ref: ResourceRef<KubeObject>;
  /** Makes an object of the kind for pods with these labels. */
  readonly make: (name: string, labels: Record<string, string>) => KubeObject;
}

export const statusOf = (client: Client, ref: ResourceRef<KubeObject>, namespace: string, name: string) =>
  client
    .resource(ref)
    .get(namespace, name)
    .then((object) => (object as Workload).status ?? {});

/** Waits until a number in the status is as wanted. */
export const untilStatus = (
  client: Client,
  at: { ref: ResourceRef<KubeObject>; namespace: string; name: string },
  wanted: Readonly<Record<string, unknown>>,
): Promise<boolean> =>
  eventually(async () => {
    const status = await statusOf(client, at.ref, at.namespace, at.name);
    return Object.entries(wanted).every(([key, value]) => (status[key] ?? 0) === value);
  });

const pathOf = ({ group, version, plural }: ResourceRef<KubeObject>, namespace: string, name: string): string =>
  `${group === '' ? '/api' : `/apis/${group}`}/${version}/namespaces/${namespace}/${plural}/${name}`;

/** Status can be read, updated and patched by itself, and what was written is there afterwards; the spec stays. */
export async function checkStatusSubresource(cluster: SimulatedCluster, { ref, make }: Kind): Promise<void> {
  const namespace = await cluster.namespace();
  const resource = cluster.client.resource(ref);
  await resource.create(namespace, make('s', { app: 's' }));
  const read = await cluster.call('GET', `${pathOf(ref, namespace, 's')}/status`);
  expect(read).toMatchObject({ status: 200, body: { kind: ref.kind, metadata: { name: 's' } } });
  const condition = (type: string) => ({ type, status: 'True', reason: 'E2E', message: `Set by ${type}` });
  const conditionsOf = async (): Promise<unknown[]> => {
    const { conditions = [] } = await statusOf(cluster.client, ref, namespace, 's');
    return conditions as unknown[];
  };
  await eventually(async () => {
    const found = (await resource.get(namespace, 's')) as Workload;
    const conditions = [...((found.status?.conditions ?? []) as unknown[]), condition('StatusUpdate')];
    await resource.updateStatus({ ...found, status: { ...found.status, conditions } } as Workload);
    return true;
  });
  expect(await conditionsOf()).toContainEqual(expect.objectContaining(condition('StatusUpdate')));
  const before = (await resource.get(namespace, 's')) as Workload;
  const patch = { spec: { minReadySeconds: 77 }, status: { conditions: [condition('StatusPatched')] } };
  await resource.patch(namespace, 's', 'merge', patch, { subresource: 'status' });
  expect(await conditionsOf()).toContainEqual(expect.objectContaining(condition('StatusPatched')));
  const after = (await resource.get(namespace, 's')) as Workload;
  expect(after.spec).toEqual(before.spec);
}

/** The scale subresource reads, is replaced, is patched; pods follow. */
export async function checkScale(cluster: SimulatedCluster, { ref, make }: Kind): Promise<void> {
  const namespace = await cluster.namespace();
  await cluster.client.resource(ref).create(namespace, make('s', { app: 's' }));
  const at = { ref, namespace, name: 's' };
  await untilStatus(cluster.client, at, { readyReplicas: 1 });
  const path = `${pathOf(ref, namespace, 's')}/scale`;
  const scale = await cluster.call('GET', path);
  expect(scale.body).toMatchObject({ kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 1 } });
  const put = await cluster.call('PUT', path, {
    ...scale.body,
    metadata: { name: 's', namespace },
    spec: { replicas: 2 },
  });
  expect(put).toMatchObject({ status: 200, body: { spec: { replicas: 2 } } });
  await untilStatus(cluster.client, at, { replicas: 2, readyReplicas: 2 });
  const found = (await cluster.client.resource(ref).get(namespace, 's')) as Workload;
  expect(found.spec?.replicas).toBe(2);
  const patched = await cluster.call(
    'PATCH',
    path,
    { spec: { replicas: 4 } },
    { type: 'application/merge-patch+json' },
  );
  expect(patched.body).toMatchObject({ spec: { replicas: 4 } });
  await untilStatus(cluster.client, at, { replicas: 4 });
}

/** Objects are found by a label in all namespaces and go as a collection; others stay. */
export async function checkCollection(cluster: SimulatedCluster, { ref, make }: Kind): Promise<void> {
  const namespace = await cluster.namespace();
  const resource = cluster.client.resource(ref);
  const labelled = (name: string, value: string): KubeObject => {
    const object = make(name, { app: name });
    return { ...object, metadata: { ...object.metadata, labels: { collection: value } } };
  };
  const labelSelector = `collection=${namespace}`;
  for (const name of ['one', 'two']) await resource.create(namespace, labelled(name, namespace));
  await resource.create(namespace, labelled('other', 'other'));
  expect((await resource.list('', { labelSelector })).items).toHaveLength(2);
  await resource.patch(namespace, 'one', 'strategic', { metadata: { annotations: { patched: 'yes' } } });
  expect((await resource.get(namespace, 'one')).metadata.annotations).toMatchObject({ patched: 'yes' });
  await resource.deleteCollection(namespace, { labelSelector });
  await eventually(async () => (await resource.list('', { labelSelector })).items.length === 0);
  expect(getPath(await resource.get(namespace, 'other'), ['metadata', 'deletionTimestamp'])).toBeUndefined();
}
