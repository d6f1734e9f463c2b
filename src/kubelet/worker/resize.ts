// In-place resize: grants new requests and limits where the node has room, and brings the pod and its running containers to them.
// https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
import type { ContainerStatus, PodSandboxStatus, RuntimeService } from '../../cri/port.ts';
import type { Pod, PodStatus, ResourceRequirements } from '../../resources/generated/core-v1.ts';
import { bytes, milli, podTotals } from '../container/amounts.ts';
import { messageOf } from '../container/errors.ts';
import { containerResources, podResources, type ResourceContext } from '../container/resources.ts';
import { appContainers, type ContainerRef, initContainers, isSidecar, specOf } from '../pod/identity.ts';
import { currentSandbox, latest, type Observed } from '../pod/observed.ts';
import { podResourceStatus } from '../status/pod-resources.ts';
import type { WorkerDeps } from './deps.ts';
import { asGranted, asked, type Grant, grantedBefore, inForceBefore, isGranted } from './grant.ts';
import type { Killer } from './killer.ts';
import { resizeWords } from './resize-words.ts';

export interface ResizeCondition {
  readonly type: 'PodResizePending' | 'PodResizeInProgress';
  readonly reason?: string;
  readonly message?: string;
}

/** What a container or a pod is held to, as numbers. */
interface Figures {
  readonly requestCpu: number;
  readonly requestMemory: number;
  readonly limitCpu: number;
  readonly limitMemory: number;
}

/** Without limits of its own a container has those of the pod. */
function figures(own: ResourceRequirements | undefined, whole: ResourceRequirements | undefined): Figures {
  return {
    requestCpu: milli(own?.requests, 'cpu'),
    requestMemory: bytes(own?.requests, 'memory'),
    limitCpu: milli(own?.limits, 'cpu') || milli(whole?.limits, 'cpu'),
    limitMemory: bytes(own?.limits, 'memory') || bytes(whole?.limits, 'memory'),
  };
}

/** Of the pod's own cgroup. */
function wholeFigures(pod: Pod): Figures {
  const t = podTotals(pod);
  return {
    requestCpu: t.requestCpu,
    requestMemory: t.requestMemory,
    limitCpu: t.cpuUnlimited ? 0 : t.limitCpu,
    limitMemory: t.memoryUnlimited ? 0 : t.limitMemory,
  };
}

function changedNames(a: Figures, b: Figures): string[] {
  return [
    ...(a.requestCpu === b.requestCpu && a.limitCpu === b.limitCpu ? [] : ['cpu']),
    ...(a.requestMemory === b.requestMemory && a.limitMemory === b.limitMemory ? [] : ['memory']),
  ];
}

function needsRestart(ref: ContainerRef, names: readonly string[]): boolean {
  return (ref.spec.resizePolicy ?? []).some(
    (p) => p.restartPolicy === 'RestartContainer' && names.includes(p.resourceName),
  );
}

interface Change {
  readonly ref: ContainerRef;
  readonly run: ContainerStatus;
  readonly have: Figures;
  readonly want: Figures;
}

/** Limits that come down to below what is used would kill. */
function lowered(have: number, want: number): boolean {
  return want > 0 && (have === 0 || want < have);
}

const RETRY_MS = 10_000;

export interface ResizeDeps extends Pick<WorkerDeps, 'clock' | 'node' | 'noRoomFor' | 'podPidsLimit'> {
  readonly runtime: Pick<RuntimeService, 'podSandboxStats' | 'updateContainerResources' | 'updatePodSandboxResources'>;
}

export type SayOfPod = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

export class Resizer {
  private granted: Grant | undefined;
  /** What the pod's cgroup was made for. */
  private actuated: Grant | undefined;
  /** What each running container was given, by id. */
  private readonly applied = new Map<string, { own: ResourceRequirements; figures: Figures }>();
  private pending: ResizeCondition | undefined;
  private progress: ResizeCondition | undefined;

  constructor(
    private readonly deps: ResizeDeps,
    private readonly killer: Pick<Killer, 'kill'>,
    private readonly say: SayOfPod,
    /** Runs that are ended so that others take their place, by id. */
    private readonly replaced: Set<string>,
  ) {}

  get conditions(): readonly ResizeCondition[] {
    return [this.pending, this.progress].filter((c) => c !== undefined);
  }

