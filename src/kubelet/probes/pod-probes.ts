// The probes of one pod's running containers, and what they say of readiness, start and health.
// https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
import type { ContainerStatus } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import type { Container, Pod, Probe } from '../../resources/generated/core-v1.ts';
import { allContainers, type ContainerRef, isSidecar } from '../pod/identity.ts';
import { latest, type Observed } from '../pod/observed.ts';
import type { ProbeView } from '../status/containers.ts';
import type { ProbeResult } from './result.ts';
import { type ProbeKind, ProbeWorker } from './worker.ts';

export interface ProbeDeps {
  readonly clock: Clock;
  readonly run: (probe: Probe, container: Container, id: string) => Promise<ProbeResult>;
  readonly say: (ref: ContainerRef, reason: string, message: string) => void;
  /** Something that status or plan depend on has changed. */
  readonly onChange: () => void;
  /** Containers whose postStart hook is still running. */
  readonly held: (id: string) => boolean;
  readonly onProbed?: (kind: ProbeKind, ref: ContainerRef, outcome: ProbeResult['outcome']) => void;
}

interface Watched {
  readonly ref: ContainerRef;
  readonly status: ContainerStatus;
  readonly workers: Map<ProbeKind, ProbeWorker>;
  started: boolean;
  ready: boolean;
}

const TITLES: Record<ProbeKind, string> = { liveness: 'Liveness', readiness: 'Readiness', startup: 'Startup' };

function probeOf(container: Container, kind: ProbeKind): Probe | undefined {
  if (kind === 'liveness') return container.livenessProbe;
  return kind === 'readiness' ? container.readinessProbe : container.startupProbe;
}

export class PodProbes implements ProbeView {
  private readonly watched = new Map<string, Watched>();
  readonly unhealthy = new Map<string, 'liveness' | 'startup'>();
  private stopped = false;

  constructor(private readonly deps: ProbeDeps) {}

  ready(id: string): boolean {
    return this.watched.get(id)?.ready ?? false;
  }

  started(id: string): boolean {
    return this.watched.get(id)?.started ?? false;
  }

  /** Begins with containers that run, leaves those that do not. `before` is what the API says, for a kubelet that starts anew. */
  sync(pod: Pod, observed: Observed): void {
    if (this.stopped) return;
    const running = new Set<string>();
    for (const ref of allContainers(pod)) {
      const status = latest(observed, ref.spec.name);
      if (status?.state !== 'running' || this.deps.held(status.id)) continue;
      running.add(status.id);
      if (!this.watched.has(status.id)) this.begin(pod, ref, status);
    }
    for (const [id, entry] of this.watched) {
      if (running.has(id)) continue;
      for (const worker of entry.workers.values()) worker.stop();
      this.watched.delete(id);
      this.unhealthy.delete(id);
    }
  }

  private begin(pod: Pod, ref: ContainerRef, status: ContainerStatus): void {
    const container = ref.spec;
    const plain = ref.kind === 'ephemeral' || (ref.kind === 'init' && !isSidecar(ref));
    const entry: Watched = { ref, status, workers: new Map(), started: true, ready: true };
    this.watched.set(status.id, entry);
    if (plain) return;
    const known = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find((s) =>
      s.containerID?.endsWith(`://${status.id}`),
    );
    entry.started = container.startupProbe === undefined || known?.started === true;
    entry.ready = container.readinessProbe === undefined || known?.ready === true;
    if (entry.started) this.steady(entry);
    else this.work(entry, 'startup');
  }

  private steady(entry: Watched): void {
    if (entry.ref.spec.readinessProbe !== undefined) this.work(entry, 'readiness');
    if (entry.ref.spec.livenessProbe !== undefined) this.work(entry, 'liveness');
  }

  private work(entry: Watched, kind: ProbeKind): void {
    const probe = probeOf(entry.ref.spec, kind);
    if (probe === undefined || entry.workers.has(kind)) return;
    const worker = new ProbeWorker({
      kind,
      probe,
      containerStartedAt: entry.status.startedAt,
      clock: this.deps.clock,
      run: async () => {
        const result = await this.deps.run(probe, entry.ref.spec, entry.status.id);
        this.deps.onProbed?.(kind, entry.ref, result.outcome);
        return result;
      },
      tell: (result) => this.tell(entry, kind, result),
      onResult: (ok) => this.result(entry, kind, ok),
    });
    entry.workers.set(kind, worker);
  }

  private tell(entry: Watched, kind: ProbeKind, result: ProbeResult): void {
    if (this.stopped) return;
    const title = TITLES[kind];
    if (result.outcome === 'warning')
      this.deps.say(entry.ref, 'ProbeWarning', `${title} probe warning: ${result.output}`);
    else if (result.outcome === 'error') {
      this.deps.say(entry.ref, 'Unhealthy', `${title} probe errored and resulted in unknown state: ${result.output}`);
    } else this.deps.say(entry.ref, 'Unhealthy', `${title} probe failed: ${result.output}`);
  }

  private result(entry: Watched, kind: ProbeKind, ok: boolean): void {
    if (kind === 'readiness') entry.ready = ok;
    else if (!ok) this.unhealthy.set(entry.status.id, kind);
    else if (kind === 'startup') {
      entry.started = true;
      this.steady(entry);
    }
    this.deps.onChange();
  }

  /** When the pod is being stopped only its readiness goes on being asked, as Kubernetes has it. */
  stopKilling(): void {
    for (const entry of this.watched.values()) {
      entry.workers.get('liveness')?.stop();
      entry.workers.get('startup')?.stop();
    }
    this.unhealthy.clear();
  }

  stop(): void {
    this.stopped = true;
    for (const entry of this.watched.values()) for (const worker of entry.workers.values()) worker.stop();
    this.watched.clear();
    this.unhealthy.clear();
  }
}
