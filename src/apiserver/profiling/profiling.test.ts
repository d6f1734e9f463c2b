// Tests of the profiles: that pprof's form holds what V8 measured, and the words of what is refused.
import { gunzipSync } from 'node:zlib';
import { Profile } from 'pprof-format';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, startTestServer, type TestServer } from '../test-fixture.ts';
import { cpuPprof, heapPprof } from './pprof.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.api.close());

const jane = { username: 'jane', groups: ['system:authenticated'] };
const ask = (path: string): Promise<Answer> => server.call('GET', `/debug/pprof${path}`);

interface Read {
  readonly types: string[];
  /** Stacks from the innermost function outwards, with their values. */
  readonly stacks: { readonly names: string[]; readonly values: number[] }[];
  readonly profile: Profile;
}

function read(bytes: Uint8Array): Read {
  const profile = Profile.decode(bytes);
  const word = (at: number | bigint): string => profile.stringTable.strings[Number(at)] ?? '';
  const functions = new Map(profile.function.map((one) => [Number(one.id), word(one.name)]));
  const locations = new Map(
    profile.location.map(({ id, line }) => [
      Number(id),
      line.map((one) => functions.get(Number(one.functionId)) ?? ''),
    ]),
  );
  return {
    profile,
    types: profile.sampleType.map(({ type, unit }) => `${word(type)}/${word(unit)}`),
    stacks: profile.sample.map(({ locationId, value }) => ({
      names: locationId.flatMap((id) => locations.get(Number(id)) ?? []),
      values: value.map(Number),
    })),
  };
}

async function fetched(path: string): Promise<Read & { readonly headers: Answer['headers'] }> {
  const { status, headers, body } = await server.raw('GET', `/debug/pprof${path}`);
  expect(status).toBe(200);
  if (!(body instanceof Uint8Array)) throw new Error('a profile is no stream');
  return { headers, ...read(gunzipSync(body)) };
}

const frame = (functionName: string, lineNumber: number) => ({
  functionName,
  lineNumber,
  columnNumber: 0,
  scriptId: '1',
  url: functionName.startsWith('(') ? '' : 'file:///a.mjs',
});

test('processor time is told by stack, without idle time, and each function once', () => {
  const nodes = [
    { id: 1, callFrame: frame('(root)', -1), hitCount: 0, children: [2, 3] },
    { id: 2, callFrame: frame('(idle)', -1), hitCount: 1 },
    { id: 3, callFrame: frame('main', 9), hitCount: 1, children: [4, 5] },
    { id: 4, callFrame: frame('work', 19), hitCount: 2 },
    { id: 5, callFrame: frame('', 29), hitCount: 0, children: [6] },
    { id: 6, callFrame: frame('work', 19), hitCount: 1 },
  ];
  const profile = {
    nodes,
    startTime: 0,
    endTime: 60,
    samples: [5, 4, 2, 4, 3, 6],
    timeDeltas: [900, 10, 20, 30, 40, -5],
  };
  const { types, stacks, profile: made } = read(cpuPprof(profile, { at: 1000, ms: 60 }, 10_000));
  expect(types).toEqual(['samples/count', 'cpu/nanoseconds']);
  expect(stacks).toEqual([
    { names: ['work', 'main'], values: [2, 40_000] },
    { names: ['main'], values: [1, 40_000] },
    { names: ['work', '(anonymous:30:1)', 'main'], values: [1, 0] },
  ]);
  expect(made.function).toHaveLength(3);
  expect(made.function.map(({ startLine }) => Number(startLine))).toEqual([20, 10, 30]);
  expect([made.timeNanos, made.durationNanos, made.period].map(Number)).toEqual([1e9, 6e7, 1e7]);
});

