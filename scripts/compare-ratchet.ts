// Puts objects that could not be created today into the stores of a genuine API server and of this one, changes something else of them, and tells where the answers differ.
// npx tsx scripts/compare-ratchet.ts --reference URL --token T --etcd URL [--kind PATTERN] [--at PATTERN] [--max N] [--top N] [--known FILE]
// `--etcd` is the genuine server's etcd, over its JSON gateway; this server runs in the process, over a store in memory. All changes are dry runs.

import { generateKeyPairSync } from 'node:crypto';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createApiServer } from '../src/apiserver/index.ts';
import { systemClock, systemRandom } from '../src/host/clock.ts';
import { isServed, RESOURCES } from '../src/resources/index.ts';
import { openMemoryStore } from '../src/store/index.ts';
import { type Answer, type Ask, Endpoint } from './compare/endpoint.ts';
import { readKnown, shown } from './compare/known.ts';
import { type Json, Mutator } from './compare/mutations.ts';
import { type Difference, differences } from './compare/normal.ts';
import { type Seed, seeds } from './compare/objects.ts';

const { values } = parseArgs({
  options: {
    reference: { type: 'string' },
    token: { type: 'string' },
    etcd: { type: 'string' },
    kind: { type: 'string', default: '.' },
    at: { type: 'string', default: '' },
    max: { type: 'string', default: '1000000' },
    top: { type: 'string', default: '60' },
    oracle: { type: 'string', default: path.resolve(import.meta.dirname, '../../shared/oracle') },
    known: { type: 'string', default: path.join(import.meta.dirname, 'compare/known.json') },
  },
});
const { reference, token, etcd } = values;
if (reference === undefined || token === undefined || etcd === undefined)
  throw new Error('--reference, --token and --etcd are needed');

type Fields = { [key: string]: Json };
const isKnown = readKnown(values.known);
const genuine = new Endpoint(reference, { token });
const namespace = `ratchet-${process.pid}`;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function etcdCall(method: string, body: object): Promise<{ kvs?: { key: string }[] }> {
  const response = await fetch(new URL(`/v3/kv/${method}`, etcd), { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`etcd: ${response.status} ${await response.text()}`);
  return (await response.json()) as { kvs?: { key: string }[] };
}

const store = openMemoryStore();
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const api = await createApiServer({
  store,
  resources: RESOURCES,
  served: (row) => isServed(row, {}),
  clock: systemClock,
  random: systemRandom,
  serviceAccountKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  clusterCa: '',
});
const USER = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };

async function ask({ method, path: url, body }: Ask): Promise<Answer> {
  const [bare = '', query = ''] = url.split('?');
  const response = await api.handle({
    method,
    path: bare,
    query: new URLSearchParams(query),
    headers: { 'user-agent': 'compare/1.0', accept: 'application/json', 'content-type': 'application/json' },
    user: USER,
    ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
  });
  const { warning } = response.headers;
  const text = response.body instanceof Uint8Array ? Buffer.from(response.body).toString() : '';
  return {
    status: response.status,
    ...(warning === undefined ? {} : { warning: [warning].flat().join(', ') }),
    body: text.startsWith('{') ? (JSON.parse(text) as unknown) : text,
  };
}
const both = (one: Ask): Promise<[Answer, Answer]> => Promise.all([genuine.send(one), ask(one)]);

/** Where an object lies in each store. */
interface Place {
  readonly theirs: string;
  readonly ours: string;
}

async function placeOf(url: string, name: string): Promise<Place> {
  const plural = url.split('/').at(-1) ?? '';
  const end = url.includes('/namespaces/') ? `/${namespace}/${name}` : `/${name}`;
  const { kvs } = await etcdCall('range', {
    key: base64('/registry/'),
    range_end: base64('/registry0'),
    keys_only: true,
  });
  const keys = (kvs ?? []).map(({ key }) => Buffer.from(key, 'base64').toString()).filter((key) => key.endsWith(end));
  const theirs = keys.find((key) => key.includes(`/${plural}/`)) ?? keys[0];
  const found = (await store.list({ prefix: `/registry/${plural}/` })).items.find(({ key }) => key.endsWith(end));
  if (theirs === undefined || found === undefined) throw new Error(`${url}/${name} is in no store`);
  return { theirs, ours: found.key };
}

async function remove({ theirs, ours }: Place): Promise<void> {
  await etcdCall('deleterange', { key: base64(theirs) });
  const old = await store.get(ours);
  if (old !== undefined)
    await store.txn([{ kind: 'delete', key: ours, expected: old.modRevision, encode: () => old.value }]);
}

/** Into the genuine server's store; what it reads of it, as its own types have it, is what this one is given. */
async function put({ theirs, ours }: Place, object: Fields, url: string): Promise<Answer> {
  const { resourceVersion: _, ...metadata } = object.metadata as Fields;
  await etcdCall('put', { key: base64(theirs), value: base64(JSON.stringify({ ...object, metadata })) });
  const read = await genuine.send({ method: 'GET', path: url });
  if (read.status !== 200) return read;
  const body = read.body as Fields;
  const old = await store.get(ours);
  const encode = (revision: number): Uint8Array =>
    Buffer.from(
      JSON.stringify({ ...body, metadata: { ...(body.metadata as Fields), resourceVersion: String(revision) } }),
    );
  await store.txn([{ kind: 'put', key: ours, expected: old?.modRevision ?? 0, encode }]);
  return read;
}

