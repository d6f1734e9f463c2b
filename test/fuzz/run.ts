// Sends made-up requests to an API server in this process, and tells which of them did harm.
import { generateKeyPairSync } from 'node:crypto';
import { type ApiServer, createApiServer } from '../../src/apiserver/index.ts';
import { systemClock, systemRandom } from '../../src/host/clock.ts';
import { RESOURCES } from '../../src/resources/index.ts';
import { openMemoryStore } from '../../src/store/index.ts';
import { Chance } from './random.ts';
import { type Family, type FuzzRequest, makeRequest, SAMPLES } from './requests.ts';

export interface Finding {
  readonly family: Family;
  readonly seed: number;
  readonly what: string;
  readonly request: FuzzRequest;
}

const USER = { username: 'fuzz', groups: ['system:masters'] };

/** How long one request may keep the process from everything else. */
const MAX_MS = 100;

async function startServer(): Promise<ApiServer> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const api = await createApiServer({
    store: openMemoryStore(),
    resources: RESOURCES,
    clock: systemClock,
    random: systemRandom,
    serviceAccountKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    clusterCa: '',
  });
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  const path = '/api/v1/namespaces/default/serviceaccounts';
  await send(api, { method: 'POST', path, query: '', type: 'application/json', body: JSON.stringify(account) });
  return api;
}

interface Sent {
  readonly status: number;
  readonly text: string;
}

async function send(api: ApiServer, request: FuzzRequest): Promise<Sent> {
  const response = await api.handle({
    method: request.method,
    path: request.path,
    query: new URLSearchParams(request.query),
    headers: { 'content-type': request.type, accept: 'application/json', 'user-agent': 'fuzz/1' },
    ...(request.body === undefined ? {} : { body: Buffer.from(request.body) }),
    user: USER,
  });
  const text = response.body instanceof Uint8Array ? Buffer.from(response.body).toString() : '';
  return { status: response.status, text };
}

/** Puts an honest object where the requests aim. */
async function plant(api: ApiServer): Promise<void> {
  for (const { path, object } of SAMPLES) {
    await send(api, { method: 'POST', path, query: '', type: 'application/json', body: JSON.stringify(object) });
  }
}

/** Kubernetes too answers 500 here and there, but not because something broke. */
function isBroken({ status, text }: Sent): boolean {
  if (status < 500 || status === 503) return false;
  try {
    const answer = JSON.parse(text) as { reason?: string; message?: string };
    return (
      answer.reason === 'InternalError' || /undefined|null \(|not a function|is not iterable/.test(answer.message ?? '')
    );
  } catch {
    return true;
  }
}

const PROTOTYPES = [Object.prototype, Array.prototype, Function.prototype, String.prototype];
const fingerprint = (): string => JSON.stringify(PROTOTYPES.map((p) => Object.getOwnPropertyNames(p).sort()));

export interface FuzzOptions {
  readonly families: readonly Family[];
  readonly count: number;
  readonly seed: number;
  /** Slow requests count as findings; not where other work shares the machine. */
  readonly watchTime: boolean;
  readonly onFinding?: (finding: Finding) => void;
}

/** Begins anew after so many requests: the server fills up otherwise. */
const ROUND = 2000;

export interface FuzzResult {
  readonly findings: Finding[];
  /** How often each status was answered: a run that only meets 404 tries nothing. */
  readonly statuses: ReadonlyMap<number, number>;
}

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const findings: Finding[] = [];
  const statuses = new Map<number, number>();
  const before = fingerprint();
  let api = await startServer();
  await plant(api);
  for (let i = 0; i < options.count; i++) {
    if (i % ROUND === ROUND - 1) {
      await api.close();
      api = await startServer();
    }
    if (i % 100 === 0) await plant(api);
    const seed = options.seed + i;
    const chance = new Chance(seed);
    const family = chance.pick(options.families);
    const request = makeRequest(chance, family);
    const report = (what: string): void => {
      const finding = { family, seed, what, request };
      findings.push(finding);
      options.onFinding?.(finding);
    };
    const began = performance.now();
    const sent = await send(api, request);
    const ms = performance.now() - began;
    statuses.set(sent.status, (statuses.get(sent.status) ?? 0) + 1);
    if (isBroken(sent)) report(`${sent.status} ${sent.text.slice(0, 400)}`);
    if (options.watchTime && ms > MAX_MS) {
      // Other work on the machine may have been to blame.
      const again = performance.now();
      await send(api, request);
      const secondMs = performance.now() - again;
      if (secondMs > MAX_MS) report(`took ${Math.round(ms)} and ${Math.round(secondMs)} ms`);
    }
    if (fingerprint() !== before) {
      report('changed a prototype');
      break;
    }
  }
  await api.close();
  return { findings, statuses };
}
