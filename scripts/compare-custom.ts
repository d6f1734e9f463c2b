// Makes the same CustomResourceDefinitions on a genuine API server and on this one, sends both the same custom resources, good and bad, and tells where the answers differ.
// npx tsx scripts/compare-custom.ts --server URL --cert FILE --key FILE [--reference URL] [--token T] [--kind PATTERN] [--mode create|update|merge|apply|warn] [--field PATTERN] [--out FILE]

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CUSTOM_KINDS, type CustomKind, VALUES } from './compare/custom-kinds.ts';
import type { Ask, Endpoint } from './compare/endpoint.ts';
import type { Json } from './compare/mutations.ts';
import { type Difference, differences } from './compare/normal.ts';
import { openServers, SERVER_OPTIONS } from './compare/servers.ts';

const { values } = parseArgs({
  options: {
    ...SERVER_OPTIONS,
    kind: { type: 'string', default: '' },
    field: { type: 'string', default: '' },
    mode: { type: 'string', default: 'create' },
    out: { type: 'string' },
  },
});
const { genuine, ours, both } = openServers(values);
const GROUP = `custom-${process.pid}.example.com`;
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const text = (value: unknown): string => JSON.stringify(value) ?? 'nothing';

function definition({ plural, kind, versions }: CustomKind): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: { group: GROUP, scope: 'Cluster', names: { plural, kind, singular: kind.toLowerCase() }, versions },
  };
}

