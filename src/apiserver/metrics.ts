// The metrics of the API server, by Kubernetes' names.
// Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { WireRequest, WireResponse } from '../machinery/http.ts';
import type { JsonObject } from '../machinery/object.ts';
import type { Store } from '../store/index.ts';
import { AdmissionMetrics } from './admission-metrics.ts';
import type { FlowOutcome, LevelLoad } from './flow/index.ts';
import { flowMetrics } from './flow-metrics.ts';
import { textResponse, utf8 } from './http/responses.ts';
import type { Catalog } from './registry/catalog.ts';
import type { WatchHub } from './registry/watch-hub.ts';
import { RequestMetrics } from './request-metrics.ts';

export interface MeteredParts {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly watches: WatchHub;
}

export interface MetricsOptions {
  readonly parts: () => MeteredParts;
  /** Of priority and fairness. */
  readonly loads: () => readonly LevelLoad[];
  /** As `/version` tells it. */
  readonly version: JsonObject;
}

const BUILD = {
  major: 'major',
  minor: 'minor',
  git_version: 'gitVersion',
  git_commit: 'gitCommit',
  git_tree_state: 'gitTreeState',
  build_date: 'buildDate',
  go_version: 'goVersion',
  compiler: 'compiler',
  platform: 'platform',
};

export class Metrics {
  private readonly registry = new Registry();
  private readonly levels = new Registry();
  private readonly others: (() => string)[] = [];
  private readonly health: Gauge;
  private readonly healthTotal: Counter;
  readonly requests: RequestMetrics;
  readonly admission = new AdmissionMetrics();
  /** To be told of every request that priority and fairness lets in or refuses. */
  readonly observeFlow: (outcome: FlowOutcome) => void;

  constructor({ parts, loads, version }: MetricsOptions) {
    const registers = [this.registry];
    this.requests = new RequestMetrics(registers);
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
    stored(registers, parts);
    const build = Object.entries(BUILD).map(([label, name]) => [label, String(version[name] ?? '')]);
    new Gauge({
      name: 'kubernetes_build_info',
      help: 'Always 1; its labels tell the version that is served and what it was built with.',
      labelNames: Object.keys(BUILD),
      registers,
    }).set(Object.fromEntries(build), 1);
    collectDefaultMetrics({ register: this.registry });
    const about = { registers: [this.levels], labelNames: ['name', 'type'] };
    this.health = new Gauge({ ...about, name: 'kubernetes_healthcheck', help: 'The last result of a health check.' });
    this.healthTotal = new Counter({
      ...about,
      name: 'kubernetes_healthchecks_total',
      help: 'The results of health checks.',
      labelNames: ['name', 'type', 'status'],
    });
  }

  /** A check was made for `livez`, `readyz` or `healthz`. */
  observeHealth(type: string, name: string, passed: boolean): void {
    this.health.set({ name, type }, passed ? 1 : 0);
    this.healthTotal.inc({ name, type, status: passed ? 'success' : 'error' });
  }

  /** What other parts of the same process measure is told in the same place. */
  add(text: () => string): void {
    this.others.push(text);
  }

  /** /metrics; DELETE has it begin anew. */
  async response({ method }: WireRequest): Promise<WireResponse> {
    if (method === 'DELETE') {
      this.requests.clear();
      this.admission.clear();
      return textResponse(200, 'metrics reset\n');
    }
    return this.text(this.registry, [this.admission.text(), ...this.others.map((text) => text())].join(''));
  }

  /** /metrics/slis: what service levels are reckoned by. */
  indicators(): Promise<WireResponse> {
    return this.text(this.levels);
  }

  private async text(registry: Registry, more = ''): Promise<WireResponse> {
    return {
      status: 200,
      headers: { 'content-type': registry.contentType },
      body: utf8((await registry.metrics()) + more),
    };
  }
}

function stored(registers: Registry[], parts: () => MeteredParts): void {
  const counts = async (): Promise<{ group: string; resource: string; count: number }[]> => {
    const { store, catalog } = parts();
    const kinds = catalog.all().filter(({ row, storage }) => row === storage && row.virtual !== true);
    return Promise.all(
      kinds.map(async ({ row: { group, plural }, prefix }) => {
        const found = await store.list({ prefix, limit: 1 });
        return { group, resource: plural, count: found.items.length + found.remaining };
      }),
    );
  };
  new Gauge({
    name: 'apiserver_storage_objects',
    help: 'Number of stored objects by kind.',
    labelNames: ['resource'],
    registers,
    async collect() {
      this.reset();
      for (const { group, resource, count } of await counts())
        this.set({ resource: group === '' ? resource : `${resource}.${group}` }, count);
    },
  });
  new Gauge({
    name: 'apiserver_resource_objects',
    help: 'Number of stored objects by group and kind.',
    labelNames: ['group', 'resource'],
    registers,
    async collect() {
      this.reset();
      for (const { count, ...labels } of await counts()) this.set(labels, count);
    },
  });
  new Gauge({
    name: 'apiserver_storage_size_bytes',
    help: 'Size of the storage database file physically allocated in bytes.',
    labelNames: ['storage_cluster_id'],
    registers,
    async collect() {
      this.set({ storage_cluster_id: 'etcd-0' }, (await parts().store.size()).bytes);
    },
  });
}
