// Gives each pod of this node a worker, and takes from the node what belongs to no pod.
import type { Informer } from '../../client/index.ts';
import { NODES } from '../../client/index.ts';
import type { Node, Pod } from '../../resources/generated/core-v1.ts';
import { messageOf } from '../container/errors.ts';
import type { Refusal } from '../container/sysctls.ts';
import { refuse, refuseResources } from '../pod/admission.ts';
import { ANNOTATION, fromApi, isMirror, isStatic, namesOf } from '../pod/identity.ts';
import { refusedStatus } from '../status/compute.ts';
import type { WorkerDeps } from './deps.ts';
import { type Ending, PodWorker } from './pod-worker.ts';
import { sweep } from './strays.ts';

export interface ManagerOptions {
  readonly deps: WorkerDeps;
  readonly informer: Informer<Pod>;
  readonly node: () => Node | undefined;
  readonly allowedSysctls: readonly string[];
  readonly appArmor: () => boolean;
  readonly pressure: () => readonly string[];
}

function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

export class PodManager {
  private readonly workers = new Map<string, PodWorker>();
  private started = false;
  /** Mirrors of static pods by `namespace/name`. */
  private readonly mirrors = new Map<string, Pod>();
  onMirror: ((key: string, mirror: Pod | undefined) => void) | undefined;
  onForgotten: (() => void) | undefined;
  private readonly turnedAway = new Set<string>();
  /** Pods for which plugins are being asked for devices. */
  private readonly admitting = new Set<string>();
  /** Why static pods were turned away, for their mirrors. */
  private readonly refusals = new Map<string, Refusal>();
  /** While the node shuts down no pod is taken. */
  closed: string | undefined;

  constructor(private readonly options: ManagerOptions) {}

  /** Begins when pods, runtime and node are known: before that nobody can tell an orphan from a pod. */
  start(): void {
    this.started = true;
    this.options.informer.addHandler({
      onAdd: (pod) => this.seen(pod),
      onUpdate: (pod) => this.seen(pod),
      onDelete: (pod) => this.lost(pod),
    });
  }

  private deps(): WorkerDeps {
    return this.options.deps;
  }

  private seen(pod: Pod): void {
    if (!this.started) return;
    if (isMirror(pod)) {
      const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
      this.mirrors.set(key, pod);
      this.onMirror?.(key, pod);
      return;
    }
    const { uid } = namesOf(pod);
    const worker = this.workers.get(uid);
    if (worker !== undefined) worker.update(fromApi(pod));
    else this.take(fromApi(pod));
  }

  private lost(pod: Pod): void {
    if (isMirror(pod)) {
      const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
      this.mirrors.delete(key);
      this.onMirror?.(key, undefined);
      return;
    }
    this.turnedAway.delete(namesOf(pod).uid);
    const worker = this.workers.get(namesOf(pod).uid);
    if (worker === undefined) return;
    worker.update(fromApi(pod));
    worker.gone();
  }

  allMirrors(): readonly (readonly [string, Pod])[] {
    return [...this.mirrors];
  }

  /** Whether the pod was taken, or turned away. */
  knows(uid: string): boolean {
    return this.workers.has(uid) || this.turnedAway.has(uid) || this.admitting.has(uid);
  }

  mirrorOf(key: string): Pod | undefined {
    return this.mirrors.get(key);
  }

  /** Starts to look after a pod, or refuses it. */
  take(pod: Pod): void {
    const { uid } = namesOf(pod);
    const known = this.deps().cache.observed(uid).containers.length > 0;
    const fresh = !known && !isTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
    if (fresh && (this.turnedAway.has(uid) || this.judge(pod, this.options.node()) !== undefined)) {
      this.reconsider(pod);
      return;
    }
    if (fresh) this.admit(pod);
    else this.accept(pod);
  }

  private admit(pod: Pod): void {
    if (this.deps().plugins.devices.wants(pod)) this.giveDevices(pod);
    else this.accept(pod);
  }