async function served(endpoint: Endpoint, path: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { status } = await endpoint.send({ method: 'GET', path });
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${path} is not served`);
}

const path = ({ plural }: CustomKind, version = 'v1'): string => `/apis/${GROUP}/${version}/${plural}`;
const object = ({ kind }: CustomKind, spec: Json, version = 'v1') => ({
  apiVersion: `${GROUP}/${version}`,
  kind,
  metadata: { name: 'one' },
  spec,
});

function ask(kind: CustomKind, field: string, value: Json): Ask {
  const good = kind.good as Record<string, Json>;
  const body = object(kind, { ...good, [field]: value });
  const one = `${path(kind)}/one?dryRun=All`;
  switch (values.mode) {
    case 'update':
      return { method: 'PUT', path: one, body };
    case 'merge':
      return { method: 'PATCH', path: one, body: { spec: { [field]: value } }, type: 'application/merge-patch+json' };
    case 'apply':
      return {
        method: 'PATCH',
        path: `${one}&fieldManager=m&force=true`,
        body: object(kind, { [field]: value }),
        type: 'application/apply-patch+yaml',
      };
    case 'warn':
      return { method: 'POST', path: `${path(kind)}?dryRun=All&fieldValidation=Strict`, body };
    default:
      return { method: 'POST', path: `${path(kind)}?dryRun=All`, body };
  }
}

let sent = 0;
const found: { ask: Ask; differences: Difference[] }[] = [];

async function compare(request: Ask): Promise<void> {
  const [a, b] = await both(request);
  sent++;
  const all = differences(a, b);
  if (all.length > 0) found.push({ ask: request, differences: all });
}

/** What is not a change of one field: lists, tables, scales, versions, selectors. */
async function extras(kind: CustomKind): Promise<void> {
  const table = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  const partial = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
  const gets = [
    '',
    '/one',
    '/one/status',
    '/one/scale',
    '/two',
    '?limit=1',
    '?fieldSelector=metadata.name%3Done',
    '?fieldSelector=spec.color%3Dred',
    '?fieldSelector=spec.color%3Dblue',
    '?fieldSelector=spec.replicas%3D2',
    '?fieldSelector=spec.other%3Da',
    '?labelSelector=a%3Db',
    '?resourceVersion=x',
  ];
  for (const version of kind.versions.map((v) => String((v as { name: string }).name))) {
    for (const get of gets) {
      await compare({ method: 'GET', path: path(kind, version) + get });
      await compare({ method: 'GET', path: path(kind, version) + get, accept: table });
    }
    await compare({ method: 'GET', path: path(kind, version), accept: partial });
    await compare({
      method: 'POST',
      path: `${path(kind, version)}?dryRun=All`,
      body: { ...object(kind, kind.good, version), metadata: { name: 'new' }, status: { phase: 'a' } },
    });
  }
  await compare({ method: 'GET', path: `/apis/${GROUP}/v1` });
  for (const name of ['A_b', '', 'a'.repeat(254), 'a.b', '-a'])
    await compare({
      method: 'POST',
      path: `${path(kind)}?dryRun=All`,
      body: { ...object(kind, kind.good), metadata: { name } },
    });
  for (const body of ['{', '[]', 'null', '{}', '{"apiVersion":"v1","kind":"Pod"}', '{"spec":{"a":1,"a":2}}'])
    await compare({ method: 'POST', path: `${path(kind)}?dryRun=All`, body });
  for (const [type, body] of [
    ['strategic-merge-patch+json', { spec: {} }],
    ['json-patch+json', [{ op: 'replace', path: '/spec', value: 5 }]],
    ['json-patch+json', [{ op: 'remove', path: '/spec/nope' }]],
    ['merge-patch+json', { metadata: { name: 'x' } }],
    ['merge-patch+json', { metadata: { labels: { 'a b': 'c' } } }],
    ['merge-patch+json', { status: { phase: 'x' } }],
    ['apply-patch+yaml', { apiVersion: `${GROUP}/v1`, kind: kind.kind, unknown: 1, spec: { unknown: 1 } }],
    ['apply-patch+yaml', { apiVersion: `${GROUP}/v9`, kind: kind.kind }],
    ['merge-patch+json', { spec: null }],
  ] as const) {
    for (const sub of ['', '/status', '/scale'])
      await compare({
        method: 'PATCH',
        path: `${path(kind)}/one${sub}?dryRun=All&fieldManager=m`,
        type: `application/${type}`,
        body,
      });
  }
  for (const spec of [{ replicas: 3 }, { replicas: -1 }, { replicas: 'x' }, {}])
    await compare({
      method: 'PUT',
      path: `${path(kind)}/one/scale?dryRun=All`,
      body: { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'one' }, spec },
    });
}

async function one(kind: CustomKind): Promise<void> {
  const made = await both({ method: 'POST', path: DEFINITIONS, body: definition(kind) });
  for (const m of made) if (m.status >= 300) throw new Error(text(m.body).slice(0, 2000));
  await Promise.all([served(genuine, path(kind)), served(ours, path(kind))]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  if (values.mode !== 'create' && values.mode !== 'warn') {
    const created = await both({ method: 'POST', path: path(kind), body: object(kind, kind.good) });
    for (const m of created) if (m.status >= 300) console.log(`not created: ${text(m.body).slice(0, 600)}`);
  }
  if (values.mode === 'extras') await extras(kind);
  else {
    const asks = kind.fields
      .filter((field) => new RegExp(values.field).test(field))
      .flatMap((field) => VALUES.map((value) => ask(kind, field, value)));
    let next = 0;
    const lane = async () => {
      for (let request = asks[next++]; request !== undefined; request = asks[next++]) await compare(request);
    };
    await Promise.all(Array.from({ length: 6 }, lane));
  }
}

async function main(): Promise<void> {
  for (const kind of CUSTOM_KINDS.filter(({ plural }) => new RegExp(values.kind).test(plural))) {
    try {
      await one(kind);
    } catch (error) {
      console.log(String(error));
    } finally {
      await both({ method: 'DELETE', path: `${path(kind)}/one` });
      await both({ method: 'DELETE', path: `${DEFINITIONS}/${kind.plural}.${GROUP}` });
    }
  }
  for (const { ask: request, differences: all } of found) {
    console.log(`${request.method} ${request.path} ${text(request.body).slice(-160)}`);
    for (const d of all.slice(0, 4))
      console.log(
        `    ${d.path}\n      genuine ${text(d.want).slice(0, 400)}\n      ours    ${text(d.got).slice(0, 400)}`,
      );
  }
  if (values.out !== undefined) writeFileSync(values.out, found.map((f) => JSON.stringify(f)).join('\n'));
  console.log(`${sent - found.length} of ${sent} answers are the same`);
  genuine.close();
  ours.close();
}

await main();
