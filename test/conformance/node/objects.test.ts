// The kinds that belong to nodes and pods but need no container: RuntimeClasses, PodTemplates, Leases.
import { describe, expect, it } from 'vitest';
import { LEASES, POD_TEMPLATES, RUNTIME_CLASSES } from '../../../src/client/index.ts';
import type { PodTemplate } from '../../../src/resources/generated/core-v1.ts';
import { isRoot } from '../../e2e/cluster.ts';
import { covers } from '../covers.ts';
import { scriptPod, useLab } from './lab.ts';

describe.skipIf(!isRoot)('the API of a node (needs root)', { concurrent: true }, () => {
  const lab = useLab({ namespace: 'pods', runtime: 'simulated' });
  const raw = (method: string, path: string, body?: unknown) => lab().client.raw(method, path, body);

  describe('has RuntimeClasses', { concurrent: true }, () => {
    const classes = '/apis/node.k8s.io/v1/runtimeclasses';
    const make = (name: string, more: object = {}) =>
      raw('POST', classes, {
        apiVersion: 'node.k8s.io/v1',
        kind: 'RuntimeClass',
        metadata: { name, labels: { of: 'conformance' } },
        handler: 'runc',
        ...more,
      });
    const pod = (name: string, runtimeClassName: string) => scriptPod(name, 'true', {}, { runtimeClassName });
    const missing = (name: string) => ({
      reason: 'Forbidden',
      message: expect.stringContaining(`RuntimeClass "${name}" not found`) as string,
    });

    it(covers('Pod with the non-existing RuntimeClass is rejected.'), async () => {
      await expect(lab().create(pod('class-none', 'nosuch'))).rejects.toMatchObject(missing('nosuch'));
    });
    it(covers('Pod with the deleted RuntimeClass is rejected.'), async () => {
      await make('short-lived');
      await raw('DELETE', `${classes}/short-lived`);
      await expect(lab().create(pod('class-gone', 'short-lived'))).rejects.toMatchObject(missing('short-lived'));
    });
    it(covers('Can schedule a pod requesting existing RuntimeClass.'), async () => {
      await make('plain');
      const made = await lab().create(pod('class-plain', 'plain'));
      expect(made.spec?.overhead).toBeUndefined();
      const bound = await lab().seen('class-plain', (p) => p.spec?.nodeName !== undefined);
      expect(bound.status?.conditions?.find((c) => c.type === 'PodScheduled')?.status ?? 'True').toBe('True');
    });
    it(covers('RuntimeClass Overhead field must be respected.'), async () => {
      await make('heavy', { overhead: { podFixed: { cpu: '10m', memory: '1Mi' } } });
      const made = await lab().create(pod('class-heavy', 'heavy'));
      expect(made.spec?.overhead).toEqual({ cpu: '10m', memory: '1Mi' });
      await lab().seen('class-heavy', (p) => p.spec?.nodeName !== undefined);
      const claimed = { ...pod('class-claims', 'heavy') };
      await expect(
        lab().create({ ...claimed, spec: { containers: [], ...claimed.spec, overhead: { cpu: '1' } } }),
      ).rejects.toMatchObject({ reason: 'Forbidden' });
    });
    it(covers('RuntimeClass API'), async () => {
      const groups = (await raw('GET', '/apis')) as { groups: { name: string; versions: { version: string }[] }[] };
      expect(groups.groups.find((g) => g.name === 'node.k8s.io')?.versions.map((v) => v.version)).toContain('v1');
      const group = (await raw('GET', '/apis/node.k8s.io')) as { versions: { version: string }[] };
      expect(group.versions.map((v) => v.version)).toContain('v1');
      const resources = (await raw('GET', '/apis/node.k8s.io/v1')) as {
        resources: { name: string; verbs: string[] }[];
      };
      expect(
        resources.resources
          .find((r) => r.name === 'runtimeclasses')
          ?.verbs.slice()
          .sort(),
      ).toEqual(['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']);
      const client = lab().client.resource(RUNTIME_CLASSES);
      const list = await client.list('', { labelSelector: 'of=api' });
      const stop = new AbortController();
      const seen: string[] = [];
      const watching = (async () => {
        const options = {
          labelSelector: 'of=api',
          ...(list.metadata.resourceVersion === undefined ? {} : { resourceVersion: list.metadata.resourceVersion }),
        };
        for await (const { type } of client.watch('', options, stop.signal)) {
          seen.push(type);
          if (seen.length === 6) return;
        }
      })();
      const made = await client.create('', {
        apiVersion: 'node.k8s.io/v1',
        kind: 'RuntimeClass',
        metadata: { name: 'api-1', labels: { of: 'api' } },
        handler: 'h',
      });
      await client.create('', { ...made, metadata: { name: 'api-2', labels: { of: 'api' } } });
      expect((await client.get('', 'api-1')).handler).toBe('h');
      expect((await client.list('', { labelSelector: 'of=api' })).items).toHaveLength(2);
      expect(
        (await client.patch('', 'api-1', 'merge', { metadata: { annotations: { patched: 'true' } } })).metadata
          .annotations,
      ).toEqual({ patched: 'true' });
      const fresh = await client.get('', 'api-1');
      await client.update({ ...fresh, metadata: { ...fresh.metadata, annotations: { updated: 'true' } } });
      await expect(client.update({ ...fresh, handler: 'other', metadata: { name: 'api-1' } })).rejects.toMatchObject({
        reason: 'Invalid',
      });
      await client.delete('', 'api-1');
      await expect(client.get('', 'api-1')).rejects.toMatchObject({ reason: 'NotFound' });
      await client.deleteCollection('', { labelSelector: 'of=api' });
      expect((await client.list('', { labelSelector: 'of=api' })).items).toEqual([]);
      await watching;
      expect(seen).toEqual(['ADDED', 'ADDED', 'MODIFIED', 'MODIFIED', 'DELETED', 'DELETED']);
    });
  });

  describe('has PodTemplates and Leases', { concurrent: true }, () => {
    const template = (name: string, labels: Record<string, string>): PodTemplate => ({
      apiVersion: 'v1',
      kind: 'PodTemplate',
      metadata: { name, labels },
      template: { metadata: {}, spec: { containers: [{ name: 'nginx', image: 'nginx' }] } },
    });
    const templates = () => lab().client.resource(POD_TEMPLATES);

    it(covers('PodTemplate lifecycle'), async () => {
      await templates().create('pods', template('nginx', { of: 'life' }));
      const body = { metadata: { labels: { patched: 'yes' } } };
      await templates().patch('pods', 'nginx', 'strategic', body);
      expect((await templates().get('pods', 'nginx')).metadata.labels).toEqual({ of: 'life', patched: 'yes' });
      const everywhere = await templates().list('', { labelSelector: 'of=life,patched=yes' });
      expect(everywhere.items.map((t) => t.metadata.name)).toEqual(['nginx']);
      await templates().delete('pods', 'nginx');
      expect((await templates().list('', { labelSelector: 'of=life' })).items).toEqual([]);
    });
    it(covers('PodTemplate, delete a collection'), async () => {
      await Promise.all(['t1', 't2', 't3'].map((name) => templates().create('pods', template(name, { of: 'set' }))));
      expect((await templates().list('pods', { labelSelector: 'of=set' })).items).toHaveLength(3);
      await templates().deleteCollection('pods', { labelSelector: 'of=set' });
      expect((await templates().list('pods', { labelSelector: 'of=set' })).items).toEqual([]);
    });
    it(covers('PodTemplate, replace'), async () => {
      const made = await templates().create('pods', template('replaced', {}));
      await templates().update({ ...made, metadata: { ...made.metadata, annotations: { updated: 'true' } } });
      expect((await templates().get('pods', 'replaced')).metadata.annotations).toEqual({ updated: 'true' });
    });

    it(covers('lease API should be available'), async () => {
      const leases = lab().client.resource(LEASES);
      const spec = (holderIdentity: string) => ({
        holderIdentity,
        leaseDurationSeconds: 30,
        acquireTime: '2026-01-01T00:00:00.123456Z',
        renewTime: '2026-01-01T00:00:05.000000Z',
        leaseTransitions: 0,
      });
      const lease = (name: string, labels: Record<string, string> = {}) => ({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, labels },
        spec: spec('holder'),
      });
      await leases.create('pods', lease('one'));
      const read = await leases.get('pods', 'one');
      expect(read.spec).toEqual(spec('holder'));
      const next = { ...spec('holder2'), leaseDurationSeconds: 60, leaseTransitions: 1 };
      await leases.update({ ...read, spec: next });
      expect((await leases.get('pods', 'one')).spec).toEqual(next);
      await leases.patch('pods', 'one', 'strategic', { spec: { holderIdentity: 'holder3' } });
      expect((await leases.get('pods', 'one')).spec).toEqual({ ...next, holderIdentity: 'holder3' });
      await leases.create('pods', lease('two', { deletecollection: 'true' }));
      expect((await leases.list('pods')).items.map((l) => l.metadata.name)).toEqual(['one', 'two']);
      await leases.deleteCollection('pods', { labelSelector: 'deletecollection=true' });
      expect((await leases.list('pods')).items.map((l) => l.metadata.name)).toEqual(['one']);
      await leases.delete('pods', 'one');
      await expect(leases.get('pods', 'one')).rejects.toMatchObject({ reason: 'NotFound' });
      // Each node tells by one that it lives.
      const own = await leases.get('kube-node-lease', 'node-1');
      expect(own.spec).toMatchObject({ holderIdentity: 'node-1', leaseDurationSeconds: 40 });
    });
  });
});
