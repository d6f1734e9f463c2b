// The metrics of priority and fairness, by Kubernetes' names.
// Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#metrics
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { FlowOutcome, LevelLoad } from './flow/index.ts';

const WAITS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];

/** Registers them; returns what has to be told of every request. `loads` is asked when the metrics are read. */
export function flowMetrics(registers: Registry[], loads: () => readonly LevelLoad[]): (outcome: FlowOutcome) => void {
  const ofLevels = (name: string, help: string, value: (load: LevelLoad) => number): void => {
    new Gauge({
      name: `apiserver_flowcontrol_${name}`,
      help,
      labelNames: ['priority_level'],
      registers,
      collect() {
        this.reset();
        for (const load of loads()) this.set({ priority_level: load.name }, value(load));
      },
    });
  };
  ofLevels(
    'nominal_limit_seats',
    'Nominal number of execution seats configured for each priority level.',
    (l) => l.limit,
  );
  ofLevels('current_executing_seats', 'Execution seats that are occupied in each priority level.', (l) => l.executing);
  ofLevels(
    'current_inqueue_requests',
    'Number of requests that wait in queues of each priority level.',
    (l) => l.queued,
  );
  const labelNames = ['priority_level', 'flow_schema'];
  const dispatched = new Counter({
    name: 'apiserver_flowcontrol_dispatched_requests_total',
    help: 'Number of requests that were let in.',
    labelNames,
    registers,
  });
  const rejected = new Counter({
    name: 'apiserver_flowcontrol_rejected_requests_total',
    help: 'Number of requests that were refused.',
    labelNames: [...labelNames, 'reason'],
    registers,
  });
  const waits = new Histogram({
    name: 'apiserver_flowcontrol_request_wait_duration_seconds',
    help: 'How long requests waited in queues.',
    labelNames: [...labelNames, 'execute'],
    buckets: WAITS,
    registers,
  });
  // To look up labels costs more than to count: what most requests need is kept.
  const passed = new Map<string, { count(): void; waited(seconds: number): void }>();
  const passing = (level: string, schema: string): { count(): void; waited(seconds: number): void } => {
    const key = `${level}/${schema}`;
    let known = passed.get(key);
    if (known === undefined) {
      const labels = { priority_level: level, flow_schema: schema };
      const counter = dispatched.labels(labels);
      const histogram = waits.labels({ ...labels, execute: 'true' });
      known = { count: () => counter.inc(), waited: (seconds) => histogram.observe(seconds) };
      passed.set(key, known);
    }
    return known;
  };
  return ({ schema, level, refusal, waitedMs }) => {
    if (refusal === undefined) {
      const known = passing(level, schema);
      known.count();
      known.waited(waitedMs / 1000);
      return;
    }
    const labels = { priority_level: level, flow_schema: schema };
    rejected.inc({ ...labels, reason: refusal });
    waits.observe({ ...labels, execute: 'false' }, waitedMs / 1000);
  };
}
