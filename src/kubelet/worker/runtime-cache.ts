// Follows the runtime: what each pod has there, kept current by events instead of polling.
import type { ContainerStatus, PodSandboxStatus, RuntimeEvent, RuntimeService } from '../../cri/port.ts';
import { RuntimeError } from '../../cri/port.ts';
import { LABEL } from '../pod/identity.ts';
import { NOTHING, type Observed, observe } from '../pod/observed.ts';

interface Entry {
  readonly sandboxes: Map<string, PodSandboxStatus>;
  readonly containers: Map<string, ContainerStatus>;
  view: Observed | undefined;
}

export class RuntimeCache {
  private readonly pods = new Map<string, Entry>();
  /** The order of looks at one id, so that a slow answer never replaces a newer one. */
  private readonly applied = new Map<string, number>();
  private counter = 0;
  private stopEvents: (() => void) | undefined;
  private readonly listeners = new Set<(podUid: string) => void>();

  constructor(
    private readonly runtime: RuntimeService,
    private readonly onChange: (podUid: string) => void,
  ) {}

  /** Takes in what runs already, then follows events. */
  async start(): Promise<void> {
    this.stopEvents = this.runtime.onEvent((event) => {
      void this.take(event).catch(() => undefined);
    });
    const [sandboxes, containers] = await Promise.all([this.runtime.listPodSandboxes(), this.runtime.listContainers()]);
    for (const s of sandboxes) this.putSandbox(s);
    for (const c of containers) this.putContainer(c);
  }

  stop(): void {
    this.stopEvents?.();
  }

  /** For those that follow one pod for a while, as a log stream does. */
  listen(callback: (podUid: string) => void): () => void {
    this.listeners.add(callback);
    return () => this.listeners.delete(callback);
  }

  private changed(podUid: string): void {
    for (const listener of this.listeners) listener(podUid);
    this.onChange(podUid);
  }

  get podUids(): readonly string[] {
    return [...this.pods.keys()];
  }

  observed(podUid: string): Observed {
    const entry = this.pods.get(podUid);
    if (entry === undefined) return NOTHING;
    entry.view ??= observe(entry.sandboxes.values(), entry.containers.values());
    return entry.view;
  }

  private entry(podUid: string): Entry {
    let entry = this.pods.get(podUid);
    if (entry === undefined) {
      entry = { sandboxes: new Map(), containers: new Map(), view: undefined };
      this.pods.set(podUid, entry);
    }
    return entry;
  }

  private putSandbox(status: PodSandboxStatus): void {
    const entry = this.entry(status.uid);
    entry.sandboxes.set(status.id, status);
    entry.view = undefined;
  }

  private putContainer(status: ContainerStatus): void {
    const uid = status.labels[LABEL.podUid];
    if (uid === undefined) return;
    const entry = this.entry(uid);
    const old = entry.containers.get(status.id);
    // An end is final: a look that was taken before it must not bring the container back.
    if (old?.state === 'exited' && status.state !== 'exited') return;
    entry.containers.set(status.id, status);
    entry.view = undefined;
  }

  private drop(podUid: string, id: string): void {
    const entry = this.pods.get(podUid);
    if (entry === undefined) return;
    entry.sandboxes.delete(id);
    entry.containers.delete(id);
    entry.view = undefined;
    this.applied.delete(id);
    if (entry.sandboxes.size === 0 && entry.containers.size === 0) this.pods.delete(podUid);
  }

  private async look<T>(id: string, podUid: string, get: () => Promise<T>, put: (status: T) => void): Promise<void> {
    const turn = ++this.counter;
    try {
      const status = await get();
      if ((this.applied.get(id) ?? 0) > turn) return;
      this.applied.set(id, turn);
      put(status);
    } catch (error) {
      if (error instanceof RuntimeError && error.kind === 'not-found') this.drop(podUid, id);
      else throw error;
    }
  }

  async refreshSandbox(podUid: string, id: string): Promise<void> {
    await this.look(
      id,
      podUid,
      () => this.runtime.podSandboxStatus(id),
      (s) => this.putSandbox(s),
    );
  }

  async refreshContainer(podUid: string, id: string): Promise<void> {
    const known = this.pods.get(podUid)?.containers.get(id);
    if (known?.state === 'exited') return;
    await this.look(
      id,
      podUid,
      () => this.runtime.containerStatus(id),
      (s) => this.putContainer(s),
    );
  }

  /** Looks again at all of a pod that may still change. */
  async refresh(podUid: string): Promise<void> {
    const entry = this.pods.get(podUid);
    if (entry === undefined) return;
    await Promise.all([
      ...[...entry.sandboxes.keys()].map((id) => this.refreshSandbox(podUid, id)),
      ...[...entry.containers.keys()].map((id) => this.refreshContainer(podUid, id)),
    ]);
  }

  forget(podUid: string, id: string): void {
    this.drop(podUid, id);
  }

  private async take(event: RuntimeEvent): Promise<void> {
    const { podUid, sandboxId, containerId, type } = event;
    if (type === 'deleted') this.drop(podUid, containerId ?? sandboxId);
    else if (containerId !== undefined) await this.refreshContainer(podUid, containerId);
    else await this.refreshSandbox(podUid, sandboxId);
    this.changed(podUid);
  }
}
