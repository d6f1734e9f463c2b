// What a rule about one version of a resource says of requests in another, and how the object looks then.
import { describe, expect, test } from 'vitest';
import type { JsonObject, KubeObject } from '../../../machinery/object.ts';
import { RESOURCES } from '../../../resources/index.ts';
import { Catalog, type CatalogEntry } from '../../registry/catalog.ts';
import type { AdmissionRequest } from '../plugin.ts';
import { converted, peersAmong, requestIn } from './equivalent.ts';
import { type Matcher, wantedIn } from './match.ts';
import { requestDocument } from './request.ts';

const catalog = new Catalog(RESOURCES);
const peers = peersAmong(() => catalog.all());

function entryOf(group: string, version: string, plural: string): CatalogEntry {
  const found = catalog.find(group, version, plural);
  if (found === undefined) throw new Error(`no ${group}/${version}/${plural}`);
  return found;
}

const v1 = entryOf('autoscaling', 'v1', 'horizontalpodautoscalers');
const v2 = entryOf('autoscaling', 'v2', 'horizontalpodautoscalers');
const spec = { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'd' } };
const hpa = {
  apiVersion: 'autoscaling/v1',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'h', namespace: 'a' },
  spec: { ...spec, targetCPUUtilizationPercentage: 7 },
} as KubeObject;

function request(entry: CatalogEntry, object: KubeObject, subresource = ''): AdmissionRequest {
  return {
    operation: 'CREATE',
    entry,
    subresource,
    namespace: 'a',
    name: 'h',
    object,
    old: undefined,
    user: { username: 'u', groups: [] },
    dryRun: false,
    options: {},
    warn: () => undefined,
  };
}

const rule = (group: string, version: string, resource: string) => ({
  operations: ['*'],
  apiGroups: [group],
  apiVersions: [version],
  resources: [resource],
});

const wanted = (matcher: Matcher, asked = request(v1, hpa)): string | undefined => {
  const entry = wantedIn(matcher, asked, { labelsOf: () => ({}), peers });
  return entry === undefined ? undefined : `${entry.row.group}/${entry.row.version}`;
};

describe('a rule', () => {
  const plural = 'horizontalpodautoscalers';
  test.each<[string, Matcher, string | undefined]>([
    ['of the same version', { rules: [rule('autoscaling', 'v1', plural)] }, 'autoscaling/v1'],
    ['of another version', { rules: [rule('autoscaling', 'v2', plural)] }, 'autoscaling/v2'],
    ['of both', { rules: [rule('autoscaling', 'v2', plural), rule('*', '*', '*')] }, 'autoscaling/v1'],
    [
      'of two others, the first of which counts',
      { rules: [rule('autoscaling', 'v3', plural), rule('autoscaling', 'v2', plural)] },
      'autoscaling/v2',
    ],
    ['of another version, exactly', { matchPolicy: 'Exact', rules: [rule('autoscaling', 'v2', plural)] }, undefined],
    ['of a version that is not there', { rules: [rule('autoscaling', 'v3', plural)] }, undefined],
    ['of another resource', { rules: [rule('autoscaling', 'v2', 'scales')] }, undefined],
    [
      'that another version excludes',
      { rules: [rule('*', '*', plural)], excludeRules: [rule('autoscaling', 'v2', plural)] },
      undefined,
    ],
  ])('%s', (_name, matcher, expected) => {
    expect(wanted(matcher)).toBe(expected);
  });

  test('of another group that shows the same objects', () => {
    const event = { apiVersion: 'v1', kind: 'Event', metadata: { name: 'e' } } as KubeObject;
    const asked = request(entryOf('', 'v1', 'events'), event);
    expect(wanted({ rules: [rule('events.k8s.io', 'v1', 'events')] }, asked)).toBe('events.k8s.io/v1');
  });
});

describe('a converted request', () => {
  test('shows the object in the version of the rule, and what was asked for beside it', async () => {
    const original = request(v1, hpa);
    const document = requestDocument(await requestIn(v2, original), 'uid', original);
    expect(document).toMatchObject({
      kind: { version: 'v2' },
      resource: { version: 'v2' },
      requestKind: { version: 'v1' },
      requestResource: { version: 'v1' },
      object: { apiVersion: 'autoscaling/v2', spec: { metrics: [{ type: 'Resource' }] } },
    });
  });

  test('comes back as it was', async () => {
    expect(await converted(await converted(hpa, v1, v2), v2, v1)).toMatchObject(hpa);
  });

  test('is made by the webhook of a definition where there is one', async () => {
    const asked: [string, string][] = [];
    const link = entryOf('apps', 'v1', 'deployments');
    const from = {
      ...link,
      convert: (objects: readonly JsonObject[], apiVersion: string) => {
        asked.push([String(objects[0]?.kind), apiVersion]);
        return Promise.resolve(objects.map((object) => ({ ...object, apiVersion, spec: { by: 'webhook' } })));
      },
    };
    const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' } } as KubeObject;
    const to = { ...link, row: { ...link.row, version: 'v2' } };
    expect(await converted(object, from, to)).toMatchObject({ apiVersion: 'apps/v2', spec: { by: 'webhook' } });
    expect(asked).toEqual([['Deployment', 'apps/v2']]);
  });

  test('leaves objects of other kinds alone', async () => {
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: {} } as KubeObject;
    expect((await requestIn(v2, request(v1, scale, 'scale'))).object).toBe(scale);
  });
});
