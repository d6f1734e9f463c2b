// Answers /debug/pprof as kube-apiserver does with --profiling: profiles of processor time and memory for `go tool pprof`.
// Source: https://pkg.go.dev/net/http/pprof and https://github.com/kubernetes/kubernetes/blob/v1.36.0/staging/src/k8s.io/apiserver/pkg/server/routes/profiling.go
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Clock } from '../../host/clock.ts';
import type { WireRequest, WireResponse } from '../../machinery/http.ts';
import { utf8 } from '../http/responses.ts';
import type { NonResourcePaths } from '../non-resource.ts';
import { CPU_PERIOD_US, HEAP_INTERVAL, V8Profiler } from './profiler.ts';

const ROOT = '/debug/pprof';
const TEXT = 'text/plain; charset=utf-8';
const NOSNIFF = { 'x-content-type-options': 'nosniff' };
const CPU_SECONDS = 30;
/** Until then there is hardly anything that the first one could show. */
const FIRST_HEAP_SECONDS = 5;

/** Of Go's, those that make sense here. */
const PROFILES: readonly (readonly [name: string, what: string])[] = [
  ['cmdline', 'What this process was started with.'],
  [
    'heap',
    'Memory that is in use, by who allocated it. V8 begins to sample allocations at the first request, which waits a few seconds; from then on a request shows what is alive of all since. With seconds=N it shows only what was allocated in these; with gc=1 what nobody holds is collected before.',
  ],
  ['profile', 'Processor time, by default of thirty seconds; seconds=N says otherwise.'],
];

const gzipped = promisify(gzip);

function text(status: number, body: string, more: Readonly<Record<string, string>> = {}): WireResponse {
  return { status, headers: { 'content-type': TEXT, ...NOSNIFF, ...more }, body: utf8(body) };
}

/** In the words and with the header by which `go tool pprof` knows that they are meant for people. */
function refused(status: number, what: string): WireResponse {
  return text(status, `${what}\n`, { 'x-go-pprof': '1' });
}

async function attached(name: string, bytes: Uint8Array): Promise<WireResponse> {
  const headers = {
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="${name}"`,
    ...NOSNIFF,
  };
  return { status: 200, headers, body: await gzipped(bytes) };
}

/** As Go reads a whole number; 0 where there is none. */
function numberOf(request: WireRequest, name: string): number {
  const said = request.query.get(name) ?? '';
  return /^[+-]?\d{1,18}$/.test(said) ? Number(said) : 0;
}

function index(): WireResponse {
  const rows = PROFILES.map(([name, what]) => `<tr><td><a href="${name}">${name}</a></td><td>${what}</td></tr>`);
  const page = `<html>\n<head><title>${ROOT}/</title></head>\n<body>\n<p>${ROOT}/</p>\n<table>\n${rows.join('\n')}\n</table>\n</body>\n</html>\n`;
  return { status: 200, headers: { 'content-type': 'text/html; charset=utf-8', ...NOSNIFF }, body: utf8(page) };
}

class Profiles {
  private readonly v8 = new V8Profiler();

  constructor(private readonly clock: Clock) {}

  /** Ends early when the client has gone away. */
  private wait(request: WireRequest, seconds: number): Promise<void> {
    return this.clock.sleep(seconds * 1000, request.signal);
  }

  async cpu(request: WireRequest): Promise<WireResponse> {
    if (this.v8.isBusy) return refused(500, 'Could not enable CPU profiling: cpu profiling already in use');
    const said = numberOf(request, 'seconds');
    const at = this.clock.now();
    const profile = await this.v8.cpu(() => this.wait(request, said > 0 ? said : CPU_SECONDS));
    const { cpuPprof } = await import('./pprof.ts');
    return attached('profile', cpuPprof(profile, { at, ms: this.clock.now() - at }, CPU_PERIOD_US));
  }

  async heap(request: WireRequest): Promise<WireResponse> {
    const isDelta = (request.query.get('seconds') ?? '') !== '';
    const seconds = numberOf(request, 'seconds');
    if (isDelta && seconds <= 0) return refused(400, 'invalid value for "seconds" - must be a positive integer');
    if (numberOf(request, 'debug') !== 0) return refused(400, 'there is no text of this profile, leave debug out');
    const at = this.clock.now();
    const isFirst = await this.v8.beginHeap();
    const before = isDelta ? (await this.v8.heap(false)).samples : [];
    const since = before.reduce((last, { ordinal }) => Math.max(last, ordinal), -1);
    if (isDelta || isFirst) await this.wait(request, isDelta ? seconds : FIRST_HEAP_SECONDS);
    const profile = await this.v8.heap(numberOf(request, 'gc') > 0);
    const { heapPprof } = await import('./pprof.ts');
    const taken = { at, ms: this.clock.now() - at };
    return attached(isDelta ? 'heap-delta' : 'heap', heapPprof(profile, taken, { since, interval: HEAP_INTERVAL }));
  }
}

export function addProfiling(paths: NonResourcePaths, clock: Clock): void {
  const profiles = new Profiles(clock);
  const moved = { status: 301, headers: { location: `${ROOT}/` }, body: new Uint8Array(0) };
  paths
    .addUnlisted(ROOT, () => moved)
    .addUnlisted(`${ROOT}/`, index)
    .addUnlisted(`${ROOT}/profile`, (request) => profiles.cpu(request))
    .addUnlisted(`${ROOT}/heap`, (request) => profiles.heap(request))
    .addUnlisted(`${ROOT}/cmdline`, () => text(200, process.argv.join('\0')))
    // Profiles bear the names of their functions: there are no addresses to look up.
    .addUnlisted(`${ROOT}/symbol`, () => text(200, 'num_symbols: 0\n'))
    .addUnlistedPrefix(`${ROOT}/`, () => refused(404, 'Unknown profile'));
}
