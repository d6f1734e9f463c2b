// Projected and downward API volumes, and subPaths of all volumes made of files, in real containers.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONFIG_MAPS, NODES, PODS, SECRETS } from '../../../src/client/index.ts';
import { parseQuantity } from '../../../src/machinery/quantity.ts';
import type { Container, PodSpec, VolumeProjection } from '../../../src/resources/generated/core-v1.ts';
import { covers } from '../covers.ts';
import { Bed, type Room, sh, skipReason, withVolume } from './bed.ts';

const show = (file: string): string => `stat -Lc "%A %u:%g" ${file}; cat ${file}`;
const USER = { securityContext: { runAsUser: 1000 } };
const PLAIN = '-rw-r--r-- 0:0\n';
const projected = (...sources: VolumeProjection[]) => ({ projected: { sources } });
const KEYS = [
  ['cpu_limit', 'limits.cpu', '1m'],
  ['cpu_request', 'requests.cpu', '1m'],
  ['memory_limit', 'limits.memory', '1Mi'],
  ['memory_request', 'requests.memory', '1Mi'],
] as const;
const RESOURCES = { requests: { cpu: '25m', memory: '32Mi' }, limits: { cpu: '1250m', memory: '64Mi' } };
const resource = (name: string, divisor?: string) => ({
  items: [
    {
      path: 'r',
      resourceFieldRef: { containerName: 'c', resource: name, ...(divisor === undefined ? {} : { divisor }) },
    },
  ],
});
const field = (fieldPath: string, more: object = {}) => ({
  items: [{ path: 'podinfo', fieldRef: { fieldPath }, ...more }],
});

let bed: Bed;
let room: Room;

/** What a container with requests and limits (or none) reads of itself in a file. */
function ownResource(source: object, resources: Container['resources']): Promise<string> {
  const volumeMounts = [{ name: 'v', mountPath: '/v' }];
  const container = sh('cat /v/r', { volumeMounts, ...(resources === undefined ? {} : { resources }) });
  return room.output({ containers: [container], volumes: [{ name: 'v', ...source }] });
}

async function allocatable(name: 'cpu' | 'memory'): Promise<bigint> {
  const [node] = (await bed.client.resource(NODES).list('')).items;
  return parseQuantity(node?.status?.allocatable?.[name] ?? '').value();
}

/** Labels or annotations reach the file of a pod that runs. */
async function follows(what: 'labels' | 'annotations', source: (item: object) => object): Promise<void> {
  const spec = withVolume('while true; do cat /v/podinfo; echo; sleep 0.05; done', source(field(`metadata.${what}`)));
  const pod = await room.start(spec, { [what]: { key1: 'value1', key2: 'value2' } });
  await room.logs(pod, 'key1="value1"\nkey2="value2"\n');
  await bed.client
    .resource(PODS)
    .patch(room.namespace, pod, 'merge', { metadata: { [what]: { key3: what === 'labels' ? 'c' : 'a "b"\nc' } } });
  await room.logs(pod, `key2="value2"\nkey3="${what === 'labels' ? 'c' : 'a \\"b\\"\\nc'}"\n`);
  await room.delete(pod);
}

/** One volume kind's subPath: the whole file, and the file below a directory. */
async function throughSubPath(source: object, file: string, wanted: RegExp): Promise<void> {
  const volumeMounts = [
    { name: 'v', mountPath: '/one/file', subPath: file },
    { name: 'v', mountPath: '/dir' },
  ];
  const text = await room.output({
    containers: [sh(`cat /one/file; echo; cat /dir/${file}`, { volumeMounts })],
    volumes: [{ name: 'v', ...source }],
  });
  const [one, other] = text.split('\n');
  expect(one).toBe(other);
  expect(one).toMatch(wanted);
}

