// Looks after one pod: one step at a time, whenever something has happened to it.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { PODS } from '../../client/index.ts';
import type { ContainerStatus, PodSandboxConfig } from '../../cri/port.ts';
import type { Timer } from '../../host/clock.ts';
import { isApiError } from '../../machinery/errors.ts';
import { deepEqual } from '../../machinery/json.ts';
import { goDuration, parseTime } from '../../machinery/time.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { sandboxConfig } from '../container/config.ts';
import { messageOf, StartError } from '../container/errors.ts';
import { terminationMessage } from '../container/termination-message.ts';
import { ImageError } from '../images/manager.ts';
import {
  allContainers,
  type ContainerRef,
  fieldPathOf,
  hashOf,
  isStatic,
  namesOf,
  PodPaths,
  podText,
  specOf,
} from '../pod/identity.ts';
import { currentSandbox, latest, type Observed } from '../pod/observed.ts';
import { type Action, type Plan, plan } from '../pod/plan.ts';
import { restartsAfter } from '../pod/restart.ts';
import { PodProbes } from '../probes/pod-probes.ts';
import { runProbe } from '../probes/run.ts';
import { computeStatus } from '../status/compute.ts';
import type { Waiting } from '../status/containers.ts';
import type { PayloadContext } from '../volumes/payload.ts';
import { PodVolumes } from '../volumes/pod-volumes.ts';
import { PodTokens } from '../volumes/tokens.ts';
import type { WorkerDeps } from './deps.ts';
import { Killer } from './killer.ts';
import { Resizer } from './resize.ts';
import { Starter } from './starter.ts';

const CONFIG_RETRY_MS = 10_000;
const SANDBOX_RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000] as const;
const VOLUME_RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 122_000] as const;

export interface Ending {
  readonly why: 'deleted' | 'finished' | 'evicted';
  readonly graceSeconds?: number;
  readonly verdict?: { readonly reason: string; readonly message: string };
}

type Stage = 'living' | 'ending' | 'ended';

/** The user that all containers run as, if there is one: token files are theirs. */
function commonUser(pod: Pod): number | undefined {
  const spec = specOf(pod);
  const users = new Set(
    allContainers(pod).map((c) => c.spec.securityContext?.runAsUser ?? spec.securityContext?.runAsUser),
  );
  const [user] = users;
  return users.size === 1 ? user : undefined;
}

export class PodWorker {
  private pod: Pod;
  /** The object in the API: the pod itself, or the mirror of a static one. */
  private target: Pod | undefined;
  private stage: Stage = 'living';
  private ending: Ending | undefined;
  private absent = false;
  private busy = false;
  private again = false;
  private abort = new AbortController();
  private timer: Timer | undefined;
  private readonly uid: string;
  private readonly paths: PodPaths;
  private readonly waiting = new Map<string, Waiting>();
  private readonly retryAt = new Map<string, number>();
  private readonly firstAttempt = new Map<string, number>();
  private readonly messages = new Map<string, string>();
  private readonly held = new Set<string>();
  /** Ends for which the back-off has been told. */
  private readonly toldBackoff = new Set<string>();
  private readonly probes: PodProbes;
  private readonly volumes: PodVolumes;
  private readonly tokens: PodTokens;
  private readonly killer: Killer;
  private readonly starter: Starter;
  private readonly resizer: Resizer;
  private volumesStale = true;
  private volumesReady = false;
  private volumeFailures = 0;
  private volumeRetryAt = 0;
  private sandboxFailures = 0;
  private sandboxRetryAt = 0;
  private config: PodSandboxConfig | undefined;
  private readonly startedAt: number;
  private endRetries = 0;
  /** The API already has the pod's end: nothing may be started, and nothing is left to say. */
  private readonly settled: boolean;

