// Looks after one pod: one step at a time, whenever something has happened to it.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { PODS } from '../../client/index.ts';
import type { Timer } from '../../host/clock.ts';
import { isApiError } from '../../machinery/errors.ts';
import { deepEqual } from '../../machinery/json.ts';
import { parseTime } from '../../machinery/time.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { messageOf } from '../container/errors.ts';
import { type ContainerRef, fieldPathOf, isStatic, namesOf, PodPaths, podText, specOf } from '../pod/identity.ts';
import { currentSandbox, type Observed } from '../pod/observed.ts';
import { PodProbes } from '../probes/pod-probes.ts';
import { runProbe } from '../probes/run.ts';
import type { Verdict } from '../status/compute.ts';
import { isSelfMade, usedVolumes } from '../volumes/pod-volumes.ts';
import { ContainerKeeper } from './container-keeper.ts';
import type { WorkerDeps } from './deps.ts';
import { Killer } from './killer.ts';
import { Resizer } from './resize.ts';
import { SandboxKeeper } from './sandbox-keeper.ts';
import { Starter } from './starter.ts';
import { StatusPublisher } from './status-publisher.ts';
import { VolumeKeeper } from './volume-keeper.ts';

export interface Ending {
  readonly why: 'deleted' | 'finished' | 'evicted';
  readonly graceSeconds?: number;
  readonly verdict?: Verdict;
}

type Stage = 'living' | 'ending' | 'ended';

const DEADLINE = 'Pod was active on the node longer than the specified deadline';

export class PodWorker {
  private pod: Pod;
  private stage: Stage = 'living';
  private ending: Ending | undefined;
  /** The API no longer has the pod. */
  private absent = false;
  private busy = false;
  private again = false;
  private detached = false;
  private looping: Promise<void> = Promise.resolve();
  private readonly abort = new AbortController();
  private timer: Timer | undefined;
  private endRetries = 0;
  private readonly uid: string;
  private readonly paths: PodPaths;
  private readonly held = new Set<string>();
  private readonly probes: PodProbes;
  private readonly volumes: VolumeKeeper;
  private readonly killer: Killer;
  private readonly starter: Starter;
  private readonly resizer: Resizer;
  private readonly sandboxes: SandboxKeeper;
  private readonly containers: ContainerKeeper;
  private readonly publisher: StatusPublisher;

  constructor(
    private readonly deps: WorkerDeps,
    pod: Pod,
  ) {
    this.pod = pod;
    const names = namesOf(pod);
    this.uid = names.uid;
    this.paths = new PodPaths(deps.rootDir, deps.logDir, names);
    this.killer = new Killer(
      deps,
      () => this.pod,
      () => this.observed,
    );
    this.starter = new Starter(deps, this.paths, this.killer);
    this.resizer = new Resizer(deps, this.killer);
    this.sandboxes = new SandboxKeeper(deps, this.paths, (type, reason, message) =>
      this.say(undefined, type, reason, message),
    );
    this.volumes = this.makeVolumes();
    this.probes = this.makeProbes();
    this.containers = this.makeContainers();
    this.publisher = this.makePublisher();
    if (!isStatic(pod)) this.publisher.target = pod;
    const { phase } = pod.status ?? {};
    if (phase === 'Succeeded' || phase === 'Failed') {
      // The API already has the pod's end: nothing may be started, and nothing is left to say.
      this.publisher.silent = true;
      this.stage = 'ending';
      this.ending = { why: 'finished' };
    } else deps.objects.hold(pod);
  }

  private makeVolumes(): VolumeKeeper {
    const { deps } = this;
    const volumeDeps = {
      mounts: deps.mounts,
      paths: this.paths,
      secretDir: path.join(deps.secretDir, this.uid),
      now: () => deps.clock.now(),
      claims: deps.claims,
    };
    return new VolumeKeeper(deps, volumeDeps, this.uid, this.say.bind(this, undefined, 'Warning'));
  }

  private makeProbes(): PodProbes {
    const exec = this.deps.runtime.execSync.bind(this.deps.runtime);
    return new PodProbes({
      clock: this.deps.clock,
      run: (probe, container, containerId) => runProbe(probe, { containerId, container, podIp: this.podIp(), exec }),
      say: (ref, reason, message) => this.say(ref, 'Warning', reason, message),
      onChange: () => this.poke(),
      held: (id) => this.held.has(id),
      onProbed: (kind, ref, outcome) => this.deps.onProbed?.(kind, this.pod, ref.spec.name, outcome),
    });
  }

  private makeContainers(): ContainerKeeper {
    const input = {
      uid: this.uid,
      pod: () => this.pod,
      observed: () => this.observed,
      volumes: () => this.volumes.mounted,
      probes: this.probes,
      killer: this.killer,
      starter: this.starter,
      resizer: this.resizer,
      sandboxes: this.sandboxes,
      signal: this.abort.signal,
      say: this.say.bind(this),
      onChange: () => this.publisher.publish(),
    };
    return new ContainerKeeper(this.deps, input, this.held);
  }

