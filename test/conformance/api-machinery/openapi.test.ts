// What kubectl knows of custom kinds: the published schemas decide what it takes, explains and refuses.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CUSTOM_RESOURCE_DEFINITIONS } from '../../../src/client/index.ts';
import { isJsonObject, type JsonObject } from '../../../src/machinery/object.ts';
import { covers } from '../covers.ts';
import { eventually, hasKubectl, isRoot, type SimulatedCluster, startSimulated } from '../simulated.ts';
import { type CustomKind, customKind } from './custom.ts';

const BARS = {
  type: 'array',
  description: 'List of Bars and their specs.',
  items: {
    type: 'object',
    required: ['name'],
    properties: {
      name: { type: 'string', description: 'Name of Bar.' },
      age: { type: 'string', description: 'Age of Bar.' },
      feeling: { type: 'string', description: 'Feeling of Bar.', enum: ['Great', 'Down'] },
      bazs: { type: 'array', description: 'List of Bazs.', items: { type: 'string' } },
    },
  },
};
const SCHEMA = {
  type: 'object',
  description: 'Foo CRD for Testing',
  properties: {
    spec: { type: 'object', description: 'Specification of Foo', properties: { bars: BARS } },
    status: {
      type: 'object',
      description: 'Status of Foo',
      properties: {
        bars: { type: 'array', description: 'List of Bars and their statuses.', items: { type: 'object' } },
      },
    },
  },
};