  constructor(
    private readonly deps: WorkerDeps,
    pod: Pod,
  ) {
    this.pod = pod;
    this.target = isStatic(pod) ? undefined : pod;
    const names = namesOf(pod);
    this.uid = names.uid;
    this.startedAt = deps.clock.now();
    this.paths = new PodPaths(deps.rootDir, deps.logDir, names);
    this.tokens = new PodTokens(deps.requestToken, () => deps.clock.now());
    this.volumes = new PodVolumes({
      mounts: deps.mounts,
      paths: this.paths,
      secretDir: path.join(deps.secretDir, names.uid),
      now: () => deps.clock.now(),
      claims: deps.claims,
    });
    this.killer = new Killer(
      deps,
      () => this.pod,
      () => this.observed,
    );
    this.starter = new Starter(deps, this.paths, this.killer);
    this.resizer = new Resizer(deps, this.killer);
    this.probes = this.makeProbes();
    const { phase } = pod.status ?? {};
    this.settled = phase === 'Succeeded' || phase === 'Failed';
    if (this.settled) {
      this.stage = 'ending';
      this.ending = { why: 'finished' };
    } else deps.objects.hold(pod);
  }

  private makeProbes(): PodProbes {
    return new PodProbes({
      clock: this.deps.clock,
      run: (probe, container, containerId) => {
        const podIp = this.podIp();
        const exec = this.deps.runtime.execSync.bind(this.deps.runtime);
        return runProbe(probe, { containerId, container, podIp, exec });
      },
      say: (ref, reason, message) => this.say(ref, 'Warning', reason, message),
      onChange: () => this.poke(),
      held: (id) => this.held.has(id),
      onProbed: (kind, ref, outcome) => this.deps.onProbed?.(kind, this.pod, ref.spec.name, outcome),
    });
  }

  get current(): Pod {
    return this.pod;
  }

  /** The pod with the status that this kubelet last computed. */
  get shown(): Pod {
    return { ...this.pod, status: this.target?.status ?? this.pod.status ?? {} };
  }

  get isEnded(): boolean {
    return this.stage === 'ended';
  }

  get isLiving(): boolean {
    return this.stage === 'living';
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

  /** The pod as the API has it now. */
  update(pod: Pod): void {
    const old = this.pod;
    if (!isStatic(pod)) {
      this.target = pod;
      this.deps.writer.seen(pod, this.uid);
    }
    this.pod = pod;
    if (
      !deepEqual(old.metadata.labels, pod.metadata.labels) ||
      !deepEqual(old.metadata.annotations, pod.metadata.annotations)
    ) {
      this.volumesStale = true;
    }
    if (!deepEqual(old.spec, pod.spec)) this.deps.objects.hold(pod);
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.end({ why: 'deleted', graceSeconds: Math.max(1, pod.metadata.deletionGracePeriodSeconds ?? 30) });
    } else if (
      !deepEqual(old.spec, pod.spec) ||
      this.volumesStale ||
      old.metadata.generation !== pod.metadata.generation
    ) {
      this.poke();
    }
  }

  /** The mirror of a static pod, as the API has it. */
  mirror(pod: Pod | undefined): void {
    this.target = pod;
    if (pod !== undefined) {
      this.deps.writer.seen(pod, this.uid);
      this.poke();
    }
  }

  /** The API no longer has the pod. */
  gone(): void {
    this.absent = true;
    const grace = this.pod.metadata.deletionGracePeriodSeconds ?? specOf(this.pod).terminationGracePeriodSeconds ?? 30;
    this.end({ why: 'deleted', graceSeconds: Math.max(1, grace) });
  }

  objectChanged(): void {
    this.volumesStale = true;
    this.volumeRetryAt = 0;
    for (const [name, w] of this.waiting) if (w.reason === 'CreateContainerConfigError') this.retryAt.delete(name);
    this.poke();
  }

