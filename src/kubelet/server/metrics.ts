// The kubelet's metrics in Prometheus' text form, under Kubernetes' names.
// https://kubernetes.io/docs/reference/instrumentation/metrics/
import type { PodSandboxStats } from '../../cri/port.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { LABEL, namesOf } from '../pod/identity.ts';
import type { Observed } from '../pod/observed.ts';

type Labels = Readonly<Record<string, string>>;

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([k, v]) => `${k}="${escaped(v)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

/** Collects samples by family, so that each has its help and type once. */
export class MetricText {
  private readonly families = new Map<string, { head: string; lines: string[] }>();

  add(
    family: { name: string; help: string; type: 'counter' | 'gauge' },
    labels: Labels,
    value: number,
    at?: number,
  ): void {
    let entry = this.families.get(family.name);
    if (entry === undefined) {
      entry = { head: `# HELP ${family.name} ${family.help}\n# TYPE ${family.name} ${family.type}\n`, lines: [] };
      this.families.set(family.name, entry);
    }
    entry.lines.push(`${family.name}${labelText(labels)} ${value}${at === undefined ? '' : ` ${Math.round(at)}`}\n`);
  }

  toString(): string {
    return [...this.families.values()].map((f) => f.head + f.lines.join('')).join('');
  }
}

/** Counts probes by their outcome. */
export class ProbeMetrics {
  private readonly counts = new Map<string, { labels: Labels; n: number }>();

  count(kind: string, pod: Pod, container: string, outcome: string): void {
    const { name, namespace, uid } = namesOf(pod);
    const probeType = kind.charAt(0).toUpperCase() + kind.slice(1);
    const result =
      outcome === 'success' || outcome === 'warning' ? 'successful' : outcome === 'failure' ? 'failed' : 'unknown';
    const key = `${uid}/${container}/${probeType}/${result}`;
    const entry = this.counts.get(key) ?? {
      labels: { container, namespace, pod: name, pod_uid: uid, probe_type: probeType, result },
      n: 0,
    };
    entry.n++;
    this.counts.set(key, entry);
  }

  forget(uid: string): void {
    for (const key of this.counts.keys()) if (key.startsWith(`${uid}/`)) this.counts.delete(key);
  }

  text(): string {
    const out = new MetricText();
    const family = {
      name: 'prober_probe_total',
      help: '[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.',
      type: 'counter' as const,
    };
    for (const { labels, n } of this.counts.values()) out.add(family, labels, n);
    return out.toString();
  }
}

export interface PodSample {
  readonly stats: PodSandboxStats;
  readonly observed: Observed;
}

function podLabels(sample: PodSample): { namespace: string; pod: string } {
  const labels = sample.observed.sandboxes[0]?.labels ?? {};
  return { namespace: labels[LABEL.podNamespace] ?? '', pod: labels[LABEL.podName] ?? '' };
}

export interface NodeSample {
  readonly cpuSeconds: number;
  readonly workingSetBytes: number;
  readonly at: number;
}

/** /metrics/resource: what the metrics server reads. */
export function resourceMetrics(samples: readonly PodSample[], node: NodeSample): string {
  const out = new MetricText();
  const cpu = (what: string, name: string) => ({
    name,
    help: `[STABLE] Cumulative cpu time consumed by the ${what} in core-seconds`,
    type: 'counter' as const,
  });
  const memory = (what: string, name: string) => ({
    name,
    help: `[STABLE] Current working set of the ${what} in bytes`,
    type: 'gauge' as const,
  });
  for (const sample of samples) {
    const labels = podLabels(sample);
    for (const c of sample.stats.containers) {
      const own = { container: c.name, ...labels };
      out.add(cpu('container', 'container_cpu_usage_seconds_total'), own, c.cpuUsageCoreNanoSeconds / 1e9, c.timestamp);
      out.add(memory('container', 'container_memory_working_set_bytes'), own, c.memoryWorkingSetBytes, c.timestamp);
      const run = sample.observed.containers.find((x) => x.id === c.id);
      if (run === undefined) continue;
      const start = {
        name: 'container_start_time_seconds',
        help: '[STABLE] Start time of the container since unix epoch in seconds',
        type: 'gauge' as const,
      };
      out.add(start, own, run.startedAt / 1000);
    }
    const { stats } = sample;
    out.add(cpu('pod', 'pod_cpu_usage_seconds_total'), labels, stats.cpuUsageCoreNanoSeconds / 1e9, stats.timestamp);
    out.add(memory('pod', 'pod_memory_working_set_bytes'), labels, stats.memoryWorkingSetBytes, stats.timestamp);
  }
  out.add(cpu('node', 'node_cpu_usage_seconds_total'), {}, node.cpuSeconds, node.at);
  out.add(memory('node', 'node_memory_working_set_bytes'), {}, node.workingSetBytes, node.at);
  const error = {
    name: 'resource_scrape_error',
    help: '[STABLE] 1 if there was an error while getting container metrics, 0 otherwise',
    type: 'gauge' as const,
  };
  out.add(error, {}, 0);
  return out.toString();
}

