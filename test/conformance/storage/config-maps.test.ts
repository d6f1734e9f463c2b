// ConfigMap and Secret volumes in real containers, as the conformance suite describes them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONFIG_MAPS, SECRETS } from '../../../src/client/index.ts';
import { covers } from '../covers.ts';
import { Bed, type Room, sh, skipReason, withVolume } from './bed.ts';

/** Prints each file with its mode as users see it, and its content. */
const SHOW = 'for f in "$@"; do stat -Lc "%A %u:%g" $f; cat $f; echo; done';
const show = (...files: string[]): string => `set -- ${files.join(' ')}; ${SHOW}`;
const USER = { securityContext: { runAsUser: 1000 } };
const PLAIN = '-rw-r--r-- 0:0\n';

let bed: Bed;
let room: Room;

describe.skipIf(skipReason !== undefined)(`files from the API (${skipReason ?? 'real containers'})`, () => {
  beforeAll(async () => {
    bed = await Bed.open();
    room = await bed.room();
  }, 120_000);
  afterAll(() => bed?.close(), 60_000);

  describe.concurrent('a ConfigMap volume', () => {
    it(covers('ConfigMap Volume, without mapping'), async () => {
      const name = await room.configMap({ 'data-1': 'value-1' });
      const text = await room.output(withVolume(show('/v/data-1'), { configMap: { name } }));
      expect(text).toBe(`${PLAIN}value-1\n`);
    });

    it(covers('ConfigMap Volume, without mapping, non-root user'), async () => {
      const name = await room.configMap({ 'data-1': 'value-1' });
      const text = await room.output(withVolume(`id -u; ${show('/v/data-1')}`, { configMap: { name } }, USER));
      expect(text).toBe(`1000\n${PLAIN}value-1\n`);
    });

    it(covers('ConfigMap Volume, without mapping, volume mode set'), async () => {
      const name = await room.configMap({ 'data-1': 'value-1' });
      const text = await room.output(withVolume(show('/v/data-1'), { configMap: { name, defaultMode: 0o400 } }));
      expect(text).toBe('-r-------- 0:0\nvalue-1\n');
    });

    it(covers('ConfigMap Volume, with mapping'), async () => {
      const name = await room.configMap({ 'data-1': 'value-1', 'data-2': 'value-2' });
      const items = [{ key: 'data-2', path: 'path/to/data-2' }];
      const script = `${show('/v/path/to/data-2')}; ls /v`;
      expect(await room.output(withVolume(script, { configMap: { name, items } }))).toBe(`${PLAIN}value-2\npath\n`);
    });

    it(covers('ConfigMap Volume, with mapping, volume mode set'), async () => {
      const name = await room.configMap({ 'data-2': 'value-2' });
      const items = [{ key: 'data-2', path: 'path/to/data-2', mode: 0o400 }];
      const text = await room.output(withVolume(show('/v/path/to/data-2'), { configMap: { name, items } }));
      expect(text).toBe('-r-------- 0:0\nvalue-2\n');
    });

    it(covers('ConfigMap Volume, with mapping, non-root user'), async () => {
      const name = await room.configMap({ 'data-2': 'value-2' });
      const items = [{ key: 'data-2', path: 'path/to/data-2' }];
      const text = await room.output(withVolume(show('/v/path/to/data-2'), { configMap: { name, items } }, USER));
      expect(text).toBe(`${PLAIN}value-2\n`);
    });

    it(covers('ConfigMap Volume, multiple volume maps'), async () => {
      const name = await room.configMap({ 'data-1': 'value-1' });
      const volumeMounts = ['a', 'b'].map((volume) => ({ name: volume, mountPath: `/${volume}`, readOnly: true }));
      const text = await room.output({
        containers: [sh('cat /a/data-1 /b/data-1', { volumeMounts })],
        volumes: ['a', 'b'].map((volume) => ({ name: volume, configMap: { name } })),
      });
      expect(text).toBe('value-1value-1');
    });

    it(covers('ConfigMap Volume, text data, binary data'), async () => {
      const bytes = Buffer.from([0xde, 0xca, 0xfe, 0xba, 0xd0, 0xfe, 0xff, 0x00]);
      const binaryData = { 'dump.bin': bytes.toString('base64') };
      const name = await room.configMap({ 'data-1': 'value-1' }, { binaryData });
      const script = 'cat /v/data-1; od -An -tx1 /v/dump.bin';
      const text = await room.output(withVolume(script, { configMap: { name } }));
      expect(text.replaceAll(/\s+/g, ' ')).toBe('value-1 de ca fe ba d0 fe ff 00 ');
    });

    it(covers('ConfigMap Volume, update'), async () => {
      const name = await room.configMap({ 'data-1': 'value-1' });
      const pod = await room.start(
        withVolume('while true; do cat /v/data-1; echo; sleep 0.05; done', { configMap: { name } }),
      );
      await room.logs(pod, 'value-1');
      await bed.client.resource(CONFIG_MAPS).patch(room.namespace, name, 'merge', { data: { 'data-1': 'value-2' } });
      await room.logs(pod, 'value-2');
      // Whoever reads sees the old or the new, never nothing.
      expect([...new Set((await room.log(pod)).trim().split('\n'))]).toEqual(['value-1', 'value-2']);
      await room.delete(pod);
    });

    it(covers('ConfigMap Volume, create, update and delete'), async () => {
      const [created, updated, deleted] = [
        room.fresh(),
        await room.configMap({ a: '1' }),
        await room.configMap({ a: '1' }),
      ];
      const pod = await room.start(
        optionalPod((name) => ({ configMap: { name, optional: true } }), { created, updated, deleted }),
      );
      await room.logs(pod, 'created=- updated=1 deleted=1');
      const maps = bed.client.resource(CONFIG_MAPS);
      await room.configMap({ a: '1' }, {}, created);
      await maps.patch(room.namespace, updated, 'merge', { data: { a: null, b: '2' } });
      await maps.delete(room.namespace, deleted);
      await room.logs(pod, 'created=1 updated=- deleted=-');
      expect(await room.exec(pod, 'ls /updated; cat /updated/b')).toBe('b\n2');
      await room.delete(pod);
    });

    it(covers('ConfigMap Volume, immutability'), async () => {
      const name = await room.configMap({ a: '1' });
      const maps = bed.client.resource(CONFIG_MAPS);
      const patch = (body: object): Promise<unknown> => maps.patch(room.namespace, name, 'merge', body);
      await patch({ data: { a: '2' } });
      await patch({ immutable: true });
      await expect(patch({ data: { a: '3' } })).rejects.toThrow('field is immutable when `immutable` is set');
      await expect(patch({ immutable: null })).rejects.toThrow('field is immutable when `immutable` is set');
      await patch({ metadata: { labels: { x: 'y' } } });
      expect((await maps.get(room.namespace, name)).data).toEqual({ a: '2' });
      await maps.delete(room.namespace, name);
    });

    it('keeps the pod waiting while it is missing, tells so, and starts it as soon as it comes', async () => {
      const name = room.fresh();
      const pod = await room.create(withVolume('cat /v/a', { configMap: { name } }));
      expect(await room.waiting(pod, 'ContainerCreating')).toMatchObject({ ready: false });
      await room.event(pod, 'FailedMount', `MountVolume.SetUp failed for volume "v" : configmap "${name}" not found`);
      await room.configMap({ a: 'here' }, {}, name);
      await room.ended(pod);
      expect(await room.log(pod)).toBe('here');
    });

    it('keeps the pod waiting while a key that items names is missing', async () => {
      const name = await room.configMap({ a: '1' });
      const pod = await room.create(withVolume('cat /v/b', { configMap: { name, items: [{ key: 'b', path: 'b' }] } }));
      await room.event(pod, 'FailedMount', 'references non-existent config key: b');
      await bed.client.resource(CONFIG_MAPS).patch(room.namespace, name, 'merge', { data: { b: '2' } });
      await room.ended(pod);
    });
  });

  describe.concurrent('a Secret volume', () => {
    it(covers('Secrets Volume, default'), async () => {
      const secretName = await room.secret({ 'data-1': 'value-1' });
      const script = `${show('/v/data-1')}; grep " /v " /proc/mounts | cut -d" " -f1`;
      const text = await room.output(withVolume(script, { secret: { secretName } }));
      expect(text).toBe(`${PLAIN}value-1\ntmpfs\n`);
    });

    it(covers('Secrets Volume, volume mode default, secret with same name in different namespace'), async () => {
      const other = await bed.room();
      const secretName = await room.secret({ 'data-1': 'value-1' });
      await other.secret({ 'data-1': 'not this' }, {}, secretName);
      const text = await room.output(withVolume(show('/v/data-1'), { secret: { secretName } }));
      expect(text).toBe(`${PLAIN}value-1\n`);
    });

    it(covers('Secrets Volume, volume mode 0440, fsGroup 1001 and uid 1000'), async () => {
      const secretName = await room.secret({ 'data-1': 'value-1' });
      const securityContext = { runAsUser: 1000, fsGroup: 1001 };
      const source = { secret: { secretName, defaultMode: 0o440 } };
      const text = await room.output(withVolume(`id -G; ${show('/v/data-1')}`, source, { securityContext }));
      expect(text).toBe('0 1001\n-r--r----- 0:1001\nvalue-1\n');
    });

    it(covers('Secrets Volume, volume mode 0400'), async () => {
      const secretName = await room.secret({ 'data-1': 'value-1' });
      const text = await room.output(withVolume(show('/v/data-1'), { secret: { secretName, defaultMode: 0o400 } }));
      expect(text).toBe('-r-------- 0:0\nvalue-1\n');
    });

    it(covers('Secrets Volume, mapping'), async () => {
      const secretName = await room.secret({ 'data-1': 'value-1' });
      const items = [{ key: 'data-1', path: 'new-path-data-1' }];
      const text = await room.output(withVolume(show('/v/new-path-data-1'), { secret: { secretName, items } }));
      expect(text).toBe(`${PLAIN}value-1\n`);
    });

    it(covers('Secrets Volume, mapping, volume mode 0400'), async () => {
      const secretName = await room.secret({ 'data-1': 'value-1' });
      const items = [{ key: 'data-1', path: 'new-path-data-1', mode: 0o400 }];
      const text = await room.output(withVolume(show('/v/new-path-data-1'), { secret: { secretName, items } }));
      expect(text).toBe('-r-------- 0:0\nvalue-1\n');
    });

    it(covers('Secrets Volume, mapping multiple volume paths'), async () => {
      const secretName = await room.secret({ 'data-1': 'value-1' });
      const volumeMounts = ['a', 'b'].map((name) => ({ name, mountPath: `/etc/${name}`, readOnly: true }));
      const text = await room.output({
        containers: [sh(show('/etc/a/data-1', '/etc/b/data-1'), { volumeMounts })],
        volumes: ['a', 'b'].map((name) => ({ name, secret: { secretName } })),
      });
      expect(text).toBe(`${PLAIN}value-1\n`.repeat(2));
    });

    it(covers('Secrets Volume, create, update and delete'), async () => {
      const [created, updated, deleted] = [room.fresh(), await room.secret({ a: '1' }), await room.secret({ a: '1' })];
      const source = (secretName: string) => ({ secret: { secretName, optional: true } });
      const pod = await room.start(optionalPod(source, { created, updated, deleted }));
      await room.logs(pod, 'created=- updated=1 deleted=1');
      const secrets = bed.client.resource(SECRETS);
      await room.secret({ a: '1' }, {}, created);
      await secrets.patch(room.namespace, updated, 'merge', { stringData: { a: '3' } });
      await secrets.delete(room.namespace, deleted);
      await room.logs(pod, 'created=1 updated=3 deleted=-');
      await room.delete(pod);
    });

    it(covers('Secrets Volume, immutability'), async () => {
      const name = await room.secret({ a: '1' });
      const secrets = bed.client.resource(SECRETS);
      const patch = (body: object): Promise<unknown> => secrets.patch(room.namespace, name, 'merge', body);
      await patch({ stringData: { a: '2' } });
      await patch({ immutable: true });
      await expect(patch({ stringData: { a: '3' } })).rejects.toThrow('field is immutable when `immutable` is set');
      await expect(patch({ immutable: false })).rejects.toThrow('field is immutable when `immutable` is set');
      await patch({ metadata: { labels: { x: 'y' } } });
      await secrets.delete(room.namespace, name);
    });

    it('keeps the pod waiting while it is missing', async () => {
      const secretName = room.fresh();
      const pod = await room.create(withVolume('cat /v/a', { secret: { secretName } }));
      await room.event(
        pod,
        'FailedMount',
        `MountVolume.SetUp failed for volume "v" : secret "${secretName}" not found`,
      );
      await room.secret({ a: 'here' }, {}, secretName);
      await room.ended(pod);
      expect(await room.log(pod)).toBe('here');
    });
  });
});

/** A pod that says, over and over, what is in the key `a` of three objects that may be missing. */
function optionalPod(source: (name: string) => object, names: Record<string, string>): Parameters<Room['create']>[0] {
  const parts = Object.keys(names).map((name) => `${name}=$(cat /${name}/a 2>/dev/null || echo -)`);
  const volumeMounts = Object.keys(names).map((name) => ({ name, mountPath: `/${name}`, readOnly: true }));
  return {
    containers: [sh(`while true; do echo ${parts.join(' ')}; sleep 0.1; done`, { volumeMounts })],
    volumes: Object.entries(names).map(([name, object]) => ({ name, ...source(object) })),
  };
}