  end(ending: Ending): void {
    const before = this.ending;
    if (before === undefined || (before.why !== 'deleted' && ending.why === 'deleted')) {
      this.ending = { ...ending, ...(before?.verdict === undefined ? {} : { verdict: before.verdict }) };
    }
    if (this.stage === 'living') {
      this.stage = 'ending';
      this.abort.abort();
    } else if (
      ending.graceSeconds !== undefined &&
      ending.graceSeconds < (before?.graceSeconds ?? Number.POSITIVE_INFINITY)
    ) {
      this.ending = { ...(this.ending ?? ending), graceSeconds: ending.graceSeconds };
      void this.killer.shorten(ending.graceSeconds).catch((error: unknown) => this.complain('shorten', error));
    }
    this.poke();
  }

  /** Something happened: look at the pod again. */
  poke(): void {
    this.publish();
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    void this.loop().catch((error: unknown) => this.complain('loop', error));
  }

  private complain(what: string, error: unknown): void {
    this.deps.log('warn', `pod worker: ${what} failed`, { pod: podText(this.pod), error: messageOf(error) });
  }

  private async loop(): Promise<void> {
    try {
      do {
        this.again = false;
        await this.round();
      } while (this.again);
    } catch (error) {
      this.complain('round', error);
      this.wake(this.deps.clock.now() + 1_000);
    } finally {
      this.busy = false;
    }
  }

  private wake(at: number): void {
    this.timer?.cancel();
    this.timer = this.deps.clock.setTimer(Math.max(0, at - this.deps.clock.now()), () => this.poke());
  }

  private async round(): Promise<void> {
    this.timer?.cancel();
    if (this.stage === 'living') await this.live();
    else await this.finishUp();
  }

  // ------------------------------------------------------------------ status

  /** Reads what containers left as their last words; a message once read is kept. */
  private async readMessages(): Promise<void> {
    for (const status of this.observed.containers) {
      if (status.state !== 'exited' || this.messages.has(status.id)) continue;
      const known = this.knownMessage(status);
      const text = known ?? (await terminationMessage(status).catch(() => ''));
      this.messages.set(status.id, text === '' ? status.message : text);
    }
  }

  private knownMessage(status: ContainerStatus): string | undefined {
    const old = this.target?.status;
    for (const s of [...(old?.containerStatuses ?? []), ...(old?.initContainerStatuses ?? [])]) {
      for (const state of [s.state, s.lastState]) {
        const t = state?.terminated;
        if (t?.containerID?.endsWith(`://${status.id}`)) return t.message ?? '';
      }
    }
    return undefined;
  }

  private unread(): boolean {
    return this.observed.containers.some((c) => c.state === 'exited' && !this.messages.has(c.id));
  }

  private publish(): void {
    if (!this.unread()) {
      this.publishNow();
      return;
    }
    void this.readMessages()
      .then(() => this.publishNow())
      .catch((error: unknown) => this.complain('status', error));
  }

  private publishNow(): void {
    if (this.target === undefined || this.absent || this.settled) return;
    this.probes.sync(this.pod, this.observed);
    const status = computeStatus({
      pod: { ...this.pod, status: this.target.status ?? {} },
      observed: this.observed,
      now: this.deps.clock.now(),
      hostIps: this.deps.node().ips,
      runtimeName: this.deps.runtimeName,
      waiting: this.waiting,
      probes: this.probes,
      messages: this.messages,
      terminal: this.stage === 'ended',
      startedAt: this.startedAt,
      inForce: this.resizer.inForce(this.pod, this.observed),
      ...(this.resizer.condition === undefined ? {} : { resize: this.resizer.condition }),
      ...(this.ending?.verdict === undefined ? {} : { verdict: this.ending.verdict }),
    });
    const before = this.target;
    this.target = { ...before, status };
    this.deps.writer.set(this.uid, before, status);
  }

  // ------------------------------------------------------------------ living

