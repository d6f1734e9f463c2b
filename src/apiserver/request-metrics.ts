// The metrics of requests, by Kubernetes' names and in its words for verbs and scopes.
// Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { WireRequest, WireResponse } from '../machinery/http.ts';
import { isWatchQuery, type RequestInfo } from './http/request-info.ts';

export interface RequestOutcome {
  readonly request: WireRequest;
  readonly info: RequestInfo;
  readonly response: WireResponse;
  readonly milliseconds: number;
  /** The resource is deprecated. */
  readonly deprecated: boolean;
}

const DURATIONS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const SIZES = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const LABELS = ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'];
const METHODS: ReadonlySet<string> = new Set(['DELETE', 'PATCH', 'POST', 'PUT']);
const CONNECTED: ReadonlySet<string> = new Set(['log', 'exec', 'portforward', 'attach', 'proxy']);
const READ_ONLY: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'head']);

/** Paths of no resources that are counted. */
const METERED: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz', '/openapi/v3']);

export function isMetered(path: string): boolean {
  return METERED.has(path);
}

type Labels = Readonly<Record<string, string>>;

function scopeOf({ isResource, name, namespace, verb }: RequestInfo): string {
  if (!isResource) return '';
  if (name !== '' || verb === 'create') return 'resource';
  return namespace === '' ? 'cluster' : 'namespace';
}

/** HTTP's methods, but for reading, applying and connecting. */
function verbOf({ method, headers, query }: WireRequest, info: RequestInfo): string {
  if (CONNECTED.has(info.subresource)) return 'CONNECT';
  if (info.verb === 'watch') return 'WATCH';
  if (info.verb === 'deletecollection') return 'DELETE';
  if (method === 'GET' || method === 'HEAD') {
    if (isWatchQuery(query)) return 'WATCH';
    return scopeOf(info) === 'resource' || !info.isResource ? 'GET' : 'LIST';
  }
  if (method === 'PATCH' && headers['content-type'] === 'application/apply-patch+yaml') return 'APPLY';
  return METHODS.has(method) ? method : 'other';
}

function dryRunOf(query: URLSearchParams): string {
  const asked = query.size === 0 ? [] : query.getAll('dryRun').filter((one) => one !== '');
  if (asked.length === 0) return '';
  return asked.every((one) => one === 'All') ? 'All' : 'invalid';
}

function labelsOf(request: WireRequest, info: RequestInfo): Labels {
  return {
    verb: verbOf(request, info),
    group: info.group,
    version: info.version,
    resource: info.resource,
    subresource: info.isResource ? info.subresource : info.path,
    scope: scopeOf(info),
    component: 'apiserver',
  };
}

function sizeOf({ body }: WireResponse): number | undefined {
  return body instanceof Uint8Array ? body.length : body.whole?.length;
}

/** What is looked up once for all requests that are alike. */
interface Alike {
  count(): void;
  took(seconds: number): void;
}

export class RequestMetrics {
  private readonly requests: Counter;
  private readonly durations: Histogram;
  private readonly sizes: Histogram;
  private readonly longRunning: Gauge;
  private readonly deprecated: Gauge;
  private readonly alike = new Map<string, Alike>();
  private readonly inflight = { readOnly: 0, mutating: 0 };

  constructor(registers: Registry[]) {
    this.requests = new Counter({
      name: 'apiserver_request_total',
      help: 'Requests by verb, dry run, group, version, resource, scope, component and code of the answer.',
      labelNames: [...LABELS, 'dry_run', 'code'],
      registers,
    });
    this.durations = new Histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'How long requests took, by verb, dry run, group, version, resource, subresource, scope and component.',
      labelNames: [...LABELS, 'dry_run'],
      buckets: DURATIONS,
      registers,
    });
    this.sizes = new Histogram({
      name: 'apiserver_response_sizes',
      help: 'Sizes of the answers to reading requests, in bytes.',
      labelNames: LABELS,
      buckets: SIZES,
      registers,
    });
    this.longRunning = new Gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Watches, logs and other requests that last, as many as are open.',
      labelNames: LABELS,
      registers,
    });
    this.deprecated = new Gauge({
      name: 'apiserver_requested_deprecated_apis',
      help: 'Deprecated APIs that have been asked for.',
      labelNames: ['group', 'version', 'resource', 'subresource', 'removed_release'],
      registers,
    });
    const { inflight } = this;
    new Gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'Requests that are being served, by kind.',
      labelNames: ['request_kind'],
      registers,
      collect() {
        for (const [kind, count] of Object.entries(inflight)) this.set({ request_kind: kind }, count);
      },
    });
  }

  /** A request has come; the function is to be called when it is answered. */
  begin({ verb }: RequestInfo): () => void {
    const kind = READ_ONLY.has(verb) ? 'readOnly' : 'mutating';
    this.inflight[kind]++;
    return () => {
      this.inflight[kind]--;
    };
  }

  /** A lasting request has begun; the function is to be called at its end. */
  lasting(request: WireRequest, info: RequestInfo): () => void {
    const gauge = this.longRunning.labels(labelsOf(request, info));
    gauge.inc();
    return () => gauge.dec();
  }

  observe({ request, info, response, milliseconds, deprecated }: RequestOutcome): void {
    const labels = labelsOf(request, info);
    const dryRun = dryRunOf(request.query);
    const alike = this.alikeOf({ ...labels, dry_run: dryRun, code: String(response.status) });
    alike.count();
    const { group, version, resource, subresource } = info;
    if (deprecated) this.deprecated.set({ group, version, resource, subresource, removed_release: '' }, 1);
    if (info.verb === 'watch') return;
    alike.took(milliseconds / 1000);
    const size = info.verb === 'get' || info.verb === 'list' ? sizeOf(response) : undefined;
    if (size !== undefined) this.sizes.observe(labels, size);
  }

  private alikeOf(labels: Labels): Alike {
    const key = Object.values(labels).join(' ');
    let known = this.alike.get(key);
    if (known === undefined) {
      const { code: _, ...timed } = labels;
      const counter = this.requests.labels(labels);
      const histogram = this.durations.labels(timed);
      known = { count: () => counter.inc(), took: (seconds) => histogram.observe(seconds) };
      this.alike.set(key, known);
    }
    return known;
  }

  /** Forgets what was counted. */
  clear(): void {
    this.alike.clear();
    for (const metric of [this.requests, this.durations, this.sizes, this.deprecated]) metric.reset();
  }
}