describe.skipIf(!isRoot || !hasKubectl)(
  'published schemas of custom kinds (kubectl reads them; the nodes of the cluster need root)',
  () => {
    let cluster: SimulatedCluster;
    beforeAll(async () => {
      cluster = await startSimulated();
    });
    afterAll(() => cluster?.stop());

    const definitionNames = async (): Promise<string[]> => {
      const { body } = await cluster.call('GET', '/openapi/v2');
      return Object.keys(body.definitions as JsonObject);
    };
    /** `com.example.foos.v1.Foo`, as the definitions of OpenAPI v2 are called. */
    const definitionName = ({ ref }: CustomKind, version = 'v1'): string =>
      `${ref.group.split('.').toReversed().join('.')}.${version}.${ref.kind}`;
    const published = (name: string) => eventually(async () => (await definitionNames()).includes(name));
    const withdrawn = (name: string) => eventually(async () => !(await definitionNames()).includes(name));

    const explain = async (what: string): Promise<string> => {
      // kubectl keeps what it has learnt for a while: it knows nothing yet.
      const cache = await mkdtemp(join(tmpdir(), 'minke-explain-'));
      try {
        const { stdout, stderr } = await cluster.kubectl(['explain', what, '--cache-dir', cache]);
        return stdout + stderr;
      } finally {
        await rm(cache, { recursive: true, force: true });
      }
    };
    const manifest = ({ ref }: CustomKind, more: JsonObject): string =>
      JSON.stringify({ apiVersion: `${ref.group}/v1`, kind: ref.kind, metadata: { name: 'test' }, ...more });
    /** Create, then apply a change. */
    const createAndApply = async (kind: CustomKind, first: JsonObject, second: JsonObject): Promise<void> => {
      const namespace = await cluster.namespace();
      const created = await cluster.kubectl(['-n', namespace, 'create', '-f', '-'], { input: manifest(kind, first) });
      expect(created, created.stderr).toMatchObject({ code: 0 });
      const deleted = await cluster.kubectl([
        '-n',
        namespace,
        'delete',
        `${kind.ref.plural}.${kind.ref.group}`,
        'test',
      ]);
      expect(deleted, deleted.stderr).toMatchObject({ code: 0 });
      for (const [body, done] of [
        [first, 'created'],
        [second, 'configured'],
      ] as const) {
        const applied = await cluster.kubectl(['-n', namespace, 'apply', '-f', '-'], { input: manifest(kind, body) });
        expect(applied, applied.stderr).toMatchObject({ code: 0 });
        expect(applied.stdout).toContain(done);
      }
    };

    it.concurrent(covers('Custom Resource OpenAPI Publish, with validation schema'), async () => {
      const kind = await customKind(cluster, 'foos', { schema: SCHEMA });
      await published(definitionName(kind));
      const bars = (...all: JsonObject[]) => ({ spec: { bars: all } });
      await createAndApply(kind, bars({ name: 'test-bar' }), bars({ name: 'test-bar', age: '10' }));
      const namespace = await cluster.namespace();
      const refused = async (verb: string, body: JsonObject, why: RegExp): Promise<void> => {
        const ran = await cluster.kubectl(['-n', namespace, verb, '-f', '-'], { input: manifest(kind, body) });
        expect(ran.code, ran.stdout).toBe(1);
        expect(ran.stderr).toMatch(why);
      };
      for (const verb of ['create', 'apply']) {
        await refused(verb, { spec: { foo: true } }, /unknown field "spec\.foo"/);
        await refused(verb, bars({ age: '10' }), /missing required field|Required value/);
        await refused(
          verb,
          bars({ name: 'test-bar', feeling: 'NonExistentValue' }),
          /Unsupported value: "NonExistentValue"/,
        );
      }
      const kinds = await explain('foos');
      expect(kinds).toMatch(/KIND: +Foo\nVERSION: +v1/);
      expect(kinds).toContain('Foo CRD for Testing');
      expect(kinds).toContain('Specification of Foo');
      expect(await explain('foos.metadata')).toContain('Standard object');
      expect(await explain('foos.spec')).toContain('List of Bars and their specs');
      const inner = await explain('foos.spec.bars');
      for (const text of ['List of Bars and their specs', 'bazs', 'List of Bazs', '-required-', 'enum: Great, Down']) {
        expect(inner).toContain(text);
      }
      expect(await explain('foos.spec.bars2')).toMatch(/field "bars2" does not exist/);
    });

    it.concurrent(
      covers('Custom Resource OpenAPI Publish, with x-kubernetes-preserve-unknown-fields in object'),
      async () => {
        const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
        const kind = await customKind(cluster, 'opens', { schema });
        await published(definitionName(kind));
        await createAndApply(kind, { spec: { a: 'b' }, dummy: 'one' }, { spec: { a: [1] }, dummy: 'two' });
        expect(await explain('opens')).toMatch(/KIND: +Open\nVERSION: +v1\n\nDESCRIPTION:\n +<empty>/);
      },
    );

    it.concurrent(
      covers('Custom Resource OpenAPI Publish, with x-kubernetes-preserve-unknown-fields at root'),
      async () => {
        const schema = { 'x-kubernetes-preserve-unknown-fields': true, ...SCHEMA };
        const kind = await customKind(cluster, 'roots', { schema });
        await published(definitionName(kind));
        await createAndApply(kind, { anything: { a: 'b' } }, { anything: { a: 'c' } });
        expect(await explain('roots')).toMatch(/KIND: +Root\n/);
      },
    );

    it.concurrent(
      covers('Custom Resource OpenAPI Publish, with x-kubernetes-preserve-unknown-fields in embedded object'),
      async () => {
        const open = { type: 'object', description: 'Anything', 'x-kubernetes-preserve-unknown-fields': true };
        const properties = { spec: open, status: open };
        const kind = await customKind(cluster, 'nesteds', {
          schema: { type: 'object', description: 'Nested', properties },
        });
        await published(definitionName(kind));
        await createAndApply(kind, { spec: { b: [{ c: 'd' }] } }, { spec: { b: [{ c: 'e' }] } });
        const text = await explain('nesteds');
        expect(text).toMatch(/KIND: +Nested\n/);
        expect(await explain('nesteds.spec')).toContain('Anything');
        const { body } = await cluster.call('GET', '/openapi/v2');
        const definition = (body.definitions as Record<string, JsonObject>)[definitionName(kind)];
        const spec = isJsonObject(definition?.properties) ? definition.properties.spec : undefined;
        expect(spec).toMatchObject({ 'x-kubernetes-preserve-unknown-fields': true });
      },
    );

    it.concurrent(covers('Custom Resource OpenAPI Publish, varying groups'), async () => {
      const kinds = await Promise.all([
        customKind(cluster, 'groupas', { schema: SCHEMA, group: 'a.groups.example.com' }),
        customKind(cluster, 'groupbs', { schema: SCHEMA, group: 'b.groups.example.com' }),
      ]);
      for (const kind of kinds) await published(definitionName(kind));
    });

    it.concurrent(covers('Custom Resource OpenAPI Publish, varying versions'), async () => {
      const group = 'versions.example.com';
      const [first, second, both] = await Promise.all([
        customKind(cluster, 'versionas', { schema: SCHEMA, group }),
        customKind(cluster, 'versionbs', { schema: SCHEMA, group, versions: ['v4'] }),
        customKind(cluster, 'versioncs', { schema: SCHEMA, group, versions: ['v2', 'v3'] }),
      ]);
      await published(definitionName(first));
      await published(definitionName(second, 'v4'));
      await published(definitionName(both, 'v2'));
      await published(definitionName(both, 'v3'));
      const { body } = await cluster.call('GET', '/openapi/v3');
      for (const version of ['v1', 'v2', 'v3', 'v4']) expect(body.paths).toHaveProperty(`apis/${group}/${version}`);
    });

    it.concurrent(covers('Custom Resource OpenAPI Publish, varying kinds'), async () => {
      const group = 'kinds.example.com';
      const kinds = await Promise.all([
        customKind(cluster, 'kindas', { schema: SCHEMA, group }),
        customKind(cluster, 'kindbs', { schema: SCHEMA, group }),
      ]);
      for (const kind of kinds) await published(definitionName(kind));
    });

    it.concurrent(covers('Custom Resource OpenAPI Publish, version rename'), async () => {
      const kind = await customKind(cluster, 'renames', { schema: SCHEMA, versions: ['v2', 'v3'] });
      await published(definitionName(kind, 'v2'));
      await published(definitionName(kind, 'v3'));
      const patch = [{ op: 'replace', path: '/spec/versions/1/name', value: 'v4' }];
      await cluster.client.resource(CUSTOM_RESOURCE_DEFINITIONS).patch('', kind.name, 'json', patch);
      await published(definitionName(kind, 'v4'));
      await withdrawn(definitionName(kind, 'v3'));
      await published(definitionName(kind, 'v2'));
    });

    it.concurrent(covers('Custom Resource OpenAPI Publish, stop serving version'), async () => {
      const kind = await customKind(cluster, 'unserveds', { schema: SCHEMA, versions: ['v5', 'v6alpha1'] });
      await published(definitionName(kind, 'v5'));
      await published(definitionName(kind, 'v6alpha1'));
      const patch = [{ op: 'replace', path: '/spec/versions/1/served', value: false }];
      await cluster.client.resource(CUSTOM_RESOURCE_DEFINITIONS).patch('', kind.name, 'json', patch);
      await withdrawn(definitionName(kind, 'v6alpha1'));
      await published(definitionName(kind, 'v5'));
    });
  },
);
