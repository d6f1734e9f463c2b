// Looks after one pod: one step at a time, whenever something has happened to it.
import { nearest } from '../../machinery/int64.ts';
import { deepEqual } from '../../machinery/json.ts';
import { parseTime } from '../../machinery/time.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { messageOf } from '../container/errors.ts';
import { type ContainerRef, fieldPathOf, isStatic, namesOf, PodPaths, podText, specOf } from '../pod/identity.ts';
import { currentSandbox, type Observed } from '../pod/observed.ts';
import type { Verdict } from '../status/compute.ts';
import { isSelfMade, usedVolumes } from '../volumes/pod-volumes.ts';
import type { WorkerDeps } from './deps.ts';
import { type PodParts, podParts } from './pod-parts.ts';
import { Rounds } from './rounds.ts';

export interface Ending {
  readonly why: 'deleted' | 'finished' | 'evicted';
  readonly graceSeconds?: number;
  readonly verdict?: Verdict;
}

const EVICTED = 'Evicted';
const DEADLINE = 'Pod was active on the node longer than the specified deadline';

export class PodWorker {
  private pod: Pod;
  /** Why it has to end; undefined while it lives. */
  private ending: Ending | undefined;
  /** The API no longer has the pod. */
  private absent = false;
  private readonly abort = new AbortController();
  private readonly rounds: Rounds;
  private endRetries = 0;
  private readonly uid: string;
  private readonly paths: PodPaths;
  private readonly parts: PodParts;

  constructor(
    private readonly deps: WorkerDeps,
    pod: Pod,
  ) {
    this.pod = pod;
    const names = namesOf(pod);
    this.uid = names.uid;
    this.paths = new PodPaths(deps.rootDir, deps.logDir, names);
    const complain = this.complain.bind(this);
    this.parts = podParts(deps, {
      uid: this.uid,
      paths: this.paths,
      pod: () => this.pod,
      observed: () => this.observed,
      verdict: () => this.ending?.verdict,
      signal: this.abort.signal,
      say: this.say.bind(this),
      complain,
      poke: () => this.poke(),
    });
    const round = (): Promise<void> => (this.ending === undefined ? this.live() : this.finish());
    this.rounds = new Rounds({ clock: deps.clock, round, onError: complain });
    const { publisher } = this.parts;
    if (!isStatic(pod)) publisher.target = pod;
    const { phase } = pod.status ?? {};
    if (phase === 'Succeeded' || phase === 'Failed') {
      // The API already has the pod's end: nothing may be started, and nothing is left to say.
      publisher.silent = true;
      this.ending = { why: 'finished' };
    } else deps.objects.hold(pod);
  }

  get current(): Pod {
    return this.pod;
  }

  /** The pod with the status that this kubelet last computed. */
  get shown(): Pod {
    return { ...this.pod, status: this.parts.publisher.status };
  }

  /** The pod with the resources that it holds. */
  get holding(): Pod {
    return this.parts.resizer.asGranted(this.pod);
  }

  get isEnded(): boolean {
    return this.parts.end.isOver;
  }

