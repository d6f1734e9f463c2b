// In-place resize: brings running containers to new requests and limits. https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
import type { ContainerStatus } from '../../cri/port.ts';
import { deepEqual } from '../../machinery/json.ts';
import type {
  ContainerStatus as ApiStatus,
  Container,
  Pod,
  ResourceRequirements,
} from '../../resources/generated/core-v1.ts';
import {
  bytes,
  containerResources,
  milli,
  podResources,
  podTotals,
  type ResourceContext,
} from '../container/resources.ts';
import { appContainers, type ContainerRef, initContainers, isSidecar, specOf } from '../pod/identity.ts';
import { currentSandbox, latest, type Observed } from '../pod/observed.ts';
import type { WorkerDeps } from './deps.ts';
import type { Killer } from './killer.ts';

export interface ResizeCondition {
  readonly type: 'PodResizePending' | 'PodResizeInProgress';
  readonly reason?: string;
  readonly message?: string;
}

interface Change {
  readonly ref: ContainerRef;
  readonly run: ContainerStatus;
  readonly restart: boolean;
}

function changedNames(a: ResourceRequirements, b: ResourceRequirements): string[] {
  return ['cpu', 'memory'].filter(
    (name) => a.requests?.[name] !== b.requests?.[name] || a.limits?.[name] !== b.limits?.[name],
  );
}

function needsRestart(ref: ContainerRef, names: readonly string[]): boolean {
  return (ref.spec.resizePolicy ?? []).some(
    (p) => p.restartPolicy === 'RestartContainer' && names.includes(p.resourceName),
  );
}

const DEFERRED_RETRY_MS = 10_000;

export class Resizer {
  /** What each running container was given, by id. */
  private readonly applied = new Map<string, ResourceRequirements>();
  condition: ResizeCondition | undefined;

  constructor(
    private readonly deps: WorkerDeps,
    private readonly killer: Killer,
  ) {}

  started(id: string, ref: ContainerRef): void {
    this.applied.set(id, ref.spec.resources ?? {});
  }

  /** After a restart of this process the API's status says what was applied. */
  private given(ref: ContainerRef, run: ContainerStatus, statuses: readonly ApiStatus[]): ResourceRequirements {
    let known = this.applied.get(run.id);
    if (known === undefined) {
      known = statuses.find((s) => s.containerID?.endsWith(`://${run.id}`))?.resources ?? ref.spec.resources ?? {};
      this.applied.set(run.id, known);
    }
    return known;
  }

  /** Resources in force, by container name, for the status. */
  inForce(pod: Pod, observed: Observed): ReadonlyMap<string, ResourceRequirements> {
    const out = new Map<string, ResourceRequirements>();
    for (const ref of [...initContainers(pod).filter(isSidecar), ...appContainers(pod)]) {
      const run = latest(observed, ref.spec.name);
      const known = run === undefined ? undefined : this.applied.get(run.id);
      if (known !== undefined) out.set(ref.spec.name, known);
    }
    return out;
  }

  /** The pod with what it was given, while what it asks for is not granted. */
  asGranted(pod: Pod, observed: Observed): Pod {
    if (this.condition?.type !== 'PodResizePending') return pod;
    const given = this.inForce(pod, observed);
    const spec = specOf(pod);
    const granted = <T extends Container>(c: T): T => ({ ...c, resources: given.get(c.name) ?? c.resources ?? {} });
    return { ...pod, spec: { ...spec, containers: spec.containers.map(granted) } };
  }

  private changes(pod: Pod, observed: Observed): Change[] {
    const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    const out: Change[] = [];
    for (const ref of [...initContainers(pod).filter(isSidecar), ...appContainers(pod)]) {
      const run = latest(observed, ref.spec.name);
      if (run?.state !== 'running') continue;
      const have = this.given(ref, run, statuses);
      const want = ref.spec.resources ?? {};
      if (deepEqual(have.requests ?? {}, want.requests ?? {}) && deepEqual(have.limits ?? {}, want.limits ?? {}))
        continue;
      out.push({ ref, run, restart: needsRestart(ref, changedNames(have, want)) });
    }
    return out;
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

  get wakeAt(): number | undefined {
    return this.condition?.reason === 'Deferred' ? this.deps.clock.now() + DEFERRED_RETRY_MS : undefined;
  }

  /** True when something was changed. */
  async look(pod: Pod, observed: Observed): Promise<boolean> {
    const changes = this.changes(pod, observed);
    if (changes.length === 0) {
      this.condition = undefined;
      return false;
    }
    this.condition = this.infeasible(pod) ?? this.deferred(pod);
    if (this.condition !== undefined) return false;
    const context = { memoryCapacity: this.deps.node().memoryCapacity, podPidsLimit: this.deps.podPidsLimit };
    const sandbox = currentSandbox(observed);
    // The pod's own limits must never be below those of its containers, whichever way it goes.
    const wide = podResources(pod, context);
    if (sandbox !== undefined) {
      await this.deps.runtime.updatePodSandboxResources(sandbox.id, { ...wide, memoryLimitBytes: -1, cpuQuota: -1 });
    }
    for (const change of changes) await this.apply(pod, change, context);
    if (sandbox !== undefined) await this.deps.runtime.updatePodSandboxResources(sandbox.id, wide);
    return true;
  }

  private async apply(pod: Pod, change: Change, context: ResourceContext): Promise<void> {
    const { ref, run } = change;
    if (change.restart) {
      const message = `Container ${ref.spec.name} resize requires restart`;
      await this.killer.kill({ ref, status: run }, { message });
      return;
    }
    try {
      const lifted = { cpuQuota: -1, memoryLimitBytes: -1 };
      const wanted = { ...lifted, ...containerResources(pod, ref, context) };
      await this.deps.runtime.updateContainerResources(run.id, wanted);
      this.applied.set(run.id, ref.spec.resources ?? {});
    } catch (error) {
      this.condition = { type: 'PodResizeInProgress', reason: 'Error', message: String(error) };
    }
  }
}