/** /metrics/cadvisor: the samples that dashboards are built on. */
export function cadvisorMetrics(samples: readonly PodSample[]): string {
  const out = new MetricText();
  const family = (name: string, help: string, type: 'counter' | 'gauge') => ({ name, help, type });
  for (const sample of samples) {
    const labels = podLabels(sample);
    for (const c of sample.stats.containers) {
      const run = sample.observed.containers.find((x) => x.id === c.id);
      const own = { container: c.name, id: c.id, image: run?.image ?? '', name: c.id, ...labels };
      const at = c.timestamp;
      out.add(
        family('container_cpu_usage_seconds_total', 'Cumulative cpu time consumed in seconds.', 'counter'),
        { ...own, cpu: 'total' },
        c.cpuUsageCoreNanoSeconds / 1e9,
        at,
      );
      out.add(
        family('container_memory_usage_bytes', 'Current memory usage in bytes.', 'gauge'),
        own,
        c.memoryUsageBytes,
        at,
      );
      out.add(
        family('container_memory_working_set_bytes', 'Current working set in bytes.', 'gauge'),
        own,
        c.memoryWorkingSetBytes,
        at,
      );
      out.add(family('container_memory_rss', 'Size of RSS in bytes.', 'gauge'), own, c.memoryRssBytes, at);
      out.add(
        family('container_processes', 'Number of processes running inside the container.', 'gauge'),
        own,
        c.pids,
        at,
      );
      out.add(
        family('container_fs_usage_bytes', 'Bytes that the container has written.', 'gauge'),
        own,
        c.rootfsUsedBytes,
        at,
      );
    }
    const net = sample.stats.network;
    if (net === undefined) continue;
    const own = { interface: net.name, ...labels };
    const at = sample.stats.timestamp;
    out.add(family('container_network_receive_bytes_total', 'Bytes received.', 'counter'), own, net.rxBytes, at);
    out.add(
      family('container_network_receive_errors_total', 'Errors while receiving.', 'counter'),
      own,
      net.rxErrors,
      at,
    );
    out.add(family('container_network_transmit_bytes_total', 'Bytes sent.', 'counter'), own, net.txBytes, at);
    out.add(
      family('container_network_transmit_errors_total', 'Errors while sending.', 'counter'),
      own,
      net.txErrors,
      at,
    );
  }
  return out.toString();
}

/** /metrics: the kubelet about itself. */
export function kubeletMetrics(input: {
  pods: number;
  containers: Readonly<Record<string, number>>;
  node: string;
}): string {
  const out = new MetricText();
  const gauge = (name: string, help: string) => ({ name, help, type: 'gauge' as const });
  out.add(gauge('kubelet_running_pods', '[ALPHA] Number of pods that have a running pod sandbox'), {}, input.pods);
  for (const [state, n] of Object.entries(input.containers)) {
    out.add(
      gauge('kubelet_running_containers', '[ALPHA] Number of containers by state'),
      { container_state: state },
      n,
    );
  }
  out.add(gauge('kubelet_node_name', "[ALPHA] The node's name. The count is always 1."), { node: input.node }, 1);
  const memory = process.memoryUsage();
  out.add(gauge('process_resident_memory_bytes', 'Resident memory size in bytes.'), {}, memory.rss);
  const cpu = process.cpuUsage();
  const seconds = {
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    type: 'counter' as const,
  };
  out.add(seconds, {}, (cpu.user + cpu.system) / 1e6);
  return out.toString();
}