  /** And what it had besides its containers is gone from the node too. */
  get isCleanedUp(): boolean {
    return this.parts.end.isClean;
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
    if (!isStatic(pod)) this.parts.publisher.seen(pod);
    this.pod = pod;
    const { labels, annotations, generation } = old.metadata;
    const relabelled = !deepEqual(labels, pod.metadata.labels) || !deepEqual(annotations, pod.metadata.annotations);
    if (relabelled) {
      // Files and variables may be made of labels and annotations.
      this.parts.volumes.refresh(false);
      this.parts.containers.retryConfig();
    }
    const changed = !deepEqual(old.spec, pod.spec);
    if (changed) {
      this.deps.objects.hold(pod);
      this.parts.resizer.heard(this.shown);
      // An ephemeral container may be the first to use a volume.
      if (usedVolumes(pod).length > usedVolumes(old).length) this.parts.volumes.refresh(true);
    }
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.end({ why: 'deleted', graceSeconds: Math.max(1, nearest(pod.metadata.deletionGracePeriodSeconds ?? 30)) });
    } else if (changed || relabelled || generation !== pod.metadata.generation) this.poke();
    // Conditions of others may be what a readiness gate waits for.
    else this.parts.publisher.publish();
  }

  /** The mirror of a static pod, as the API has it. */
  mirror(pod: Pod | undefined): void {
    if (pod === undefined) {
      this.parts.publisher.target = undefined;
      return;
    }
    this.parts.publisher.seen(pod);
    this.poke();
  }

  /** The API no longer has the pod. */
  gone(): void {
    this.absent = true;
    this.parts.publisher.silent = true;
    const grace = this.pod.metadata.deletionGracePeriodSeconds ?? specOf(this.pod).terminationGracePeriodSeconds ?? 30;
    this.end({ why: 'deleted', graceSeconds: Math.max(1, nearest(grace)) });
  }

  /** A ConfigMap or Secret that the pod names has come or changed. */
  objectChanged(): void {
    this.parts.volumes.refresh(true);
    this.parts.containers.retryConfig();
    this.poke();
  }

  end(ending: Ending): void {
    const before = this.ending;
    if (before === undefined || (before.why !== 'deleted' && ending.why === 'deleted')) {
      this.ending = { ...ending, ...(before?.verdict === undefined ? {} : { verdict: before.verdict }) };
    }
    const { graceSeconds } = ending;
    if (before === undefined) this.abort.abort();
    else if (graceSeconds !== undefined && graceSeconds < (before.graceSeconds ?? Number.POSITIVE_INFINITY)) {
      this.ending = { ...(this.ending ?? ending), graceSeconds };
      this.parts.killer.shorten(graceSeconds).catch((error: unknown) => this.complain('shorter grace period', error));
    }
    this.poke();
  }

  /** The kubelet goes, the pod stays. Resolves when the step that was under way is done. */
  async detach(): Promise<void> {
    this.parts.probes.stop();
    this.abort.abort();
    await this.rounds.stop();
  }

  /** Something happened: look at the pod again. */
  poke(): void {
    this.parts.publisher.publish();
    this.rounds.poke();
  }

  /** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ : counted from status.startTime. */
  private deadline(): number | undefined {
    const seconds = specOf(this.pod).activeDeadlineSeconds;
    if (seconds === undefined) return undefined;
    const start = this.parts.publisher.status.startTime;
    const since = start === undefined ? undefined : parseTime(start);
    return (since ?? this.parts.publisher.began) + nearest(seconds) * 1000;
  }

  private async live(): Promise<void> {
    const { starter, volumes, containers, sandboxes, resizer, publisher } = this.parts;
    const deadline = this.deadline();
    if (deadline !== undefined && deadline <= this.deps.clock.now()) {
      this.say(undefined, 'Normal', 'DeadlineExceeded', DEADLINE);
      this.end({ why: 'evicted', verdict: { reason: 'DeadlineExceeded', message: DEADLINE } });
      return;
    }
    publisher.publish();
    const fields = starter.fields(this.pod, currentSandbox(this.observed));
    const [mounted] = await Promise.all([volumes.prepare(this.pod, fields), this.sandboxAhead()]);
    if (!mounted) {
      this.rounds.wake([deadline, volumes.wakeAt]);
      return;
    }
    if (this.abort.signal.aborted) return;
    const next = containers.plan();
    if (next.finished) {
      this.end({ why: 'finished' });
      return;
    }
    const acted = await containers.carryOut(next);
    if (acted || (await resizer.look(this.shown, this.observed))) this.rounds.poke();
    publisher.publish();
    const times = [next.requeueAt, ...containers.wakeTimes, sandboxes.wakeAt, resizer.wakeAt];
    this.rounds.wake([deadline, volumes.wakeAt, ...times]);
  }

  /** Volumes come before the sandbox, so that a pod whose volume is missing holds no address; those that cannot be missing need no waiting. */
  private async sandboxAhead(): Promise<void> {
    const { sandboxes } = this.parts;
    if (this.observed.sandboxes.length > 0 || sandboxes.wakeAt !== undefined) return;
    if (usedVolumes(this.pod).every(isSelfMade)) await sandboxes.create(this.pod, 0);
  }

  private async finish(): Promise<void> {
    const { end, publisher } = this.parts;
    try {
      if (!end.isOver) await end.stop(this.ending?.graceSeconds);
      if (!end.isClean) await end.cleanUp(this.ending?.verdict?.reason === EVICTED);
      if (this.ending?.why === 'deleted') {
        await end.leave(this.absent ? undefined : publisher.target);
        this.rounds.rest();
        this.deps.onGone(this.uid);
      }
      this.endRetries = 0;
    } catch (error) {
      // The host or the API does not do as it should: tried again, more and more slowly.
      this.complain('ending', error);
      const wait = Math.min(60_000, 500 * 2 ** Math.min(this.endRetries++, 8));
      this.rounds.wake([this.deps.clock.now() + wait]);
    }
  }

  /** The containers of a pod that is over go, with their layers and logs. */
  async discard(): Promise<void> {
    if (this.isCleanedUp) await this.parts.end.discard();
  }
}
