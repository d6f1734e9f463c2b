// How long admission takes: in all, by plugin and by webhook, by Kubernetes' names. Counted without a library, since every write passes some thirty times.
// Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
import type { AdmissionTimed } from './admission/plugin.ts';

const BOUNDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];
const WEBHOOK_BOUNDS = [...BOUNDS, 10, 25];

interface Series {
  readonly counts: number[];
  sum: number;
}

/** https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md#comments-help-text-and-type-information */
const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

class Latencies {
  /** By their labels, as they are written. */
  private readonly series = new Map<string, Series>();

  constructor(
    private readonly name: string,
    private readonly help: string,
    private readonly bounds: readonly number[],
  ) {}

  /** Where one series is told of; the same for the same labels. */
  of(labels: Readonly<Record<string, string>>): (milliseconds: number) => void {
    const text = Object.entries(labels)
      .map(([name, value]) => `${name}="${escaped(value)}"`)
      .join(',');
    let series = this.series.get(text);
    if (series === undefined) {
      series = { counts: [...this.bounds, 0].map(() => 0), sum: 0 };
      this.series.set(text, series);
    }
    const told = series;
    return (milliseconds) => this.tell(told, milliseconds / 1000);
  }

  private tell(series: Series, seconds: number): void {
    let at = 0;
    while (seconds > (this.bounds[at] ?? Number.POSITIVE_INFINITY)) at++;
    series.counts[at] = (series.counts[at] ?? 0) + 1;
    series.sum += seconds;
  }

  text(): string {
    const lines = [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} histogram`];
    for (const [labels, { counts, sum }] of this.series) {
      // A series is there before anything is told of it.
      if (counts.every((count) => count === 0)) continue;
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
    for (const series of this.series.values()) {
      series.counts.fill(0);
      series.sum = 0;
    }
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

  /** Where the times of a step, a plugin or a webhook are told. */
  of({ name, type, operation, rejected, webhook }: AdmissionTimed): (milliseconds: number) => void {
    const what = { operation, rejected: String(rejected), type };
    if (name === undefined) return this.steps.of(what);
    return (webhook === true ? this.webhooks : this.plugins).of({ name, ...what });
  }

  text(): string {
    return this.steps.text() + this.plugins.text() + this.webhooks.text();
  }

  clear(): void {
    for (const one of [this.steps, this.plugins, this.webhooks]) one.clear();
  }
}
