// The kubelet's own API: logs, exec, attach, port-forward, pods, stats and metrics.

import type { ContainerTarget, NodeApi } from '../../client/index.ts';
import type { ImageService, RuntimeService } from '../../cri/port.ts';
import { RuntimeError } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import { ApiError, badRequest } from '../../machinery/errors.ts';
import type { StreamBody, WireRequest, WireResponse } from '../../machinery/http.ts';
import { encodeJson } from '../../machinery/json.ts';
import { parseTime } from '../../machinery/time.ts';
import type { KubeletConfig } from '../config.ts';
import { messageOf } from '../container/errors.ts';
import type { HostFacts } from '../node/facts.ts';
import { currentSandbox, latest } from '../pod/observed.ts';
import type { PodManager } from '../worker/pod-manager.ts';
import type { PodWorker } from '../worker/pod-worker.ts';
import type { RuntimeCache } from '../worker/runtime-cache.ts';
import { TEXT, text } from './answers.ts';
import { hostLogs } from './host-logs.ts';
import type { LogQuery } from './log-filter.ts';
import { logTarget } from './log-target.ts';
import { logStream } from './logs.ts';
import { cadvisorMetrics, kubeletMetrics, type PodSample, type ProbeMetrics, resourceMetrics } from './metrics.ts';
import { nodeUse, Rates, summary } from './summary.ts';

export interface NodeApiOptions {
  readonly manager: PodManager;
  readonly cache: RuntimeCache;
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly clock: Clock;
  readonly config: KubeletConfig;
  readonly nodeName: string;
  readonly rootDir: string;
  readonly probeMetrics: ProbeMetrics;
  readonly facts: () => HostFacts | undefined;
}

const JSON_TYPE = { 'content-type': 'application/json' } as const;
const METRICS = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' } as const;

function json(body: unknown): WireResponse {
  return { status: 200, headers: JSON_TYPE, body: encodeJson(body) };
}

function notFound(message: string): ApiError {
  return new ApiError({ reason: 'NotFound', message });
}

function wholeNumber(value: string | null, name: string): number | undefined {
  if (value === null || value === '') return undefined;
  if (!/^-?\d+$/.test(value))
    throw badRequest(`Unable to decode query: strconv.ParseInt: parsing "${value}": invalid syntax`);
  const n = Number(value);
  if (n < 0 || (name === 'limitBytes' && n < 1)) {
    throw badRequest(
      `${name}: Invalid value: ${n}: must be greater than ${name === 'limitBytes' ? '0' : 'or equal to 0'}`,
    );
  }
  return n;
}

function logQuery(query: URLSearchParams, now: number): LogQuery & { previous: boolean } {
  const on = (name: string): boolean => ['true', '1', 't', 'T', 'TRUE', 'True'].includes(query.get(name) ?? '');
  const tailLines = wholeNumber(query.get('tailLines'), 'tailLines');
  const limitBytes = wholeNumber(query.get('limitBytes'), 'limitBytes');
  const sinceSeconds = wholeNumber(query.get('sinceSeconds'), 'sinceSeconds');
  const sinceTime = query.get('sinceTime');
  const parsed = sinceTime === null || sinceTime === '' ? undefined : parseTime(sinceTime);
  if (sinceTime !== null && sinceTime !== '' && parsed === undefined)
    throw badRequest(`sinceTime: "${sinceTime}" is not a time`);
  const since = sinceSeconds === undefined ? parsed : now - sinceSeconds * 1000;
  const stream = query.get('stream')?.toLowerCase();
  return {
    follow: on('follow'),
    previous: on('previous'),
    timestamps: on('timestamps'),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(since === undefined ? {} : { since }),
    ...(stream === 'stdout' || stream === 'stderr' ? { stream } : {}),
  };
}

class Server implements NodeApi {
  private readonly rates = new Rates();
  private readonly bootTime: number;
  constructor(private readonly options: NodeApiOptions) {
    this.bootTime = options.clock.now();
  }

  async request(request: WireRequest): Promise<WireResponse> {
    try {
      return await this.route(request);
    } catch (error) {
      // The API server makes a Status of it, which is what kubectl shows.
      if (error instanceof ApiError) throw error;
      return text(500, messageOf(error));
    }
  }

  private async route(request: WireRequest): Promise<WireResponse> {
    const parts = request.path
      .split('/')
      .filter((p) => p !== '')
      .map(decodeURIComponent);
    const [first, second, third, fourth] = parts;
    switch (first) {
      case 'healthz':
      case 'livez':
      case 'readyz':
        return text(200, 'ok');
      case 'containerLogs':
        if (second === undefined || third === undefined || fourth === undefined) break;
        return this.logs(request, { namespace: second, pod: third, container: fourth });
      case 'pods':
        return json({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: this.options.manager.allPods() });
      case 'runningpods':
        return json({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: this.options.manager.pods() });
      case 'stats':
        if (second === undefined || second === 'summary') return json(await this.summary());
        break;
      case 'metrics':
        return this.metrics(second);
      case 'configz':
        return json({
          kubeletconfig: {
            kind: 'KubeletConfiguration',
            apiVersion: 'kubelet.config.k8s.io/v1beta1',
            ...this.options.config,
          },
        });
      case 'spec':
        return json(this.spec());
      case 'logs':
        return hostLogs(parts.slice(1));
    }
    return text(404, '404 page not found\n');
  }

