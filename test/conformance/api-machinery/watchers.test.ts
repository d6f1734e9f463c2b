// Watches: where they begin, what they show under a selector, and that all of them see the same in the same order.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONFIG_MAPS } from '../../../src/client/index.ts';
import type { ConfigMap } from '../../../src/resources/generated/core-v1.ts';
import { covers } from '../covers.ts';
import { eventually, type Followed, isRoot, type SimulatedCluster, startSimulated } from '../simulated.ts';

const LABEL = 'watch-this-configmap';
const configMap = (name: string, label: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels: { [LABEL]: label } },
});
const shown = ({ events }: Followed<ConfigMap>): string[] =>
  events.map(({ type, object }) => `${type} ${object.metadata.name} ${object.data?.mutation ?? '-'}`);

describe.skipIf(!isRoot)('watches (their nodes need root)', () => {
  let cluster: SimulatedCluster;
  beforeAll(async () => {
    cluster = await startSimulated();
  });
  afterAll(() => cluster?.stop());

  const maps = () => cluster.client.resource(CONFIG_MAPS);
  const mutate = (namespace: string, name: string, mutation: string) =>
    maps().patch(namespace, name, 'merge', { data: { mutation } });

  it.concurrent(covers('watch-configmaps-with-multiple-watchers'), async () => {
    const namespace = await cluster.namespace();
    const follow = (labelSelector: string) => cluster.follow(CONFIG_MAPS, namespace, { labelSelector });
    const a = follow(`${LABEL}=A`);
    const b = follow(`${LABEL}=B`);
    const both = follow(`${LABEL} in (A,B)`);
    await maps().create(namespace, configMap('a', 'A'));
    await mutate(namespace, 'a', '1');
    await mutate(namespace, 'a', '2');
    await maps().delete(namespace, 'a');
    await maps().create(namespace, configMap('b', 'B'));
    await maps().delete(namespace, 'b');
    const ofA = ['ADDED a -', 'MODIFIED a 1', 'MODIFIED a 2', 'DELETED a 2'];
    const ofB = ['ADDED b -', 'DELETED b -'];
    await both.until((event) => event.type === 'DELETED' && event.object.metadata.name === 'b');
    await b.until((event) => event.type === 'DELETED');
    await a.until((event) => event.type === 'DELETED');
    expect(shown(a)).toEqual(ofA);
    expect(shown(b)).toEqual(ofB);
    expect(shown(both)).toEqual([...ofA, ...ofB]);
    for (const followed of [a, b, both]) followed.stop();
  });

  it.concurrent(covers('watch-configmaps-from-resource-version'), async () => {
    const namespace = await cluster.namespace();
    await maps().create(namespace, configMap('from', 'A'));
    const first = await mutate(namespace, 'from', '1');
    await mutate(namespace, 'from', '2');
    await maps().delete(namespace, 'from');
    const followed = cluster.follow(CONFIG_MAPS, namespace, {
      labelSelector: `${LABEL}=A`,
      resourceVersion: first.metadata.resourceVersion ?? '',
    });
    await followed.until(({ type }) => type === 'DELETED');
    expect(shown(followed)).toEqual(['MODIFIED from 2', 'DELETED from 2']);
    followed.stop();
  });

  it.concurrent(covers('watch-configmaps-closed-and-restarted'), async () => {
    const namespace = await cluster.namespace();
    const labelSelector = `${LABEL}=again`;
    const before = cluster.follow(CONFIG_MAPS, namespace, { labelSelector });
    await maps().create(namespace, configMap('again', 'again'));
    await mutate(namespace, 'again', '1');
    const last = await before.until(({ type }) => type === 'MODIFIED');
    before.stop();
    await mutate(namespace, 'again', '2');
    await eventually(async () => before.ended);
    const after = cluster.follow(CONFIG_MAPS, namespace, {
      labelSelector,
      resourceVersion: last.object.metadata.resourceVersion ?? '',
    });
    await maps().delete(namespace, 'again');
    await after.until(({ type }) => type === 'DELETED');
    expect(shown(after)).toEqual(['MODIFIED again 2', 'DELETED again 2']);
    after.stop();
  });

  it.concurrent(covers('watch-configmaps-label-changed'), async () => {
    const namespace = await cluster.namespace();
    const followed = cluster.follow(CONFIG_MAPS, namespace, { labelSelector: `${LABEL}=here` });
    const label = (value: string) =>
      maps().patch(namespace, 'moving', 'merge', { metadata: { labels: { [LABEL]: value } } });
    await maps().create(namespace, configMap('moving', 'here'));
    await mutate(namespace, 'moving', '1');
    await label('elsewhere');
    await followed.until(({ type }) => type === 'DELETED');
    await mutate(namespace, 'moving', '2');
    await label('here');
    await mutate(namespace, 'moving', '3');
    await maps().delete(namespace, 'moving');
    await followed.until(({ type }) => type === 'DELETED');
    expect(shown(followed)).toEqual([
      'ADDED moving -',
      'MODIFIED moving 1',
      'DELETED moving 1',
      'ADDED moving 2',
      'MODIFIED moving 3',
      'DELETED moving 3',
    ]);
    const versions = followed.events.map(({ object }) => Number(object.metadata.resourceVersion));
    expect(versions).toEqual(versions.toSorted((x, y) => x - y));
    expect(new Set(versions).size).toBe(versions.length);
    followed.stop();
  });

  it.concurrent(covers('watch-consistency'), async () => {
    const namespace = await cluster.namespace();
    const { metadata } = await maps().list(namespace);
    const follow = (resourceVersion: string) => cluster.follow(CONFIG_MAPS, namespace, { resourceVersion });
    const first = follow(metadata.resourceVersion ?? '');
    const others: { followed: Followed<ConfigMap>; since: number }[] = [];
    const write = async (worker: number): Promise<void> => {
      for (let i = 0; i < 12; i++) {
        const name = `w${worker}-${i}`;
        await maps().create(namespace, configMap(name, 'A'));
        await mutate(namespace, name, '1');
        if (i % 2 === 0) await maps().delete(namespace, name);
      }
    };
    const writing = Promise.all([0, 1, 2].map(write));
    for (let i = 0; i < 15; i++) {
      const event = await first.until(() => true);
      const since = first.events.indexOf(event) + 1;
      others.push({ followed: follow(event.object.metadata.resourceVersion ?? ''), since });
    }
    await writing;
    const versions = ({ events }: Followed<ConfigMap>) => events.map(({ object }) => object.metadata.resourceVersion);
    const total = 3 * (12 * 2 + 6);
    await eventually(async () => first.events.length === total);
    for (const { followed, since } of others) {
      await eventually(async () => followed.events.length >= total - since);
      expect(versions(followed)).toEqual(versions(first).slice(since));
      followed.stop();
    }
    first.stop();
  });
});