  private makePublisher(): StatusPublisher {
    return new StatusPublisher(this.deps, {
      uid: this.uid,
      pod: () => this.pod,
      observed: () => this.observed,
      parts: () => {
        this.probes.sync(this.pod, this.observed);
        const { condition } = this.resizer;
        return {
          ...this.containers.shown,
          probes: this.probes,
          terminal: this.stage === 'ended',
          inForce: this.resizer.inForce(this.pod, this.observed),
          ...(condition === undefined ? {} : { resize: condition }),
          ...(this.ending?.verdict === undefined ? {} : { verdict: this.ending.verdict }),
        };
      },
      onError: (error) => this.complain('status', error),
    });
  }

  get current(): Pod {
    return this.pod;
  }

  /** The pod with the status that this kubelet last computed. */
  get shown(): Pod {
    return { ...this.pod, status: this.publisher.status };
  }

  /** The pod with the resources that it holds. */
  get holding(): Pod {
    return this.resizer.asGranted(this.pod, this.observed);
  }

  get isEnded(): boolean {
    return this.stage === 'ended';
  }

  /** The API no longer has the pod: it is on its way out. */
  get isGone(): boolean {
    return this.absent;
  }

  get directory(): PodPaths {
    return this.paths;
  }

  private get observed(): Observed {
    return this.deps.cache.observed(this.uid);
  }

  private podIp(): string {
    const ips = specOf(this.pod).hostNetwork === true ? this.deps.node().ips : currentSandbox(this.observed)?.ips;
    return ips?.[0] ?? '';
  }

  private say(ref: ContainerRef | undefined, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const details = ref === undefined ? {} : { fieldPath: fieldPathOf(ref) };
    this.deps.recorder.event(this.pod, type, reason, message, details);
  }

  private complain(what: string, error: unknown): void {
    this.deps.log('warn', `pod worker: ${what} failed`, { pod: podText(this.pod), error: messageOf(error) });
  }

  // What happens to the pod from outside.