  private spec(): unknown {
    const facts = this.options.facts();
    return {
      num_cores: facts?.cpus ?? 0,
      memory_capacity: facts?.memoryBytes ?? 0,
      machine_id: facts?.machineId ?? '',
      boot_id: facts?.bootId ?? '',
      system_uuid: facts?.systemUuid ?? '',
    };
  }

  private find(target: Omit<ContainerTarget, 'container'>): PodWorker {
    const worker = this.options.manager.find(target.namespace, target.pod, target.uid);
    if (worker === undefined) throw notFound(`pod "${target.pod}_${target.namespace}" not found`);
    return worker;
  }

  private logs(request: WireRequest, target: ContainerTarget): WireResponse {
    const worker = this.find(target);
    const query = logQuery(request.query, this.options.clock.now());
    const pod = worker.current;
    const uid = pod.metadata.uid ?? '';
    const { cache } = this.options;
    const run = logTarget(
      { pod: worker.shown, container: target.container, previous: query.previous },
      cache.observed(uid),
    );
    const source = {
      file: run.logPath,
      clock: this.options.clock,
      ended: () => {
        const now = cache.observed(uid).containers.find((c) => c.id === run.id);
        return now === undefined || now.state === 'exited';
      },
      onChange: (callback: () => void) =>
        cache.listen((changed) => {
          if (changed === uid) callback();
        }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    };
    const body: StreamBody = logStream(source, query, () => undefined);
    return { status: 200, headers: TEXT, body };
  }

  private async samples(): Promise<PodSample[]> {
    const { runtime, cache } = this.options;
    const all = await runtime.listPodSandboxStats();
    const keys = new Set(all.flatMap((s) => [s.id, ...s.containers.map((c) => c.id)]));
    this.rates.keep(keys);
    return all.map((stats) => ({ stats, observed: cache.observed(stats.uid) }));
  }

  private async summary(): Promise<unknown> {
    const { nodeName, rootDir, images, clock } = this.options;
    const samples = await this.samples();
    return summary({
      nodeName,
      samples,
      rates: this.rates,
      now: clock.now(),
      rootDir,
      images,
      bootTime: this.bootTime,
    });
  }

  private async metrics(kind: string | undefined): Promise<WireResponse> {
    if (kind === 'probes') return text(200, this.options.probeMetrics.text(), METRICS);
    if (kind === 'cadvisor') return text(200, cadvisorMetrics(await this.samples()), METRICS);
    if (kind === 'resource') {
      const [samples, use] = await Promise.all([this.samples(), nodeUse()]);
      const node = {
        cpuSeconds: use.cpuNanoSeconds / 1e9,
        workingSetBytes: use.workingSet,
        at: this.options.clock.now(),
      };
      return text(200, resourceMetrics(samples, node), METRICS);
    }
    if (kind !== undefined) return text(404, '404 page not found\n');
    const { cache, nodeName } = this.options;
    const containers: Record<string, number> = { running: 0, exited: 0, created: 0, unknown: 0 };
    let pods = 0;
    for (const uid of cache.podUids) {
      const observed = cache.observed(uid);
      if (currentSandbox(observed)?.state === 'ready') pods++;
      for (const c of observed.containers) containers[c.state] = (containers[c.state] ?? 0) + 1;
    }
    return text(200, kubeletMetrics({ pods, containers, node: nodeName }), METRICS);
  }

  /** `missing` are the kubelet's words for a container that does not run; clients put theirs before what it says. */
  private running(target: ContainerTarget, missing = `container not found ("${target.container}")`): string {
    const worker = this.find(target);
    const run = latest(this.options.cache.observed(worker.current.metadata.uid ?? ''), target.container);
    if (run === undefined || run.state !== 'running') throw notFound(`unable to upgrade connection: ${missing}`);
    return run.id;
  }

  /** A command that cannot be started is the user's error, told in the runtime's words. */
  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof RuntimeError && error.kind === 'not-found') throw notFound(error.message);
      throw error;
    }
  }

  async exec(
    target: ContainerTarget,
    command: readonly string[],
    streams: Parameters<NodeApi['exec']>[2],
  ): Promise<{ exitCode: number }> {
    const id = this.running(target);
    return this.guarded(() => this.options.runtime.exec(id, command, streams));
  }

  async attach(target: ContainerTarget, streams: Parameters<NodeApi['attach']>[1]): Promise<{ exitCode: number }> {
    const id = this.running(target, `container ${target.container} not found in pod ${target.pod}_${target.namespace}`);
    return this.guarded(() => this.options.runtime.attach(id, streams));
  }

  async portForward(
    target: Omit<ContainerTarget, 'container'>,
    port: number,
    stream: Parameters<NodeApi['portForward']>[2],
  ): Promise<void> {
    const worker = this.find(target);
    const sandbox = currentSandbox(this.options.cache.observed(worker.current.metadata.uid ?? ''));
    if (sandbox?.state !== 'ready') throw notFound(`pod not found ("${target.pod}_${target.namespace}")`);
    await this.options.runtime.portForward(sandbox.id, port, stream);
  }
}

export function createNodeApi(options: NodeApiOptions): NodeApi {
  return new Server(options);
}