test('memory is told by stack, and since a sample where that is wanted', () => {
  const leaf = { id: 3, callFrame: frame('make', 4), selfSize: 0, children: [] };
  const main = { id: 2, callFrame: frame('main', 1), selfSize: 0, children: [leaf] };
  const head = { id: 1, callFrame: frame('(root)', -1), selfSize: 0, children: [main] };
  const samples = [
    { nodeId: 3, size: 100, ordinal: 0 },
    { nodeId: 3, size: 50, ordinal: 7 },
    { nodeId: 2, size: 7, ordinal: 8 },
  ];
  const of = (since: number) => read(heapPprof({ head, samples }, { at: 0, ms: 0 }, { since, interval: 512 }));
  expect(of(-1).types).toEqual(['inuse_space/bytes']);
  expect(of(-1).stacks).toEqual([
    { names: ['make', 'main'], values: [150] },
    { names: ['main'], values: [7] },
  ]);
  expect(of(7).stacks).toEqual([{ names: ['main'], values: [7] }]);
});

/** Eats processor time and memory, and keeps the latter. */
function spendBothHere(kept: unknown[], ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; )
    kept.push(Array.from({ length: 2000 }, () => kept.length));
}

test('a profile of this process shows who used the processor; a second one at the time is refused', async () => {
  const taking = fetched('/profile?seconds=1');
  const kept: unknown[] = [];
  const spending = setInterval(() => spendBothHere(kept, 20), 25);
  // Under way when V8 has begun, which takes its time on a busy host.
  await expect
    .poll(async () => (await ask('/profile?seconds=1')).text)
    .toBe('Could not enable CPU profiling: cpu profiling already in use\n');
  const { headers, stacks } = await taking;
  clearInterval(spending);
  expect(headers).toMatchObject({
    'content-type': 'application/octet-stream',
    'content-disposition': 'attachment; filename="profile"',
    'x-content-type-options': 'nosniff',
  });
  expect(stacks.some(({ names }) => names.includes('spendBothHere'))).toBe(true);
}, 30_000);

test('a heap profile shows what is held of what was allocated meanwhile', async () => {
  const kept: unknown[] = [];
  const taking = fetched('/heap?seconds=1&gc=1');
  const spending = setInterval(() => spendBothHere(kept, 5), 25);
  const { headers, types, stacks } = await taking;
  clearInterval(spending);
  expect(headers['content-disposition']).toBe('attachment; filename="heap-delta"');
  expect(types).toEqual(['inuse_space/bytes']);
  const held = stacks.filter(({ names }) => names.includes('spendBothHere'));
  expect(held.reduce((sum, { values: [size = 0] }) => sum + size, 0)).toBeGreaterThan(1 << 20);
  expect(kept.length).toBeGreaterThan(100);
}, 30_000);

test('the other paths are those of Go, and what makes no sense here is not there', async () => {
  expect(await ask('')).toMatchObject({ status: 301, headers: { location: '/debug/pprof/' } });
  const page = await ask('/');
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  expect([...page.text.matchAll(/<a href="(\w+)">/g)].map(([, name]) => name)).toEqual(['cmdline', 'heap', 'profile']);
  expect((await ask('/cmdline')).text.split('\0')).toEqual(process.argv);
  expect((await ask('/symbol')).text).toBe('num_symbols: 0\n');
  const refusals: readonly (readonly [path: string, status: number, text: string])[] = [
    ['/goroutine', 404, 'Unknown profile\n'],
    ['/trace?seconds=1', 404, 'Unknown profile\n'],
    ['/heap?seconds=x', 400, 'invalid value for "seconds" - must be a positive integer\n'],
    ['/heap?debug=1', 400, 'there is no text of this profile, leave debug out\n'],
  ];
  for (const [path, status, text] of refusals)
    expect(await ask(path)).toMatchObject({ status, text, headers: { 'x-go-pprof': '1' } });
  expect((await server.call('GET', '/debug/pprof/', undefined, { user: jane })).status).toBe(403);
  expect((await server.call('GET', '/')).text).not.toContain('pprof');
});
