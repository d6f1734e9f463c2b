// Repeats one probe of one container and counts towards its thresholds.
import type { Clock, Timer } from '../../host/clock.ts';
import type { Probe } from '../../resources/generated/core-v1.ts';
import type { ProbeResult } from './result.ts';

export type ProbeKind = 'liveness' | 'readiness' | 'startup';

export interface WorkerInput {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly containerStartedAt: number;
  readonly clock: Clock;
  readonly run: () => Promise<ProbeResult>;
  /** A failed or odd probe, for an event. */
  readonly tell: (result: ProbeResult) => void;
  /** The result that thresholds make of the runs has changed. */
  readonly onResult: (ok: boolean) => void;
}

/** How long after its start a container may refuse before that counts: programs need a moment to open their port. */
const GRACE_MS = 1_000;
const FIRST_RETRY_MS = { network: 20, exec: 100 } as const;

export class ProbeWorker {
  private timer: Timer | undefined;
  private stopped = false;
  private successes = 0;
  private failures = 0;
  private retryMs: number;
  private last: boolean | undefined;
  private readonly graceEnds: number;

  constructor(private readonly input: WorkerInput) {
    const { probe, kind, clock, containerStartedAt } = input;
    this.retryMs = probe.exec === undefined ? FIRST_RETRY_MS.network : FIRST_RETRY_MS.exec;
    const delay = (probe.initialDelaySeconds ?? 0) * 1000;
    const due = containerStartedAt + delay;
    const eager = kind !== 'liveness' && delay === 0;
    this.graceEnds = eager ? containerStartedAt + Math.min(GRACE_MS, this.periodMs) : 0;
    // A liveness probe has nothing to gain from haste.
    const first = kind === 'liveness' && delay === 0 ? containerStartedAt + Math.min(GRACE_MS, this.periodMs) : due;
    this.schedule(Math.max(0, first - clock.now()));
  }

  private get periodMs(): number {
    return Math.max(1, this.input.probe.periodSeconds ?? 10) * 1000;
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private schedule(ms: number): void {
    if (this.stopped) return;
    this.timer = this.input.clock.setTimer(ms, () => {
      void this.round().catch(() => this.schedule(this.periodMs));
    });
  }

  private async round(): Promise<void> {
    const result = await this.input.run();
    if (this.stopped) return;
    const ok = result.outcome === 'success' || result.outcome === 'warning';
    if (!ok && this.input.clock.now() < this.graceEnds) {
      const wait = Math.min(this.retryMs, Math.max(1, this.graceEnds - this.input.clock.now()));
      this.retryMs *= 2;
      this.schedule(wait);
      return;
    }
    if (result.outcome !== 'success') this.input.tell(result);
    if (result.outcome !== 'error') this.count(ok);
    if (!this.stopped) this.schedule(this.periodMs);
  }

  private count(ok: boolean): void {
    const { probe, kind } = this.input;
    this.successes = ok ? this.successes + 1 : 0;
    this.failures = ok ? 0 : this.failures + 1;
    const need = ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
    if ((ok ? this.successes : this.failures) < need || this.last === ok) return;
    this.last = ok;
    // A container that is to be killed, or has started, is not asked again.
    if ((kind === 'startup' && ok) || (kind !== 'readiness' && !ok)) this.stop();
    this.input.onResult(ok);
  }
}