  started(id: string, ref: ContainerRef, pod: Pod): void {
    const own = ref.spec.resources ?? {};
    this.applied.set(id, { own, figures: figures(own, specOf(pod).resources) });
  }

  /** Resources in force, by container name, for the status. */
  inForce(pod: Pod, observed: Observed): ReadonlyMap<string, ResourceRequirements> {
    const out = new Map<string, ResourceRequirements>();
    for (const { spec } of resizable(pod)) {
      const run = latest(observed, spec.name);
      const known = run === undefined ? undefined : this.applied.get(run.id);
      if (known !== undefined) out.set(spec.name, known.own);
    }
    return out;
  }

  /** The pod with the resources that it was granted. */
  asGranted(pod: Pod): Pod {
    return this.granted === undefined ? pod : asGranted(pod, this.granted);
  }

  /** What the status says of the pod as a whole. */
  shownWhole(pod: Pod): Pick<PodStatus, 'allocatedResources' | 'resources'> {
    const actuated = this.actuated === undefined ? this.asGranted(pod) : asGranted(pod, this.actuated);
    return podResourceStatus(this.asGranted(pod), actuated);
  }

  get wakeAt(): number | undefined {
    const again = this.pending?.reason === 'Deferred' || this.progress?.reason === 'Error';
    return again ? this.deps.clock.now() + RETRY_MS : undefined;
  }

  /** The pod's spec is another: before anything is told of it, it must be known whether it is being resized. */
  heard(pod: Pod): void {
    if (this.granted !== undefined) this.settle(pod);
  }

  /** True when something was changed. */
  async look(pod: Pod, observed: Observed): Promise<boolean> {
    this.settle(pod);
    const granted = this.asGranted(pod);
    const sandbox = currentSandbox(observed);
    const changes = this.changes(granted, observed);
    this.actuated ??= inForceBefore(pod);
    const whole = { have: wholeFigures(asGranted(pod, this.actuated)), want: wholeFigures(granted) };
    if (changes.length === 0 && changedNames(whole.have, whole.want).length === 0) {
      this.complete(granted);
      return false;
    }
    this.progress ??= { type: 'PodResizeInProgress' };
    try {
      await this.checkMemory(changes, whole, sandbox);
      await this.apply(granted, changes, sandbox);
      this.actuated = this.granted;
      this.progress = { type: 'PodResizeInProgress' };
      return true;
    } catch (error) {
      this.failed(granted, messageOf(error));
      return false;
    }
  }

  /** Grants what the pod asks for, or says why not. */
  private settle(pod: Pod): void {
    this.granted ??= grantedBefore(pod);
    if (isGranted(pod, this.granted)) {
      this.pending = undefined;
      return;
    }
    const refusal = this.infeasible(pod) ?? this.deferred(pod);
    if (refusal !== undefined) {
      const { reason = '', message = '' } = refusal;
      if (this.pending?.reason !== reason || this.pending.message !== message)
        this.say('Warning', `Resize${reason}`, resizeWords(reason, pod, message));
      this.pending = refusal;
      return;
    }
    this.pending = undefined;
    this.granted = asked(pod);
    this.progress = { type: 'PodResizeInProgress' };
    this.say('Normal', 'ResizeStarted', resizeWords('started', pod));
  }

  private complete(granted: Pod): void {
    if (this.progress === undefined) return;
    this.progress = undefined;
    this.say('Normal', 'ResizeCompleted', resizeWords('completed', granted));
  }

  private failed(granted: Pod, message: string): void {
    if (this.progress?.message !== message) this.say('Warning', 'ResizeError', resizeWords('error', granted, message));
    this.progress = { type: 'PodResizeInProgress', reason: 'Error', message };
  }

  /** After a restart of this process the API's status says what was applied. */
  private given(pod: Pod, ref: ContainerRef, run: ContainerStatus): Figures {
    const known = this.applied.get(run.id);
    if (known !== undefined) return known.figures;
    const { status } = pod;
    const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
    const own = statuses.find((s) => s.containerID?.endsWith(`://${run.id}`))?.resources ?? ref.spec.resources ?? {};
    const whole = specOf(pod).resources;
    const before = status?.resources !== undefined && whole !== undefined ? status.resources : whole;
    const found = { own, figures: figures(own, before) };
    this.applied.set(run.id, found);
    return found.figures;
  }