  private async live(): Promise<void> {
    const deadline = this.deadline();
    if (deadline !== undefined && deadline <= this.deps.clock.now()) {
      const message = 'Pod was active on the node longer than the specified deadline';
      this.say(undefined, 'Normal', 'DeadlineExceeded', message);
      this.end({ why: 'evicted', verdict: { reason: 'DeadlineExceeded', message } });
      return;
    }
    const wakeUps = [deadline, this.tokens.renewAt];
    this.publish();
    if (!(await this.prepareVolumes())) {
      this.wakeAt([...wakeUps, this.volumeRetryAt]);
      return;
    }
    const next = this.plan();
    if (next.finished) {
      this.end({ why: 'finished' });
      return;
    }
    const acted = await this.carryOut(next);
    if (acted || (await this.resizer.look(this.shown, this.observed))) this.again = true;
    this.publish();
    this.wakeAt([...wakeUps, this.tokens.renewAt, next.requeueAt, ...this.retryAt.values(), this.sandboxWait()]);
  }

  private sandboxWait(): number | undefined {
    return this.sandboxRetryAt > this.deps.clock.now() ? this.sandboxRetryAt : undefined;
  }

  private wakeAt(times: readonly (number | undefined)[]): void {
    const known = times.filter((t): t is number => t !== undefined && Number.isFinite(t));
    if (known.length > 0) this.wake(Math.min(...known));
  }

  private deadline(): number | undefined {
    const seconds = specOf(this.pod).activeDeadlineSeconds;
    if (seconds === undefined) return undefined;
    const start = this.target?.status?.startTime;
    const since = start === undefined ? this.startedAt : (parseTime(start) ?? this.startedAt);
    return since + seconds * 1000;
  }

  private payloadContext(): PayloadContext {
    return {
      pod: this.pod,
      fields: this.starter.fields(this.pod, currentSandbox(this.observed)),
      objects: this.deps.objects,
      token: (pod, source) => this.tokens.token(pod, source),
      user: commonUser(this.pod),
      fsGroup: specOf(this.pod).securityContext?.fsGroup,
    };
  }

  /** False while containers have to wait for volumes. */
  private async prepareVolumes(): Promise<boolean> {
    const now = this.deps.clock.now();
    const renew = this.tokens.renewAt;
    const due = this.volumesStale || (renew !== undefined && renew <= now);
    if (!due || now < this.volumeRetryAt) return this.volumesReady;
    this.volumesStale = false;
    try {
      await this.volumes.setUp(this.payloadContext());
      this.volumesReady = true;
      this.volumeFailures = 0;
    } catch (error) {
      this.say(undefined, 'Warning', 'FailedMount', messageOf(error));
      const wait = VOLUME_RETRY_MS[Math.min(this.volumeFailures++, VOLUME_RETRY_MS.length - 1)] ?? 122_000;
      this.volumesStale = true;
      this.volumeRetryAt = now + wait;
    }
    return this.volumesReady;
  }

  private backoffKey(ref: ContainerRef): string {
    return `${this.uid}/${ref.spec.name}/${hashOf(ref)}`;
  }

  private plan(): Plan {
    const { backoff, clock } = this.deps;
    return plan({
      pod: this.pod,
      observed: this.observed,
      now: clock.now(),
      backoffUntil: (ref, finishedAt) => backoff.until(this.backoffKey(ref), finishedAt),
      backoffDelay: (ref) => backoff.delay(this.backoffKey(ref)),
      unhealthy: this.probes.unhealthy,
      started: (id) => this.probes.started(id),
      retryAt: this.retryAt,
      firstAttempt: this.firstAttempt,
    });
  }

  /** True when something was done that makes a new plan worth while. */
  private async carryOut(next: Plan): Promise<boolean> {
    let acted = false;
    for (const action of next.actions) {
      if (this.abort.signal.aborted) return true;
      if (await this.act(action)) acted = true;
    }
    return acted;
  }

  private async act(action: Action): Promise<boolean> {
    switch (action.type) {
      case 'createSandbox':
        return this.createSandbox(action.attempt);
      case 'restartPod':
        await this.restartPod(action.why);
        return true;
      case 'start':
        return this.start(action);
      case 'kill':
        await this.killer.kill({ ref: action.ref, status: action.status }, this.killOptions(action));
        return true;
      case 'remove':
        await this.deps.runtime.removeContainer(action.id);
        this.deps.cache.forget(this.uid, action.id);
        return true;
      case 'backoff':
        this.tellBackoff(action);
        return false;
    }
  }