const findings = new Map<string, { count: number; example: string }>();
let sent = 0;
let same = 0;

function note(what: string, request: string, all: readonly Difference[]): void {
  sent++;
  const left = all.filter((d) => !isKnown(d));
  if (left.length === 0) {
    same++;
    return;
  }
  const first = left.find((d) => d.path.endsWith('.message')) ?? left[0];
  const key = `${what.replace(/\.\d+/g, '[]')} ${request} :: ${shown(first?.want).replace(/\d+/g, '#').slice(0, 50)}`;
  const group = findings.get(key) ?? {
    count: 0,
    example: left
      .slice(0, 3)
      .map(
        (d) =>
          `${d.path}\n        genuine ${shown(d.want).slice(0, 500)}\n        ours    ${shown(d.got).slice(0, 500)}`,
      )
      .join('\n      '),
  };
  group.count++;
  findings.set(key, group);
}

const FIXED =
  /^(apiVersion|kind|metadata\.(name|namespace|uid|resourceVersion|generation|creationTimestamp|managedFields|deletion\w+|selfLink))\b/;

async function tryOne(
  url: string,
  place: Place,
  { at, what, object }: { at: string; what: string; object: Json },
): Promise<void> {
  const wrong = object as Fields;
  if (typeof wrong.metadata !== 'object' || wrong.metadata === null) return;
  const {
    uid: _,
    resourceVersion: __,
    creationTimestamp: ___,
    managedFields: ____,
    ...metadata
  } = wrong.metadata as Fields;
  const created = await genuine.send({ method: 'POST', path: `${url}?dryRun=All`, body: { ...wrong, metadata } });
  if (created.status !== 422) return;
  const one = `${url}/${String((wrong.metadata as Fields).name)}`;
  try {
    const read = await put(place, wrong, one);
    // What cannot even be read is no object.
    if (read.status !== 200) return;
    const got = [read, await ask({ method: 'GET', path: one })] as const;
    const label = `${url.split('/').at(-1)} ${at} = ${what}`;
    note(label, 'GET', differences(...got));
    const touched = (answer: Answer): Fields => {
      const read = answer.body as Fields;
      const about = read.metadata as Fields;
      return { ...read, metadata: { ...about, annotations: { ...(about.annotations as Fields), touched: 'yes' } } };
    };
    for (const sub of ['', '/status']) {
      const [want, ours] = await Promise.all([
        genuine.send({ method: 'PUT', path: `${one}${sub}?dryRun=All`, body: touched(got[0]) }),
        ask({ method: 'PUT', path: `${one}${sub}?dryRun=All`, body: touched(got[1]) }),
      ]);
      if (want.status === 404 && ours.status === 404) continue;
      note(label, `PUT${sub}`, differences(want, ours));
    }
  } finally {
    await remove(place);
  }
}

async function trySeed(seed: Seed, mutator: Mutator): Promise<void> {
  const url = seed.path.replace('$NS', namespace);
  const body = JSON.parse(JSON.stringify(seed.object).replaceAll('$NS', namespace)) as Fields;
  const [want, ours] = await both({ method: 'POST', path: url, body });
  if (want.status >= 300 || ours.status >= 300) {
    console.error(`${url}: not created: ${want.status} ${ours.status} ${shown(want.body).slice(0, 200)}`);
    return;
  }
  const good = ours.body as Fields;
  const place = await placeOf(url, String((good.metadata as Fields).name));
  await remove(place);
  const wanted = new RegExp(values.at);
  const all = [...mutator.of(seed.definition, good)].filter((m) => wanted.test(m.at) && !FIXED.test(m.at));
  const step = Math.max(1, all.length / Number(values.max));
  for (let i = 0; i < all.length; i += step) {
    const mutation = all[Math.floor(i)];
    if (mutation === undefined) continue;
    try {
      await tryOne(url, place, mutation);
    } catch (error) {
      console.error(`${url} ${mutation.at}: ${String(error)}`);
    }
  }
  console.error(`${url}: ${all.length} changes`);
}

const swagger = (await genuine.send({ method: 'GET', path: '/openapi/v2' })).body as {
  definitions: Parameters<typeof seeds>[0];
};
await both({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: namespace } } });
await both({
  method: 'POST',
  path: `/api/v1/namespaces/${namespace}/serviceaccounts`,
  body: { metadata: { name: 'default' } },
});
const mutator = new Mutator(swagger.definitions);
// A genuine server that reads wrong flow schemas of its store ends.
const chosen = seeds(swagger.definitions, values.oracle, 1).filter(
  ({ path: of }) => new RegExp(values.kind).test(of) && !of.includes('/flowcontrol.apiserver.k8s.io/'),
);
let next = 0;
const lane = async (): Promise<void> => {
  for (let seed = chosen[next++]; seed !== undefined; seed = chosen[next++]) {
    try {
      await trySeed(seed, mutator);
    } catch (error) {
      console.error(`${seed.path}: ${String(error)}`);
    }
  }
};
await Promise.all(Array.from({ length: 6 }, lane));
await both({ method: 'DELETE', path: `/api/v1/namespaces/${namespace}` });
for (const [key, { count, example }] of [...findings]
  .sort((a, b) => b[1].count - a[1].count)
  .slice(0, Number(values.top)))
  console.log(`${String(count).padStart(4)} ${key}\n      ${example}`);
console.log(`${same} of ${sent} answers are the same, ${findings.size} kinds of difference`);
genuine.close();
await api.close();
