// Integers of 64 bits in custom resources: no digit is lost, whichever way an object goes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLmdbStore } from '../../store/index.ts';
import { startTestServer, type TestServer, TestSink } from '../test-fixture.ts';

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const PATH = '/apis/x.example.com/v1/namespaces/default/bigs';
const MERGE = { type: 'application/merge-patch+json' };
const APPLY = { type: 'application/apply-patch+yaml' };
const JSON_PATCH = { type: 'application/json-patch+json' };

const integer = (more = ''): string => `{"type":"integer"${more}}`;
const SPEC = `{
  "id":${integer()}, "id32":${integer(',"format":"int32"')}, "id64":${integer(',"format":"int64"')},
  "kept":${integer(',"default":9223372036854775807')}, "real":{"type":"number"},
  "least":${integer(',"minimum":9007199254740993')}, "most":${integer(',"maximum":9007199254740993')},
  "one":${integer(',"enum":[9007199254740993,1]')},
  "third":${integer(',"multipleOf":3')}, "whole":${integer(',"multipleOf":9007199254740993')},
  "either":{"x-kubernetes-int-or-string":true},
  "rule":${integer(',"x-kubernetes-validations":[{"rule":"self + 1 > self"},{"rule":"self != 9007199254740993"}]')},
  "set":{"type":"array","items":${integer()},"x-kubernetes-list-type":"set"},
  "map":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],
    "items":{"type":"object","required":["k"],"properties":{"k":${integer()},"v":{"type":"string"}}}},
  "any":{"x-kubernetes-preserve-unknown-fields":true}}`;