  private killOptions(action: Extract<Action, { type: 'kill' }>): { message: string; graceSeconds?: number } {
    const kind = this.probes.unhealthy.get(action.status.id);
    const probe = kind === 'startup' ? action.ref.spec.startupProbe : action.ref.spec.livenessProbe;
    const own = kind === undefined ? undefined : probe?.terminationGracePeriodSeconds;
    return { message: action.message, ...(own === undefined ? {} : { graceSeconds: own }) };
  }

  private tellBackoff(action: Extract<Action, { type: 'backoff' }>): void {
    const { name } = action.ref.spec;
    const run = latest(this.observed, name);
    const message = `back-off ${goDuration(action.delayMs)} restarting failed container=${name} pod=${podText(this.pod)}`;
    this.waiting.set(name, { reason: 'CrashLoopBackOff', message });
    if (run === undefined || this.toldBackoff.has(run.id)) return;
    this.toldBackoff.add(run.id);
    this.say(
      action.ref,
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${name} in pod ${podText(this.pod)}`,
    );
  }

  private async makeConfig(attempt: number): Promise<PodSandboxConfig> {
    const node = this.deps.node();
    const userNamespace = this.deps.userNamespace(this.pod);
    return sandboxConfig({
      pod: this.pod,
      attempt,
      paths: this.paths,
      dns: this.deps.dns(),
      resources: { memoryCapacity: node.memoryCapacity, podPidsLimit: this.deps.podPidsLimit },
      runtimeHandler: await this.deps.runtimeHandler(this.pod),
      ...(userNamespace === undefined ? {} : { userNamespace }),
    });
  }

  private async createSandbox(attempt: number): Promise<boolean> {
    const now = this.deps.clock.now();
    if (now < this.sandboxRetryAt) return false;
    if (attempt > 0 && this.sandboxFailures === 0) {
      this.say(undefined, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
    }
    try {
      this.config = await this.makeConfig(attempt);
      const id = await this.deps.runtime.runPodSandbox(this.config);
      await this.deps.cache.refreshSandbox(this.uid, id);
      this.sandboxFailures = 0;
      return true;
    } catch (error) {
      const wait = SANDBOX_RETRY_MS[Math.min(this.sandboxFailures++, SANDBOX_RETRY_MS.length - 1)] ?? 10_000;
      this.sandboxRetryAt = this.deps.clock.now() + wait;
      this.say(undefined, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${messageOf(error)}`);
      return false;
    }
  }

  private async restartPod(why: 'sandbox-changed' | 'restart-all'): Promise<void> {
    await this.killer.killAll({});
    for (const s of this.observed.sandboxes) if (s.state === 'ready') await this.deps.runtime.stopPodSandbox(s.id);
    await this.deps.cache.refresh(this.uid);
    if (why === 'sandbox-changed') return;
    for (const status of this.observed.containers) {
      const next = Math.max(this.firstAttempt.get(status.name) ?? 0, status.attempt + 1);
      this.firstAttempt.set(status.name, next);
      await this.starter.remove(this.uid, status);
    }
  }

  private async start(action: Extract<Action, { type: 'start' }>): Promise<boolean> {
    const { ref, attempt, after } = action;
    const sandbox = currentSandbox(this.observed);
    if (sandbox === undefined) return true;
    const { name } = ref.spec;
    this.config ??= await this.makeConfig(sandbox.attempt);
    const now = this.deps.clock.now();
    if (after !== undefined) this.deps.backoff.next(this.backoffKey(ref), after.finishedAt, now);
    this.retryAt.delete(name);
    try {
      const options = { pod: this.pod, ref, attempt, sandbox, observed: this.observed, signal: this.abort.signal };
      const hold = (id: string, on: boolean): void => this.hold(id, on);
      const more = { sandboxConfig: this.config, volumes: this.volumes.mounted, hold };
      const id = await this.starter.start({ ...options, ...more });
      this.resizer.started(id, ref);
      this.waiting.delete(name);
    } catch (error) {
      if (this.abort.signal.aborted) return true;
      this.failed(ref, error);
    }
    this.publish();
    return true;
  }

  private hold(id: string, on: boolean): void {
    if (on) this.held.add(id);
    else if (this.held.delete(id)) this.publish();
  }

  private failed(ref: ContainerRef, error: unknown): void {
    const { name } = ref.spec;
    const known = error instanceof StartError ? error : new StartError('CreateContainerError', messageOf(error));
    const isImage = known instanceof ImageError;
    this.say(ref, 'Warning', 'Failed', `Error: ${isImage ? known.reason : known.message}`);
    const run = latest(this.observed, name);
    if (known.reason === 'RunContainerError' && run?.state === 'exited') {
      // The runtime has made it an ended run: that speaks for itself, unless it is to be tried again.
      if (restartsAfter(this.pod, ref, run.exitCode))
        this.waiting.set(name, { reason: known.reason, message: known.message });
      else this.waiting.delete(name);
      return;
    }
    this.waiting.set(name, { reason: known.reason, message: known.message });
    this.retryAt.set(name, isImage ? known.retryAt : this.deps.clock.now() + CONFIG_RETRY_MS);
  }

  // ------------------------------------------------------------------ ending

  private async finishUp(): Promise<void> {
    try {
      if (this.stage === 'ending') await this.stopAll();
      if (this.stage === 'ended' && this.ending?.why === 'deleted') await this.leave();
      this.endRetries = 0;
    } catch (error) {
      // The host or the API does not do as it should: tried again, more and more slowly.
      this.complain('ending', error);
      this.wake(this.deps.clock.now() + Math.min(60_000, 500 * 2 ** Math.min(this.endRetries++, 8)));
    }
  }

  private async stopAll(): Promise<void> {
    this.probes.stopKilling();
    this.publish();
    const grace = this.ending?.graceSeconds;
    await this.killer.killAll(grace === undefined ? {} : { graceSeconds: grace });
    for (const s of this.observed.sandboxes) if (s.state === 'ready') await this.deps.runtime.stopPodSandbox(s.id);
    await this.deps.cache.refresh(this.uid);
    await this.readMessages();
    this.stage = 'ended';
    this.probes.stop();
    this.publishNow();
    await this.volumes.tearDown();
    this.deps.objects.release(this.uid);
    this.deps.images.forget(this.uid);
    this.deps.backoff.forget(this.uid);
    await this.deps.writer.flushed(this.uid);
  }

  /** Takes the pod out of the API, and then all that is left of it from the node. */
  private async leave(): Promise<void> {
    const { client, runtime, cache, writer } = this.deps;
    if (!this.absent && this.target !== undefined) {
      const { namespace = '', name = '', uid } = this.target.metadata;
      const preconditions = uid === undefined ? {} : { preconditions: { uid } };
      await client
        .resource(PODS)
        .delete(namespace, name, { gracePeriodSeconds: 0, ...preconditions })
        .catch((error: unknown) => {
          if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
        });
    }
    writer.forget(this.uid);
    await this.volumes.tearDown();
    for (const c of this.observed.containers) await runtime.removeContainer(c.id);
    for (const s of this.observed.sandboxes) await runtime.removePodSandbox(s.id);
    for (const { id } of [...this.observed.containers, ...this.observed.sandboxes]) cache.forget(this.uid, id);
    await rm(this.paths.logs, { recursive: true, force: true });
    this.timer?.cancel();
    this.deps.onGone(this.uid);
  }

  /** The kubelet goes, the pod stays. */
  detach(): void {
    this.timer?.cancel();
    this.probes.stop();
    this.abort.abort();
  }
}