describe.skipIf(skipReason !== undefined)(`projected volumes (${skipReason ?? 'real containers'})`, () => {
  beforeAll(async () => {
    bed = await Bed.open();
    room = await bed.room();
  }, 120_000);
  afterAll(() => bed?.close(), 60_000);

  describe.concurrent('a downward API volume', () => {
    const downward = (item: object) => ({ downwardAPI: item });

    it(covers('DownwardAPI volume, pod name'), async () => {
      const text = await room.output(withVolume('cat /v/podinfo', downward(field('metadata.name'))), {
        name: 'my-name',
      });
      expect(text).toBe('my-name');
    });

    it(covers('DownwardAPI volume, volume mode 0400'), async () => {
      const source = { downwardAPI: { ...field('metadata.namespace'), defaultMode: 0o400 } };
      expect(await room.output(withVolume(show('/v/podinfo'), source))).toBe(`-r-------- 0:0\n${room.namespace}`);
    });

    it(covers('DownwardAPI volume, file mode 0400'), async () => {
      const source = downward(field('metadata.namespace', { mode: 0o400 }));
      expect(await room.output(withVolume(show('/v/podinfo'), source))).toBe(`-r-------- 0:0\n${room.namespace}`);
    });

    it(covers('DownwardAPI volume, update label'), () => follows('labels', downward));

    it(covers('DownwardAPI volume, update annotations'), () => follows('annotations', downward));

    it(covers('DownwardAPI volume, CPU limits'), async () => {
      expect(await ownResource(downward(resource('limits.cpu')), RESOURCES)).toBe('2');
      expect(await ownResource(downward(resource('limits.cpu', '1m')), RESOURCES)).toBe('1250');
    });

    it(covers('DownwardAPI volume, CPU request'), async () => {
      expect(await ownResource(downward(resource('requests.cpu')), RESOURCES)).toBe('1');
      expect(await ownResource(downward(resource('requests.cpu', '1m')), RESOURCES)).toBe('25');
    });

    it(covers('DownwardAPI volume, memory limits'), async () => {
      expect(await ownResource(downward(resource('limits.memory')), RESOURCES)).toBe('67108864');
    });

    it(covers('DownwardAPI volume, memory request'), async () => {
      expect(await ownResource(downward(resource('requests.memory', '1Mi')), RESOURCES)).toBe('32');
    });

    it(covers('DownwardAPI volume, CPU limit, default node allocatable'), async () => {
      expect(await ownResource(downward(resource('limits.cpu')), undefined)).toBe(String(await allocatable('cpu')));
    });

    it(covers('DownwardAPI volume, memory limit, default node allocatable'), async () => {
      expect(await ownResource(downward(resource('limits.memory')), undefined)).toBe(
        String(await allocatable('memory')),
      );
    });
  });

  describe.concurrent('a projected downward API', () => {
    const source = (item: object) => projected({ downwardAPI: item });

    it(covers('Projected Volume, DownwardAPI, pod name'), async () => {
      const text = await room.output(withVolume('cat /v/podinfo', source(field('metadata.name'))), {
        name: 'projected-name',
      });
      expect(text).toBe('projected-name');
    });

    it(covers('Projected Volume, DownwardAPI, volume mode 0400'), async () => {
      const volume = { projected: { defaultMode: 0o400, sources: [{ downwardAPI: field('metadata.namespace') }] } };
      expect(await room.output(withVolume(show('/v/podinfo'), volume))).toBe(`-r-------- 0:0\n${room.namespace}`);
    });

    it(covers('Projected Volume, DownwardAPI, volume mode 0400 (2)'), async () => {
      const volume = source(field('metadata.namespace', { mode: 0o400 }));
      expect(await room.output(withVolume(show('/v/podinfo'), volume))).toBe(`-r-------- 0:0\n${room.namespace}`);
    });

    it(covers('Projected Volume, DownwardAPI, update labels'), () => follows('labels', source));

    it(covers('Projected Volume, DownwardAPI, update annotation'), () => follows('annotations', source));

    it(covers('Projected Volume, DownwardAPI, CPU limits'), async () => {
      expect(await ownResource(source(resource('limits.cpu', '1m')), RESOURCES)).toBe('1250');
    });

    it(covers('Projected Volume, DownwardAPI, CPU request'), async () => {
      expect(await ownResource(source(resource('requests.cpu', '1m')), RESOURCES)).toBe('25');
    });

    it(covers('Projected Volume, DownwardAPI, memory limits'), async () => {
      expect(await ownResource(source(resource('limits.memory', '1Mi')), RESOURCES)).toBe('64');
    });

    it(covers('Projected Volume, DownwardAPI, memory request'), async () => {
      expect(await ownResource(source(resource('requests.memory')), RESOURCES)).toBe('33554432');
    });

    it(covers('Projected Volume, DownwardAPI, CPU limit, node allocatable'), async () => {
      const milli = (await allocatable('cpu')) * 1000n;
      expect(await ownResource(source(resource('limits.cpu', '1m')), undefined)).toBe(String(milli));
    });

    it(covers('Projected Volume, DownwardAPI, memory limit, node allocatable'), async () => {
      expect(await ownResource(source(resource('limits.memory')), undefined)).toBe(String(await allocatable('memory')));
    });
  });

  describe.concurrent('a projected ConfigMap', () => {
    it(covers('Projected Volume, ConfigMap, volume mode default'), async () => {
      const name = await room.configMap({ 'data-1': 'value-1' });
      const text = await room.output(withVolume(show('/v/data-1'), projected({ configMap: { name } })));
      expect(text).toBe(`${PLAIN}value-1`);
    });

    it(covers('Projected Volume, ConfigMap, non-root user'), async () => {
      const name = await room.configMap({ 'data-1': 'value-1' });
      const text = await room.output(withVolume(show('/v/data-1'), projected({ configMap: { name } }), USER));
      expect(text).toBe(`${PLAIN}value-1`);
    });

    it(covers('Projected Volume, ConfigMap, volume mode 0400'), async () => {
      const name = await room.configMap({ 'data-1': 'value-1' });
      const volume = { projected: { defaultMode: 0o400, sources: [{ configMap: { name } }] } };
      expect(await room.output(withVolume(show('/v/data-1'), volume))).toBe('-r-------- 0:0\nvalue-1');
    });

    it(covers('Projected Volume, ConfigMap, mapped'), async () => {
      const name = await room.configMap({ 'data-2': 'value-2' });
      const items = [{ key: 'data-2', path: 'path/to/data-2' }];
      const text = await room.output(withVolume(show('/v/path/to/data-2'), projected({ configMap: { name, items } })));
      expect(text).toBe(`${PLAIN}value-2`);
    });

    it(covers('Projected Volume, ConfigMap, mapped, volume mode 0400'), async () => {
      const name = await room.configMap({ 'data-2': 'value-2' });
      const items = [{ key: 'data-2', path: 'path/to/data-2', mode: 0o400 }];
      const text = await room.output(withVolume(show('/v/path/to/data-2'), projected({ configMap: { name, items } })));
      expect(text).toBe('-r-------- 0:0\nvalue-2');
    });

    it(covers('Projected Volume, ConfigMap, mapped, non-root user'), async () => {
      const name = await room.configMap({ 'data-2': 'value-2' });
      const items = [{ key: 'data-2', path: 'path/to/data-2' }];
      const source = projected({ configMap: { name, items } });
      expect(await room.output(withVolume(show('/v/path/to/data-2'), source, USER))).toBe(`${PLAIN}value-2`);
    });

    it(covers('Projected Volume, ConfigMap, multiple volume paths'), async () => {
      const name = await room.configMap({ 'data-1': 'value-1' });
      const text = await room.output(twice(projected({ configMap: { name } })));
      expect(text).toBe(`${PLAIN}value-1`.repeat(2));
    });

    it(covers('Projected Volume, ConfigMap, update'), async () => {
      const name = await room.configMap({ 'data-1': 'value-1' });
      const script = 'while true; do cat /v/data-1; echo; sleep 0.05; done';
      const pod = await room.start(withVolume(script, projected({ configMap: { name } })));
      await room.logs(pod, 'value-1');
      await bed.client.resource(CONFIG_MAPS).patch(room.namespace, name, 'merge', { data: { 'data-1': 'value-2' } });
      await room.logs(pod, 'value-2');
      await room.delete(pod);
    });

    it(covers('Projected Volume, ConfigMap, create, update and delete'), async () => {
      const names = [room.fresh(), await room.configMap({ a: 'value-1' }), await room.configMap({ a: 'value-1' })];
      const [created = '', updated = '', deleted = ''] = names;
      const pod = await room.start(optionals(names.map((name) => projected({ configMap: { name, optional: true } }))));
      await room.logs(pod, '0=- 1=value-1 2=value-1');
      const maps = bed.client.resource(CONFIG_MAPS);
      await room.configMap({ a: 'value-1' }, {}, created);
      await maps.patch(room.namespace, updated, 'merge', { data: { a: 'value-2' } });
      await maps.delete(room.namespace, deleted);
      await room.logs(pod, '0=value-1 1=value-2 2=-');
      await room.delete(pod);
    });
  });

  describe.concurrent('a projected Secret', () => {
    it(covers('Projected Volume, Secrets, volume mode default'), async () => {
      const name = await room.secret({ 'data-1': 'value-1' });
      const text = await room.output(withVolume(show('/v/data-1'), projected({ secret: { name } })));
      expect(text).toBe(`${PLAIN}value-1`);
    });

    it(covers('Project Volume, Secrets, non-root, custom fsGroup'), async () => {
      const name = await room.secret({ 'data-1': 'value-1' });
      const volume = { projected: { defaultMode: 0o440, sources: [{ secret: { name } }] } };
      const securityContext = { runAsUser: 1000, fsGroup: 1001 };
      const text = await room.output(withVolume(show('/v/data-1'), volume, { securityContext }));
      expect(text).toBe('-r--r----- 0:1001\nvalue-1');
    });

    it(covers('Projected Volume, Secrets, volume mode 0400'), async () => {
      const name = await room.secret({ 'data-1': 'value-1' });
      const volume = { projected: { defaultMode: 0o400, sources: [{ secret: { name } }] } };
      expect(await room.output(withVolume(show('/v/data-1'), volume))).toBe('-r-------- 0:0\nvalue-1');
    });

    it(covers('Projected Volume, Secrets, mapped'), async () => {
      const name = await room.secret({ 'data-1': 'value-1' });
      const items = [{ key: 'data-1', path: 'new-path-data-1' }];
      const text = await room.output(withVolume(show('/v/new-path-data-1'), projected({ secret: { name, items } })));
      expect(text).toBe(`${PLAIN}value-1`);
    });

    it(covers('Projected Volume, Secrets, mapped, volume mode 0400'), async () => {
      const name = await room.secret({ 'data-1': 'value-1' });
      const items = [{ key: 'data-1', path: 'new-path-data-1', mode: 0o400 }];
      const text = await room.output(withVolume(show('/v/new-path-data-1'), projected({ secret: { name, items } })));
      expect(text).toBe('-r-------- 0:0\nvalue-1');
    });

    it(covers('Projected Volume, Secrets, mapped, multiple paths'), async () => {
      const name = await room.secret({ 'data-1': 'value-1' });
      expect(await room.output(twice(projected({ secret: { name } })))).toBe(`${PLAIN}value-1`.repeat(2));
    });

    it(covers('Projected Volume, Secrets, create, update delete'), async () => {
      const names = [room.fresh(), await room.secret({ a: 'value-1' }), await room.secret({ a: 'value-1' })];
      const [created = '', updated = '', deleted = ''] = names;
      const pod = await room.start(optionals(names.map((name) => projected({ secret: { name, optional: true } }))));
      await room.logs(pod, '0=- 1=value-1 2=value-1');
      const secrets = bed.client.resource(SECRETS);
      await room.secret({ a: 'value-1' }, {}, created);
      await secrets.patch(room.namespace, updated, 'merge', { stringData: { a: 'value-2' } });
      await secrets.delete(room.namespace, deleted);
      await room.logs(pod, '0=value-1 1=value-2 2=-');
      await room.delete(pod);
    });
  });

  describe.concurrent('several projections', () => {
    it(covers('Projected Volume, multiple projections'), async () => {
      const secret = await room.secret({ 'secret-data': 'secret-value' });
      const map = await room.configMap({ 'configmap-data': 'configmap-value' });
      const items = [
        { path: 'podname', fieldRef: { fieldPath: 'metadata.name' } },
        ...KEYS.map(([path, name, divisor]) => ({
          path,
          resourceFieldRef: { containerName: 'c', resource: name, divisor },
        })),
      ];
      const source = projected({ secret: { name: secret } }, { configMap: { name: map } }, { downwardAPI: { items } });
      const files = ['podname', 'secret-data', 'configmap-data', ...KEYS.map(([path]) => path)];
      const spec = withVolume(files.map((f) => `cat /v/${f}; echo`).join(';'), source);
      for (const container of spec.containers ?? []) container.resources = RESOURCES;
      const text = await room.output(spec, { name: 'all-in-one' });
      expect(text).toBe('all-in-one\nsecret-value\nconfigmap-value\n1250\n25\n64\n32\n');
    });
  });

  describe.concurrent('a subPath', () => {
    it(covers('SubPath: Reading content from a configmap volume.'), async () => {
      const name = await room.configMap({ 'configmap-key': 'configmap-value' });
      await throughSubPath({ configMap: { name } }, 'configmap-key', /^configmap-value$/);
    });

    it(covers('SubPath: Reading content from a configmap volume. (2)'), async () => {
      const name = await room.configMap({ 'configmap-key': 'configmap-value' });
      const volumeMounts = [{ name: 'v', mountPath: '/etc/nsswitch.conf', subPath: 'configmap-key' }];
      const text = await room.output({
        containers: [sh('cat /etc/nsswitch.conf', { volumeMounts })],
        volumes: [{ name: 'v', configMap: { name } }],
      });
      expect(text).toBe('configmap-value');
    });

    it(covers('SubPath: Reading content from a secret volume.'), async () => {
      const secretName = await room.secret({ 'secret-key': 'secret-value' });
      await throughSubPath({ secret: { secretName } }, 'secret-key', /^secret-value$/);
    });

    it(covers('SubPath: Reading content from a downwardAPI volume.'), async () => {
      const items = [{ path: 'downward/podname', fieldRef: { fieldPath: 'metadata.name' } }];
      await throughSubPath({ downwardAPI: { items } }, 'downward/podname', /^pod-/);
    });

    it(covers('SubPath: Reading content from a projected volume.'), async () => {
      const name = await room.configMap({ 'configmap-key': 'configmap-value' });
      const items = [{ key: 'configmap-key', path: 'deep/in/file' }];
      await throughSubPath(projected({ configMap: { name, items } }), 'deep/in/file', /^configmap-value$/);
    });

    it('stays as it was mounted when the object changes, while the volume follows', async () => {
      const name = await room.configMap({ a: '1' });
      const volumeMounts = [
        { name: 'v', mountPath: '/one', subPath: 'a' },
        { name: 'v', mountPath: '/v' },
      ];
      const script = 'while true; do echo $(cat /one) $(cat /v/a); sleep 0.05; done';
      const pod = await room.start({
        containers: [sh(script, { volumeMounts })],
        volumes: [{ name: 'v', configMap: { name } }],
      });
      await room.logs(pod, '1 1');
      await bed.client.resource(CONFIG_MAPS).patch(room.namespace, name, 'merge', { data: { a: '2' } });
      await room.logs(pod, '1 2');
      await room.delete(pod);
    });
  });
});

function twice(source: object): Partial<PodSpec> {
  const volumeMounts = ['a', 'b'].map((name) => ({ name, mountPath: `/${name}`, readOnly: true }));
  return {
    containers: [sh(`${show('/a/data-1')}; ${show('/b/data-1')}`, { volumeMounts })],
    volumes: ['a', 'b'].map((name) => ({ name, ...source })),
  };
}

/** A pod that says, over and over, what is in the file `a` of each volume. */
function optionals(sources: readonly object[]): Partial<PodSpec> {
  const parts = sources.map((_, i) => `${i}=$(cat /v${i}/a 2>/dev/null || echo -)`);
  return {
    containers: [
      sh(`while true; do echo ${parts.join(' ')}; sleep 0.1; done`, {
        volumeMounts: sources.map((_, i) => ({ name: `v${i}`, mountPath: `/v${i}` })),
      }),
    ],
    volumes: sources.map((source, i) => ({ name: `v${i}`, ...source })),
  };
}