  /** The pod as the API has it now. */
  update(pod: Pod): void {
    const old = this.pod;
    if (!isStatic(pod)) this.publisher.seen(pod);
    this.pod = pod;
    const { labels, annotations, generation } = old.metadata;
    const relabelled = !deepEqual(labels, pod.metadata.labels) || !deepEqual(annotations, pod.metadata.annotations);
    if (relabelled) {
      // Files and variables may be made of labels and annotations.
      this.volumes.refresh(false);
      this.containers.retryConfig();
    }
    const changed = !deepEqual(old.spec, pod.spec);
    if (changed) {
      this.deps.objects.hold(pod);
      // An ephemeral container may be the first to use a volume.
      if (usedVolumes(pod).length > usedVolumes(old).length) this.volumes.refresh(true);
    }
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.end({ why: 'deleted', graceSeconds: Math.max(1, pod.metadata.deletionGracePeriodSeconds ?? 30) });
    } else if (changed || relabelled || generation !== pod.metadata.generation) this.poke();
    // Conditions of others may be what a readiness gate waits for.
    else this.publisher.publish();
  }

  /** The mirror of a static pod, as the API has it. */
  mirror(pod: Pod | undefined): void {
    if (pod === undefined) {
      this.publisher.target = undefined;
      return;
    }
    this.publisher.seen(pod);
    this.poke();
  }

  /** The API no longer has the pod. */
  gone(): void {
    this.absent = true;
    this.publisher.silent = true;
    const grace = this.pod.metadata.deletionGracePeriodSeconds ?? specOf(this.pod).terminationGracePeriodSeconds ?? 30;
    this.end({ why: 'deleted', graceSeconds: Math.max(1, grace) });
  }

  /** A ConfigMap or Secret that the pod names has come or changed. */
  objectChanged(): void {
    this.volumes.refresh(true);
    this.containers.retryConfig();
    this.poke();
  }

  end(ending: Ending): void {
    const before = this.ending;
    if (before === undefined || (before.why !== 'deleted' && ending.why === 'deleted')) {
      this.ending = { ...ending, ...(before?.verdict === undefined ? {} : { verdict: before.verdict }) };
    }
    const { graceSeconds } = ending;
    if (this.stage === 'living') {
      this.stage = 'ending';
      this.abort.abort();
    } else if (graceSeconds !== undefined && graceSeconds < (before?.graceSeconds ?? Number.POSITIVE_INFINITY)) {
      this.ending = { ...(this.ending ?? ending), graceSeconds };
      this.killer.shorten(graceSeconds).catch((error: unknown) => this.complain('shorter grace period', error));
    }
    this.poke();
  }

  /** The kubelet goes, the pod stays. Resolves when the step that was under way is done. */
  async detach(): Promise<void> {
    this.detached = true;
    this.timer?.cancel();
    this.probes.stop();
    this.abort.abort();
    await this.looping;
  }

  // The loop.

  /** Something happened: look at the pod again. */
  poke(): void {
    this.publisher.publish();
    if (this.busy) {
      this.again = true;
      return;
    }
    if (this.detached) return;
    this.busy = true;
    this.looping = this.loop().catch((error: unknown) => this.complain('loop', error));
  }

  private async loop(): Promise<void> {
    try {
      do {
        this.again = false;
        this.timer?.cancel();
        if (this.stage === 'living') await this.live();
        else await this.finish();
      } while (this.again && !this.detached);
    } catch (error) {
      this.complain('round', error);
      this.wake([this.deps.clock.now() + 1_000]);
    } finally {
      this.busy = false;
    }
  }

  private wake(times: readonly (number | undefined)[]): void {
    const known = times.filter((t): t is number => t !== undefined && Number.isFinite(t));
    if (known.length === 0 || this.detached) return;
    this.timer?.cancel();
    const wait = Math.max(0, Math.min(...known) - this.deps.clock.now());
    this.timer = this.deps.clock.setTimer(wait, () => this.poke());
  }

  /** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ : counted from status.startTime. */
  private deadline(): number | undefined {
    const seconds = specOf(this.pod).activeDeadlineSeconds;
    if (seconds === undefined) return undefined;
    const start = this.publisher.status.startTime;
    const since = start === undefined ? undefined : parseTime(start);
    return (since ?? this.publisher.began) + seconds * 1000;
  }

  private async live(): Promise<void> {
    const deadline = this.deadline();
    if (deadline !== undefined && deadline <= this.deps.clock.now()) {
      this.say(undefined, 'Normal', 'DeadlineExceeded', DEADLINE);
      this.end({ why: 'evicted', verdict: { reason: 'DeadlineExceeded', message: DEADLINE } });
      return;
    }
    this.publisher.publish();
    const fields = this.starter.fields(this.pod, currentSandbox(this.observed));
    const [mounted] = await Promise.all([this.volumes.prepare(this.pod, fields), this.sandboxAhead()]);
    if (!mounted) {
      this.wake([deadline, this.volumes.wakeAt]);
      return;
    }
    if (this.abort.signal.aborted) return;
    const next = this.containers.plan();
    if (next.finished) {
      this.end({ why: 'finished' });
      return;
    }
    const acted = await this.containers.carryOut(next);
    if (acted || (await this.resizer.look(this.shown, this.observed))) this.again = true;
    this.publisher.publish();
    const times = [next.requeueAt, ...this.containers.wakeTimes, this.sandboxes.wakeAt, this.resizer.wakeAt];
    this.wake([deadline, this.volumes.wakeAt, ...times]);
  }

  /** Volumes come before the sandbox, so that a pod whose volume is missing holds no address; those that cannot be missing need no waiting. */
  private async sandboxAhead(): Promise<void> {
    if (this.observed.sandboxes.length > 0 || this.sandboxes.wakeAt !== undefined) return;
    if (usedVolumes(this.pod).every(isSelfMade)) await this.sandboxes.create(this.pod, 0);
  }

  private async finish(): Promise<void> {
    try {
      if (this.stage === 'ending') await this.stopAll();
      if (this.stage === 'ended' && this.ending?.why === 'deleted') await this.leave();
      this.endRetries = 0;
    } catch (error) {
      // The host or the API does not do as it should: tried again, more and more slowly.
      this.complain('ending', error);
      const wait = Math.min(60_000, 500 * 2 ** Math.min(this.endRetries++, 8));
      this.wake([this.deps.clock.now() + wait]);
    }
  }

  private async stopAll(): Promise<void> {
    const { runtime, cache, objects, images, backoff, writer } = this.deps;
    this.probes.stopKilling();
    this.publisher.publish();
    const grace = this.ending?.graceSeconds;
    await this.killer.killAll(grace === undefined ? {} : { graceSeconds: grace });
    for (const s of this.observed.sandboxes) if (s.state === 'ready') await runtime.stopPodSandbox(s.id);
    await cache.refresh(this.uid);
    await this.publisher.readMessages();
    this.stage = 'ended';
    this.probes.stop();
    this.publisher.publishNow();
    await this.volumes.tearDown();
    objects.release(this.uid);
    images.forget(this.uid);
    backoff.forget(this.uid);
    await writer.flushed(this.uid);
  }

  /** Takes the pod out of the API, and then all that is left of it from the node. */
  private async leave(): Promise<void> {
    const { runtime, cache, writer } = this.deps;
    if (!this.absent && this.publisher.target !== undefined) await this.deleteFromApi(this.publisher.target);
    writer.forget(this.uid);
    await this.volumes.tearDown();
    for (const c of this.observed.containers) await runtime.removeContainer(c.id);
    for (const s of this.observed.sandboxes) await runtime.removePodSandbox(s.id);
    for (const { id } of [...this.observed.containers, ...this.observed.sandboxes]) cache.forget(this.uid, id);
    await rm(this.paths.logs, { recursive: true, force: true });
    this.timer?.cancel();
    this.deps.onGone(this.uid);
  }

  private async deleteFromApi(target: Pod): Promise<void> {
    const { namespace = '', name = '', uid } = target.metadata;
    const preconditions = uid === undefined ? {} : { preconditions: { uid } };
    try {
      await this.deps.client.resource(PODS).delete(namespace, name, { gracePeriodSeconds: 0, ...preconditions });
    } catch (error) {
      if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
    }
  }
}