  /** A pod gets its devices when it is taken, or is not taken: plugins have to be asked. */
  private giveDevices(pod: Pod): void {
    const { uid } = namesOf(pod);
    if (this.admitting.has(uid)) return;
    this.admitting.add(uid);
    const { plugins, log } = this.deps();
    // As with other resources: the scheduler does not count pods that the API no longer has.
    for (const [other, worker] of this.workers) if (worker.isEnded || worker.isGone) plugins.devices.release(other);
    plugins.devices
      .allocate(pod)
      .then(
        () => undefined,
        (error: unknown) => ({
          reason: 'UnexpectedAdmissionError',
          message: `Allocate failed due to ${messageOf(error)}, which is unexpected`,
        }),
      )
      .then((refusal) => {
        this.admitting.delete(uid);
        const latest = this.latest(pod);
        if (latest === undefined) plugins.devices.release(uid);
        else if (refusal === undefined) this.accept(latest);
        else {
          this.turnedAway.add(uid);
          this.refuse(latest, refusal);
        }
      })
      .catch((error: unknown) => log('error', 'pod could not be given devices', { error: String(error) }));
  }

  /** The pod as it is by now; undefined when it is gone. */
  private latest(pod: Pod): Pod | undefined {
    if (isStatic(pod)) return pod;
    const { uid, namespace, name } = namesOf(pod);
    const now = this.options.informer.get(`${namespace}/${name}`);
    return now?.metadata.uid === uid ? fromApi(now) : undefined;
  }

  private accept(pod: Pod): void {
    const worker = new PodWorker(this.deps(), pod);
    const { uid, namespace, name } = namesOf(pod);
    this.workers.set(uid, worker);
    worker.update(pod);
    // The mirror may have come first: a static pod waits for the end of the one before it.
    const mirror = isStatic(pod) ? this.mirrors.get(`${namespace}/${name}`) : undefined;
    if (mirror?.metadata.annotations?.[ANNOTATION.configMirror] === uid) worker.mirror(mirror);
    worker.poke();
  }

  /** Pods that hold resources. What the API no longer has, the scheduler does not count either: it would send pods that are refused here. */
  private holders(): Pod[] {
    const there = [...this.workers.values()].filter((w) => !w.isEnded && !w.isGone);
    return there.map((w) => w.holding).filter((p) => !isTerminal(p));
  }

  noRoomFor(pod: Pod): string | undefined {
    const node = this.options.node();
    const { uid } = namesOf(pod);
    const others = this.holders().filter((p) => namesOf(p).uid !== uid);
    return node === undefined ? undefined : refuseResources({ pod, others, node })?.message;
  }

  private judge(pod: Pod, node: Node | undefined): Refusal | undefined {
    if (this.closed !== undefined) return { reason: 'NodeShutdown', message: this.closed };
    if (node === undefined) return undefined;
    const others = this.holders();
    const { allowedSysctls } = this.options;
    const appArmor = this.options.appArmor();
    return refuse({ pod, others, node, allowedSysctls, appArmor, pressure: this.options.pressure() });
  }

  /** The scheduler may have seen a newer Node than this kubelet: before a pod is refused the Node is read again. */
  private reconsider(pod: Pod): void {
    const { uid } = namesOf(pod);
    if (this.turnedAway.has(uid)) return;
    this.turnedAway.add(uid);
    const { client, node, log } = this.deps();
    client
      .resource(NODES)
      .get('', node().name)
      .catch(() => this.options.node())
      .then((current) => {
        const latest = this.latest(pod);
        if (latest === undefined || this.workers.has(uid)) return;
        const refusal = this.judge(latest, current);
        if (refusal === undefined) {
          this.turnedAway.delete(uid);
          this.admit(latest);
        } else this.refuse(latest, refusal);
      })
      .catch((error: unknown) => log('error', 'pod could not be judged', { error: String(error) }));
  }