const columns = ['integer', 'string', 'number'].map((type) => ({ name: type, type, jsonPath: '.spec.id' }));
const DEFINITION = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"bigs.x.example.com"},
"spec":{"group":"x.example.com","scope":"Namespaced","names":{"plural":"bigs","kind":"Big"},"versions":[{"name":"v1","served":true,
"storage":true,"additionalPrinterColumns":${JSON.stringify(columns)},"schema":{"openAPIV3Schema":{"type":"object","properties":{
"spec":{"type":"object","properties":${SPEC}}}}}}]}}`;

const big = (name: string, spec: string): string =>
  `{"apiVersion":"x.example.com/v1","kind":"Big","metadata":{"name":"${name}"},"spec":${spec}}`;
const KEPT = '"kept":9223372036854775807';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  expect((await server.call('POST', DEFINITIONS, DEFINITION)).status).toBe(201);
});
afterAll(() => server.api.close());

/** The text of the spec in an answer. */
const specOf = (text: string): string => /"spec":(.*)\}$/s.exec(text.replace(/\]\}$/, ''))?.[1] ?? text;

async function tried(spec: string): Promise<string> {
  const { status, text, body } = await server.call('POST', `${PATH}?dryRun=All`, big('tried', spec));
  if (status === 201) return specOf(text).replace(`,${KEPT}`, '');
  return String(body.message)
    .replace('Big.x.example.com "tried" is invalid: ', '')
    .replace(/, <nil>: Invalid value: null: some validation.*$/, '');
}

async function watched(name: string): Promise<string> {
  const response = await server.raw('GET', `${PATH}?watch=1&fieldSelector=metadata.name%3D${name}`);
  const sink = new TestSink();
  if (response.body instanceof Uint8Array) throw new Error('not a stream');
  response.body.start(sink);
  await expect.poll(() => sink.chunks.length).toBeGreaterThan(0);
  sink.end();
  return specOf(Buffer.concat(sink.chunks).toString().trim().slice(0, -1));
}

const near = [2n ** 53n, -(2n ** 53n), 2n ** 63n - 2n].flatMap((n) => [n - 1n, n, n + 1n]);
const int64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(...near)).map(String);
const anything: fc.Arbitrary<string> = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    int64,
    fc.string().map((text) => JSON.stringify(text)),
    fc.array(tie('any'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
    fc.tuple(tie('any'), tie('any')).map(([a, b]) => `{"a":${a},"b c":${b}}`),
  ),
})).any;

describe('Integers of 64 bits in a custom resource', () => {
  it('survive create, get, list, watch, patches, apply and YAML digit by digit', async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(int64, anything, fc.uniqueArray(int64, { maxLength: 3 }), async (id, any, set) => {
        const name = `p${++count}`;
        const one = `${PATH}/${name}`;
        const spec = `{"id":${id},"any":${any},"set":[${set.join(',')}],"map":[{"k":${id},"v":"x"}],${KEPT}}`;
        const created = await server.call('POST', `${PATH}?fieldManager=m`, big(name, spec));
        expect([created.status, specOf(created.text)]).toEqual([201, spec]);
        expect(specOf((await server.call('GET', one)).text)).toBe(spec);
        const listed = await server.call('GET', `${PATH}?fieldSelector=metadata.name%3D${name}`);
        expect(specOf(listed.text)).toBe(spec);
        expect(await watched(name)).toBe(spec);
        const merged = await server.call('PATCH', one, '{"metadata":{"labels":{"a":"b"}}}', MERGE);
        expect([merged.status, specOf(merged.text)]).toEqual([200, spec]);
        const applied = await server.call('PATCH', `${one}?fieldManager=n`, big(name, '{"real":1.5}'), APPLY);
        expect([applied.status, specOf(applied.text)]).toEqual([200, spec.replace(/\}$/, ',"real":1.5}')]);
        const yaml = await server.call('GET', one, undefined, { accept: 'application/yaml' });
        const replaced = await server.call('PUT', one, yaml.text, { type: 'application/yaml' });
        expect(replaced.status).toBe(200);
        // Nothing was changed by the way through YAML, where names are sorted.
        expect(replaced.body.metadata?.generation).toBe(applied.body.metadata?.generation);
        expect((await server.call('GET', one, undefined, { accept: 'application/yaml' })).text).toBe(yaml.text);
        await server.call('DELETE', one);
      }),
      { numRuns: 25 },
    );
  });

  it('are rounded where Go has floats, and refused where these are no integers', async () => {
    const values = '[9223372036854775807,9223372036854775808,-9223372036854775809,1e18,1e21,1.0,1e3,-0]';
    const shown = '[9223372036854775807,9223372036854776000,-9223372036854776000,1000000000000000000,1e+21,1,1000,0]';
    expect(await tried(`{"any":${values}}`)).toBe(`{"any":${shown}}`);
    for (const value of ['9223372036854775808', '9007199254740992.0', '1e18', '1.5'])
      expect(await tried(`{"id":${value}}`)).toContain('spec.id in body must be of type integer: "number"');
    expect(await tried('{"either":9223372036854775807}')).toBe('{"either":9223372036854775807}');
    expect(await tried('{"either":9223372036854775808}')).toContain('must be of type integer,string: "number"');
  });

  it.each([
    [
      '{"id32":9007199254740993}',
      '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.id32',
    ],
    ['{"id64":-9223372036854775808}', '{"id64":-9223372036854775808}'],
    // Bounds are floats in a definition.
    ['{"least":9007199254740992}', '{"least":9007199254740992}'],
    [
      '{"least":9007199254740991}',
      'spec.least: Invalid value: 9007199254740991: spec.least in body should be greater than or equal to 9007199254740992',
    ],
    [
      '{"most":9007199254740993}',
      'spec.most: Invalid value: 9007199254740993: spec.most in body should be less than or equal to 9007199254740992',
    ],
    ['{"one":9007199254740993}', '{"one":9007199254740993}'],
    [
      '{"one":9007199254740992}',
      '[spec.one: Unsupported value: 9007199254740992: supported values: "9007199254740993", "1"',
    ],
    ['{"third":9007199254740993}', '{"third":9007199254740993}'],
    [
      '{"third":9007199254740994}',
      'spec.third: Invalid value: 9007199254740994: spec.third in body should be a multiple of 3',
    ],
    [
      '{"whole":9007199254740993}',
      'spec.whole: Invalid value: 9007199254740993: spec.whole in body should be a multiple of 9007199254740992',
    ],
    ['{"rule":9007199254740993}', 'spec.rule: Invalid value: 9007199254740993: failed rule: self != 9007199254740993'],
    ['{"rule":9007199254740994}', '{"rule":9007199254740994}'],
    [
      '{"rule":9223372036854775807}',
      'spec.rule: Invalid value: "integer": integer overflow evaluating rule: self + 1 > self',
    ],
    ['{"set":[9007199254740993,9007199254740992]}', '{"set":[9007199254740993,9007199254740992]}'],
    ['{"set":[9007199254740993,9007199254740993]}', 'spec.set[1]: Duplicate value: 9007199254740993'],
    ['{"map":[{"k":9007199254740993},{"k":9007199254740993}]}', 'spec.map[1]: Duplicate value: {"k":9007199254740993}'],
  ])('are checked with every digit: %s', async (spec, answer) => {
    expect(await tried(spec)).toBe(answer);
  });

  it('are shown whole in tables, to whoever asks for JSON or YAML', async () => {
    await server.call('POST', PATH, big('table', '{"id":9007199254740993}'));
    const table = { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' };
    const { text } = await server.call('GET', `${PATH}/table`, undefined, table);
    expect(text).toContain('"cells":["table",9007199254740993,"9007199254740993",9007199254740993]');
    const pretty = await server.call('GET', `${PATH}/table?pretty=1`);
    expect(pretty.text).toContain('"id": 9007199254740993');
  });

  it('are told apart by patches', async () => {
    await server.call('POST', PATH, big('patched', '{"id":9007199254740993}'));
    const patch = (value: string, to: string): string =>
      `[{"op":"test","path":"/spec/id","value":${value}},{"op":"copy","from":"/spec/id","path":"/spec/id64"},{"op":"replace","path":"/spec/id","value":${to}}]`;
    const wrong = await server.call('PATCH', `${PATH}/patched`, patch('9007199254740992', '1'), JSON_PATCH);
    expect(wrong.status).toBe(422);
    const right = await server.call(
      'PATCH',
      `${PATH}/patched`,
      patch('9007199254740993', '9007199254740995'),
      JSON_PATCH,
    );
    expect(specOf(right.text)).toBe(`{"id":9007199254740995,${KEPT},"id64":9007199254740993}`);
    const merged = await server.call('PATCH', `${PATH}/patched`, '{"spec":{"id":9007199254740996}}', MERGE);
    expect(merged.body.metadata?.generation).toBe(3);
    expect(merged.text).toContain('"id":9007199254740996');
  });

  it('are owned as what they are', async () => {
    const apply = (manager: string, spec: string) =>
      server.call('PATCH', `${PATH}/owned?fieldManager=${manager}`, big('owned', spec), APPLY);
    expect((await apply('a', '{"id":9007199254740993,"set":[9007199254740993]}')).status).toBe(201);
    const conflict = await apply('b', '{"id":9007199254740992}');
    expect([conflict.status, conflict.body.message]).toEqual([
      409,
      'Apply failed with 1 conflict: conflict with "a": .spec.id',
    ]);
    const shared = await apply('b', '{"id":9007199254740993,"set":[9007199254740992]}');
    expect(specOf(shared.text)).toContain('"set":[9007199254740993,9007199254740992]');
    expect(shared.text).toContain('"v:9007199254740992"');
    const left = await apply('a', '{"id":9007199254740993}');
    expect(specOf(left.text)).toContain('"set":[9007199254740992]');
  });
});

it('Integers of 64 bits are read back from the disk as they were written, in custom resources and built-in kinds', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'minke-exact-'));
  const revisions = '/apis/apps/v1/namespaces/default/controllerrevisions';
  const revision =
    '{"apiVersion":"apps/v1","kind":"ControllerRevision","metadata":{"name":"c"},"revision":9007199254740993,"data":{"a":9007199254740993}}';
  const open = async () => {
    const store = await openLmdbStore({ directory: join(directory, 'data') });
    const server = await startTestServer({ store });
    const close = async (): Promise<void> => {
      await server.api.close();
      await store.close();
    };
    return { call: server.call, close };
  };
  try {
    const first = await open();
    await first.call('POST', DEFINITIONS, DEFINITION);
    expect((await first.call('POST', PATH, big('a', '{"id":9007199254740993}'))).status).toBe(201);
    expect((await first.call('POST', revisions, revision)).status).toBe(201);
    await first.close();
    const second = await open();
    const after = await second.call('PATCH', `${PATH}/a`, '{"spec":{"real":2}}', MERGE);
    expect(specOf(after.text)).toBe(`{"id":9007199254740993,${KEPT},"real":2}`);
    const most = await second.call('POST', PATH, big('b', '{"most":9007199254740993}'));
    expect(most.body.message).toContain('should be less than or equal to 9007199254740992');
    const raised = await second.call('PATCH', `${revisions}/c`, '{"metadata":{"labels":{"a":"b"}}}', MERGE);
    expect([raised.status, raised.text.includes('"data":{"a":9007199254740993}')]).toEqual([200, true]);
    expect(raised.text).toContain('"revision":9007199254740993');
    await second.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
