// Sends the same requests to a genuine API server and to this one, and tells where the answers differ: good objects changed field by field.
// npx tsx scripts/compare.ts --reference URL --token T --server URL --cert FILE --key FILE [--kind PATTERN] [--mode create|update|status|merge|strategic|json|apply] [--seeds 2] [--max N] [--at PATTERN] [--out FILE]
// `scripts/compare-ratchet.ts` compares changes of objects that could not be created today.
// All requests but the preparing ones are dry runs, so that nothing is left on either server. `--oracle DIRECTORY` brings more good objects.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Ask } from './compare/endpoint.ts';
import { readKnown, shown } from './compare/known.ts';
import { type Json, type Mutation, Mutator } from './compare/mutations.ts';
import { type Difference, differences } from './compare/normal.ts';
import { type Seed, seeds } from './compare/objects.ts';
import { openServers, SERVER_OPTIONS } from './compare/servers.ts';

const { values } = parseArgs({
  options: {
    ...SERVER_OPTIONS,
    kind: { type: 'string', default: '.' },
    at: { type: 'string', default: '' },
    mode: { type: 'string', default: 'create' },
    seeds: { type: 'string', default: '2' },
    max: { type: 'string', default: '1000000' },
    top: { type: 'string', default: '60' },
    oracle: { type: 'string', default: path.resolve(import.meta.dirname, '../../shared/oracle') },
    known: { type: 'string', default: path.join(import.meta.dirname, 'compare/known.json') },
    out: { type: 'string' },
  },
});
const { genuine, ours, both } = openServers(values);
const namespace = `compare-${process.pid}`;

const isKnown = readKnown(values.known);
const substituted = (value: Json): string => JSON.stringify(value).replaceAll('$NS', namespace);

/** What a mutation is sent as. */
function ask(seed: Seed, mutation: Mutation): Ask {
  const collection = seed.path.replace('$NS', namespace);
  const metadata = seed.object.metadata as { name?: string } | undefined;
  const one = `${collection}/${metadata?.name ?? 'x'}`;
  const body = substituted(mutation.object);
  const patch = (kind: string, query = ''): Ask => ({
    method: 'PATCH',
    path: `${one}?dryRun=All${query}`,
    body,
    type: `application/${kind}+json`,
  });
  switch (values.mode) {
    case 'create':
      return { method: 'POST', path: `${collection}?dryRun=All`, body };
    case 'update':
      return { method: 'PUT', path: `${one}?dryRun=All`, body };
    case 'status':
      return { method: 'PUT', path: `${one}/status?dryRun=All`, body };
    case 'merge':
      return patch('merge-patch');
    case 'strategic':
      return patch('strategic-merge-patch');
    case 'json': {
      const pointer = `/${mutation.at.split('.').join('/')}`;
      const at = mutation.at
        .split('.')
        .reduce<Json | undefined>(
          (v, k) => (v !== null && typeof v === 'object' ? (v as Record<string, Json>)[k] : undefined),
          mutation.object,
        );
      const operation = at === undefined ? { op: 'remove', path: pointer } : { op: 'add', path: pointer, value: at };
      return {
        method: 'PATCH',
        path: `${one}?dryRun=All`,
        body: JSON.stringify([operation]),
        type: 'application/json-patch+json',
      };
    }
    case 'apply':
      return { ...patch('', '&fieldManager=m&force=true'), type: 'application/apply-patch+yaml' };
    default:
      throw new Error(`no mode ${values.mode}`);
  }
}

const found: { seed: string; at: string; what: string; ask: Ask; differences: Difference[] }[] = [];
const groups = new Map<string, { count: number; example: string }>();

function note(seed: Seed, mutation: Mutation, sent: Ask, all: readonly Difference[]): void {
  const left = all.filter((d) => !isKnown(d));
  if (left.length === 0) return;
  found.push({ seed: seed.path, at: mutation.at, what: mutation.what, ask: sent, differences: left });
  const first = left.find((d) => d.path.endsWith('.message')) ?? left[0];
  if (first === undefined) return;
  const vague = (t: string) =>
    t
      .replace(/\\"[^"\\]*\\"/g, '"…"')
      .replace(/\d+/g, '#')
      .slice(0, 100);
  const key = `${seed.path.split('/').at(-1)} ${mutation.at.replace(/\.\d+/g, '[]')} :: ${first.path.replace(/\[\d+\]/g, '[]')} ${vague(shown(first.want)).slice(0, 40)}`;
  const group = groups.get(key) ?? {
    count: 0,
    example: `${mutation.what}\n      ${left
      .slice(0, 5)
      .map(
        (d) =>
          `${d.path}\n        genuine ${shown(d.want).slice(0, 420)}\n        ours    ${shown(d.got).slice(0, 420)}`,
      )
      .join('\n      ')}`,
  };
  group.count++;
  groups.set(key, group);
}

async function prepare(seed: Seed): Promise<() => Promise<void>> {
  if (values.mode === 'create') return async () => undefined;
  const collection = seed.path.replace('$NS', namespace);
  const [a, b] = await both({ method: 'POST', path: collection, body: substituted(seed.object) });
  if (a.status >= 300 || b.status >= 300)
    console.error(
      `${collection}: not created: ${a.status} ${b.status} ${shown(a.body).slice(0, 300)} | ${shown(b.body).slice(0, 300)}`,
    );
  const name = (a.body as { metadata?: { name?: string } }).metadata?.name ?? 'x';
  return async () => void (await both({ method: 'DELETE', path: `${collection}/${name}?gracePeriodSeconds=0` }));
}

async function main(): Promise<void> {
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
  const at = new RegExp(values.at);
  let sent = 0;
  let same = 0;
  for (const seed of seeds(swagger.definitions, values.oracle, Number(values.seeds)).filter((s) =>
    new RegExp(values.kind).test(s.path),
  )) {
    const mutations = [...mutator.of(seed.definition, seed.object as Json)].filter(
      (m) => at.test(m.at) && (values.mode !== 'status' || m.at.startsWith('status')),
    );
    const step = Math.max(1, mutations.length / Number(values.max));
    const chosen = Array.from(
      { length: Math.min(mutations.length, Number(values.max)) },
      (_, i) => mutations[Math.floor(i * step)],
    );
    const clean = await prepare(seed);
    let next = 0;
    const lane = async () => {
      for (let mutation = chosen[next++]; mutation !== undefined; mutation = chosen[next++]) {
        const request = ask(seed, mutation);
        try {
          const [a, b] = await both(request);
          const all = differences(a, b);
          sent++;
          if (all.every(isKnown)) same++;
          note(seed, mutation, request, all);
        } catch (error) {
          console.error(`${request.method} ${request.path} ${mutation.at}: ${String(error)}`);
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, lane));
    await clean();
    console.error(`${seed.path}: ${chosen.length} changes`);
  }
  await both({ method: 'DELETE', path: `/api/v1/namespaces/${namespace}` });
  for (const [key, { count, example }] of [...groups]
    .sort((a, b) => b[1].count - a[1].count)
    .slice(0, Number(values.top)))
    console.log(`${String(count).padStart(5)} ${key}\n      ${example}`);
  if (values.out !== undefined) writeFileSync(values.out, found.map((f) => JSON.stringify(f)).join('\n'));
  console.log(`${same} of ${sent} answers are the same, ${groups.size} kinds of difference`);
  genuine.close();
  ours.close();
}

await main();