  private changes(granted: Pod, observed: Observed): Change[] {
    const whole = specOf(granted).resources;
    return resizable(granted).flatMap((ref) => {
      const run = latest(observed, ref.spec.name);
      if (run?.state !== 'running') return [];
      const have = this.given(granted, ref, run);
      const want = figures(ref.spec.resources, whole);
      return changedNames(have, want).length === 0 ? [] : [{ ref, run, have, want }];
    });
  }

  private infeasible(pod: Pod): ResizeCondition | undefined {
    const { allocatable } = this.deps.node();
    const totals = podTotals(pod);
    const checks = [
      { name: 'cpu', requested: totals.requestCpu, capacity: milli(allocatable, 'cpu') },
      { name: 'memory', requested: totals.requestMemory, capacity: bytes(allocatable, 'memory') },
    ];
    const over = checks.find((c) => c.capacity > 0 && c.requested > c.capacity);
    if (over === undefined) return undefined;
    const message = `Node didn't have enough capacity: ${over.name}, requested: ${over.requested}, capacity: ${over.capacity}`;
    return { type: 'PodResizePending', reason: 'Infeasible', message };
  }

  /** Others hold what it asks for: it is looked at again when they may have gone. */
  private deferred(pod: Pod): ResizeCondition | undefined {
    const message = this.deps.noRoomFor(pod);
    return message === undefined ? undefined : { type: 'PodResizePending', reason: 'Deferred', message };
  }

  private async checkMemory(
    changes: readonly Change[],
    whole: Pick<Change, 'have' | 'want'>,
    sandbox: PodSandboxStatus | undefined,
  ): Promise<void> {
    const down = changes.filter(
      (c) => !needsRestart(c.ref, changedNames(c.have, c.want)) && lowered(c.have.limitMemory, c.want.limitMemory),
    );
    const podLimit = whole.want.limitMemory;
    const podDown = lowered(whole.have.limitMemory, podLimit);
    if (sandbox === undefined || (down.length === 0 && !podDown)) return;
    const stats = await this.deps.runtime.podSandboxStats(sandbox.id);
    const errors: string[] = [];
    if (podDown && stats.memoryUsageBytes >= podLimit)
      errors.push(`attempting to set pod memory limit (${podLimit}) below current usage (${stats.memoryUsageBytes})`);
    for (const { ref, run, want } of down) {
      const used = stats.containers.find((c) => c.id === run.id)?.memoryUsageBytes;
      const { name } = ref.spec;
      if (used === undefined) errors.push(`missing container "${name}" memory usage`);
      else if (used >= want.limitMemory)
        errors.push(
          `attempting to set container "${name}" memory limit (${want.limitMemory}) below current usage (${used})`,
        );
    }
    if (errors.length === 0) return;
    const all = errors.length === 1 ? errors.join() : `[${errors.join(', ')}]`;
    throw new Error(`cannot decrease memory limits: ${all}`);
  }

  private async apply(granted: Pod, changes: readonly Change[], sandbox: PodSandboxStatus | undefined): Promise<void> {
    const context = { memoryCapacity: this.deps.node().memoryCapacity, podPidsLimit: this.deps.podPidsLimit };
    // The pod's own limits must never be below those of its containers, whichever way it goes.
    const lifted = { cpuQuota: -1, memoryLimitBytes: -1 };
    const own = podResources(granted, context);
    const { runtime } = this.deps;
    if (sandbox !== undefined) await runtime.updatePodSandboxResources(sandbox.id, { ...own, ...lifted });
    for (const change of changes) await this.applyOne(granted, change, context);
    if (sandbox !== undefined) await runtime.updatePodSandboxResources(sandbox.id, { ...lifted, ...own });
  }

  private async applyOne(granted: Pod, change: Change, context: ResourceContext): Promise<void> {
    const { ref, run, have, want } = change;
    if (needsRestart(ref, changedNames(have, want))) {
      const message = `Container ${ref.spec.name} resize requires restart`;
      this.replaced.add(run.id);
      await this.killer.kill({ ref, status: run }, { message });
      return;
    }
    // A limit can be changed and added, but not taken away: what is not said stays as it is.
    await this.deps.runtime.updateContainerResources(run.id, containerResources(granted, ref, context));
    this.started(run.id, ref, granted);
  }
}

/** Init containers that end before the others begin are not resized. */
function resizable(pod: Pod): readonly ContainerRef[] {
  return [...initContainers(pod).filter(isSidecar), ...appContainers(pod)];
}
