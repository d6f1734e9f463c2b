// How long admission takes: in all, by plugin and by webhook, by Kubernetes' names. Counted without a library, since every write passes some thirty times.
// Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
import type { AdmissionTime } from './admission/plugin.ts';

const BOUNDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];
const WEBHOOK_BOUNDS = [...BOUNDS, 10, 25];

interface Series {
  readonly labels: string;
  readonly counts: number[];
  sum: number;
}

/** https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md#comments-help-text-and-type-information */
const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

class Latencies {
  private readonly series = new Map<string, Series>();

  constructor(
    private readonly name: string,
    private readonly help: string,
    private readonly bounds: readonly number[],
  ) {}

  observe(key: string, labels: () => Readonly<Record<string, string>>, milliseconds: number): void {
    const seconds = milliseconds / 1000;
    let series = this.series.get(key);
    if (series === undefined) {
      const text = Object.entries(labels()).map(([name, value]) => `${name}="${escaped(value)}"`);
      series = { labels: text.join(','), counts: [...this.bounds, 0].map(() => 0), sum: 0 };
      this.series.set(key, series);
    }
    let at = 0;
    while (seconds > (this.bounds[at] ?? Number.POSITIVE_INFINITY)) at++;
    series.counts[at] = (series.counts[at] ?? 0) + 1;
    series.sum += seconds;
  }

  text(): string {
    const lines = [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} histogram`];
    for (const { labels, counts, sum } of this.series.values()) {
      let total = 0;
      for (const [at, count] of counts.entries()) {
        total += count;
        lines.push(`${this.name}_bucket{${labels},le="${this.bounds[at] ?? '+Inf'}"} ${total}`);
      }
      lines.push(`${this.name}_sum{${labels}} ${sum}`, `${this.name}_count{${labels}} ${total}`);
    }
    return `${lines.join('\n')}\n`;
  }

  clear(): void {
    this.series.clear();
  }
}

export class AdmissionMetrics {
  private readonly steps = new Latencies(
    'apiserver_admission_step_admission_duration_seconds',
    'How long a step of admission (validate or admit) took, for each operation.',
    BOUNDS,
  );
  private readonly plugins = new Latencies(
    'apiserver_admission_controller_admission_duration_seconds',
    'How long an admission plugin took, for each operation and step (validate or admit).',
    BOUNDS,
  );
  private readonly webhooks = new Latencies(
    'apiserver_admission_webhook_admission_duration_seconds',
    'How long an admission webhook took, for each operation and step (validating or admit).',
    WEBHOOK_BOUNDS,
  );

  observe({ name, type, operation, rejected, milliseconds, webhook }: AdmissionTime): void {
    const what = { operation, rejected: String(rejected), type };
    if (name === undefined) this.steps.observe(`${type} ${operation} ${rejected}`, () => what, milliseconds);
    else {
      const latencies = webhook === true ? this.webhooks : this.plugins;
      latencies.observe(`${name} ${type} ${operation} ${rejected}`, () => ({ name, ...what }), milliseconds);
    }
  }

  text(): string {
    return this.steps.text() + this.plugins.text() + this.webhooks.text();
  }

  clear(): void {
    for (const one of [this.steps, this.plugins, this.webhooks]) one.clear();
  }
}