  private refuse(pod: Pod, refusal: Refusal): void {
    const { recorder } = this.deps();
    recorder.event(pod, 'Warning', refusal.reason, refusal.message);
    const { uid, namespace, name } = namesOf(pod);
    if (isStatic(pod)) this.refusals.set(uid, refusal);
    const shown = isStatic(pod) ? this.mirrors.get(`${namespace}/${name}`) : pod;
    if (shown !== undefined) this.tellRefusal(uid, shown, refusal);
  }

  private tellRefusal(uid: string, shown: Pod, refusal: Refusal): void {
    const { writer, clock } = this.deps();
    const verdict = { reason: refusal.reason, message: `Pod was rejected: ${refusal.message}` };
    writer.set(uid, shown, refusedStatus(shown, verdict, clock.now()));
  }

  /** The mirror of a static pod, as the API has it; undefined when it is gone. */
  showMirror(uid: string, mirror: Pod | undefined): void {
    this.workers.get(uid)?.mirror(mirror);
    const refusal = this.refusals.get(uid);
    if (refusal !== undefined && mirror !== undefined && !isTerminal(mirror)) this.tellRefusal(uid, mirror, refusal);
  }

  /** The file of a static pod is gone. */
  dropStatic(uid: string): void {
    this.turnedAway.delete(uid);
    this.refusals.delete(uid);
    this.deps().writer.forget(uid);
    this.workers.get(uid)?.gone();
  }

  /** Pods that are looked after and not yet over. */
  pods(): readonly Pod[] {
    return [...this.workers.values()].filter((w) => !w.isEnded).map((w) => w.current);
  }

  /** All pods that this node knows, the ended ones among them. */
  allPods(): readonly Pod[] {
    return [...this.workers.values()].map((w) => w.current);
  }

  worker(uid: string): PodWorker | undefined {
    return this.workers.get(uid);
  }

  find(namespace: string, name: string, uid?: string): PodWorker | undefined {
    let found: PodWorker | undefined;
    for (const worker of this.workers.values()) {
      const names = namesOf(worker.current);
      if (names.namespace !== namespace || names.name !== name) continue;
      if (uid !== undefined && uid !== '' && names.uid !== uid && names.uid !== this.mirroredBy(names, uid)) continue;
      if (found === undefined || !worker.isEnded) found = worker;
    }
    return found;
  }

  /** The uid of the static pod whose mirror has this one: by that the API knows it. */
  private mirroredBy({ namespace, name }: { namespace: string; name: string }, uid: string): string | undefined {
    const mirror = this.mirrors.get(`${namespace}/${name}`);
    return mirror?.metadata.uid === uid ? mirror.metadata.annotations?.[ANNOTATION.configMirror] : undefined;
  }

  poke(uid: string): void {
    this.workers.get(uid)?.poke();
  }

  objectChanged(uid: string): void {
    this.workers.get(uid)?.objectChanged();
  }

  end(uid: string, ending: Ending): void {
    this.workers.get(uid)?.end(ending);
  }

  /** Frees what ended pods still have on the disk. */
  async discardEnded(): Promise<void> {
    for (const worker of this.workers.values()) {
      await worker.discard().catch((error: unknown) => {
        this.deps().log('warn', 'ended containers could not be removed', { error: String(error) });
      });
    }
  }

  forget(uid: string): void {
    this.workers.delete(uid);
    this.onForgotten?.();
  }

  async detach(): Promise<void> {
    await Promise.all([...this.workers.values()].map((w) => w.detach()));
  }

  /** What runs or lies here without a pod in the API is stopped and removed. Returns how many pods that were. */
  sweep(): Promise<number> {
    return sweep(this.deps(), {
      has: (uid) => this.workers.has(uid),
      bury: (pod) => {
        const worker = new PodWorker(this.deps(), pod);
        this.workers.set(namesOf(pod).uid, worker);
        worker.gone();
      },
    });
  }
}
