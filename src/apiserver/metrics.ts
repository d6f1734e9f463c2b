// The metrics of the API server, by Kubernetes' names.
// Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { WireResponse } from '../machinery/http.ts';
import type { Store } from '../store/index.ts';
import type { FlowOutcome, LevelLoad } from './flow/index.ts';
import { flowMetrics } from './flow-metrics.ts';
import { utf8 } from './http/responses.ts';
import type { Catalog } from './registry/catalog.ts';
import type { WatchHub } from './registry/watch-hub.ts';
import type { RequestOutcome } from './server.ts';

const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

export interface MeteredParts {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly watches: WatchHub;
}

function scopeOf({ info }: RequestOutcome): string {
  if (!info.isResource) return '';
  if (info.name !== '') return 'resource';
  return info.namespace === '' ? 'cluster' : 'namespace';
}

export class Metrics {
  private readonly registry = new Registry();
  private readonly requests: Counter;
  private readonly durations: Histogram;
  private inflight = 0;

  /** To be told of every request that priority and fairness lets in or refuses. */
  readonly observeFlow: (outcome: FlowOutcome) => void;

  constructor(parts: () => MeteredParts, loads: () => readonly LevelLoad[]) {
    const registers = [this.registry];
    this.requests = new Counter({
      name: 'apiserver_request_total',
      help: 'Counter of apiserver requests broken out for each verb, group, version, resource, scope, and code.',
      labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'code'],
      registers,
    });
    this.durations = new Histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'Response latency distribution in seconds for each verb, group, version, resource, subresource and scope.',
      labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope'],
      buckets: BUCKETS,
      registers,
    });
    const inflight = (): number => this.inflight;
    new Gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'Number of requests that are being served.',
      labelNames: ['request_kind'],
      registers,
      collect() {
        this.set({ request_kind: 'all' }, inflight());
      },
    });
    new Gauge({
      name: 'apiserver_registered_watchers',
      help: 'Number of open watches.',
      registers,
      collect() {
        this.set(parts().watches.open);
      },
    });
    new Gauge({
      name: 'apiserver_watch_events_total',
      help: 'Number of events sent to watch clients.',
      registers,
      collect() {
        this.set(parts().watches.sent);
      },
    });
    this.observeFlow = flowMetrics(registers, loads);
    objectCounts(registers, parts);
    collectDefaultMetrics({ register: this.registry });
  }

  begin(): void {
    this.inflight++;
  }

  observe(outcome: RequestOutcome): void {
    this.inflight--;
    const { info } = outcome;
    const labels = {
      verb: info.verb.toUpperCase(),
      group: info.group,
      version: info.version,
      resource: info.resource,
      subresource: info.subresource,
      scope: scopeOf(outcome),
    };
    this.requests.inc({ ...labels, code: outcome.status });
    if (info.verb !== 'watch') this.durations.observe(labels, outcome.milliseconds / 1000);
  }

  async response(): Promise<WireResponse> {
    return {
      status: 200,
      headers: { 'content-type': this.registry.contentType },
      body: utf8(await this.registry.metrics()),
    };
  }
}

function objectCounts(registers: Registry[], parts: () => MeteredParts): void {
  new Gauge({
    name: 'apiserver_storage_objects',
    help: 'Number of stored objects at the time of last check split by kind.',
    labelNames: ['resource'],
    registers,
    async collect() {
      const { store, catalog } = parts();
      for (const { row, storage, prefix } of catalog.all()) {
        if (row !== storage || row.virtual === true) continue;
        const found = await store.list({ prefix, limit: 1 });
        const resource = row.group === '' ? row.plural : `${row.plural}.${row.group}`;
        this.set({ resource }, found.items.length + found.remaining);
      }
    },
  });
  new Gauge({
    name: 'apiserver_storage_size_bytes',
    help: 'Size of the storage database file physically allocated in bytes.',
    registers,
    async collect() {
      this.set((await parts().store.size()).bytes);
    },
  });
}
