// The scheduler: hears of pods and nodes, plans one pod after the other, binds them, and tells what fits nowhere.

import {
  type Client,
  type Informer,
  type InformerFactory,
  NAMESPACES,
  NODES,
  objectKey,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  RESOURCE_CLAIMS,
  type ResourceClient,
  STORAGE_CLASSES,
} from '../client/index.ts';
import type { Clock } from '../host/clock.ts';
import { isApiError } from '../machinery/errors.ts';
import { deepEqual } from '../machinery/json.ts';
import type { Node, Pod } from '../resources/generated/core-v1.ts';
import type { ResourceClaim } from '../resources/generated/resource-v1.ts';
import { ClaimGate } from './claim-gate.ts';
import { ClusterCache } from './cluster-cache.ts';
import { DeviceBook, type DeviceChoice } from './device-book.ts';
import { podInfo } from './node-info.ts';
import { type Plan, plan, unfitMessage } from './plan.ts';
import { PLUGINS } from './plugins/index.ts';
import { chooseVolumes, type VolumeChoice } from './plugins/volume-binding.ts';
import { type PreemptionPlan, planPreemption } from './preemption.ts';
import { type QueuedPod, SchedulingQueue } from './queue.ts';
import { VolumeBinder } from './volume-binder.ts';
import { SchedulerWords } from './words.ts';

export interface SchedulerOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly random: { float(): number };
  readonly signal: AbortSignal;
  /** Pods with another spec.schedulerName are left alone. */
  readonly name?: string;
  readonly onError?: (error: unknown) => void;
}

/** What was chosen beside the node. */
interface Choices {
  readonly volumes: readonly VolumeChoice[];
  readonly devices: readonly DeviceChoice[];
}

/** After so many pods the process gets a turn for other work. */
const TURN = 20;

/** Runs until the signal comes. */
export async function runScheduler(options: SchedulerOptions): Promise<void> {
  await new Scheduler(options).run();
}

class Scheduler {
  private readonly name: string;
  private readonly pods: ResourceClient<Pod>;
  private readonly cache: ClusterCache;
  private readonly queue: SchedulingQueue;
  private readonly words: SchedulerWords;
  private readonly volumes: VolumeBinder;
  private readonly claims: Informer<ResourceClaim>;
  private readonly gate: ClaimGate;
  private readonly devices: DeviceBook;
  private working = false;
  private ready = false;
  private startAt = 0;

  constructor(private readonly options: SchedulerOptions) {
    const { client, clock, onError } = options;
    this.name = options.name ?? 'default-scheduler';
    this.pods = client.resource(PODS);
    this.volumes = new VolumeBinder(options);
    this.claims = options.informers.informer(RESOURCE_CLAIMS);
    this.gate = new ClaimGate(this.claims);
    this.devices = new DeviceBook(client, options.informers);
    this.cache = new ClusterCache(this.lookups());
    this.queue = new SchedulingQueue({ clock, plugins: PLUGINS, onReady: () => this.work() });
    this.words = new SchedulerWords({ client, clock, name: this.name, ...(onError === undefined ? {} : { onError }) });
  }

  async run(): Promise<void> {
    const { informers, signal } = this.options;
    const nodes = informers.informer(NODES);
    const pods = informers.informer(PODS);
    const stops = [
      nodes.addHandler({
        onAdd: (node) => this.nodeAdded(node),
        onUpdate: (node, old) => this.nodeChanged(node, old),
        onDelete: (node) => this.cache.removeNode(node.metadata.name ?? ''),
      }),
      pods.addHandler({
        onAdd: (pod) => this.podSeen(pod, undefined),
        onUpdate: (pod, old) => this.podSeen(pod, old),
        onDelete: (pod) => this.podGone(pod),
      }),
      ...this.watchVolumes(),
      this.claims.addHandler({ onAdd: (claim) => this.claimSeen(claim) }),
      ...this.devices.watch(() => this.queue.wake('claim')),
    ];
    await Promise.race([Promise.all([nodes.synced, pods.synced]), aborted(signal)]);
    this.ready = true;
    this.work();
    await aborted(signal);
    for (const stop of stops) stop();
    this.queue.close();
  }

  private lookups(): ConstructorParameters<typeof ClusterCache>[0] {
    const { informers } = this.options;
    const namespaces = informers.informer(NAMESPACES);
    const budgets = informers.informer(POD_DISRUPTION_BUDGETS);
    const claims = informers.informer(PERSISTENT_VOLUME_CLAIMS);
    const volumes = informers.informer(PERSISTENT_VOLUMES);
    const classes = informers.informer(STORAGE_CLASSES);
    return {
      namespaceLabels: (name) => namespaces.get(name)?.metadata.labels ?? {},
      budgets: () => budgets.list(),
      claim: (namespace, name) => claims.get(`${namespace}/${name}`),
      volume: (name) => volumes.get(name),
      volumes: () => this.volumes.free(),
      storageClass: (name) => classes.get(name),
      devices: this.devices,
    };
  }

  private watchVolumes(): (() => void)[] {
    const { informers } = this.options;
    const wake = (): void => this.queue.wake('volume');
    const handler = { onAdd: wake, onUpdate: wake };
    return [
      informers.informer(PERSISTENT_VOLUME_CLAIMS).addHandler(handler),
      informers.informer(PERSISTENT_VOLUMES).addHandler(handler),
      informers.informer(STORAGE_CLASSES).addHandler(handler),
    ];
  }

  private claimSeen(claim: ResourceClaim): void {
    for (const pod of this.gate.freed(claim)) this.podSeen(pod, undefined);
  }

  private nodeAdded(node: Node): void {
    this.cache.setNode(node);
    this.queue.wake('node-add');
  }

  private nodeChanged(node: Node, old: Node): void {
    this.cache.setNode(node);
    const same =
      deepEqual(node.spec, old.spec) &&
      deepEqual(node.metadata.labels, old.metadata.labels) &&
      deepEqual(node.status?.allocatable, old.status?.allocatable);
    // Heartbeats change nothing for those who wait.
    if (!same) this.queue.wake('node-update');
  }

  private podSeen(pod: Pod, old: Pod | undefined): void {
    const key = objectKey(pod);
    const finished = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if ((pod.spec?.nodeName ?? '') !== '') {
      this.queue.remove(key);
      if (finished) this.leaves(key);
      else this.stays(pod, old);
      return;
    }
    if (finished || !this.mine(pod) || pod.metadata.deletionTimestamp !== undefined) {
      this.queue.remove(key);
      this.cache.nominate(pod, undefined);
      return;
    }
    if (this.cache.isAssumed(key)) return;
    this.cache.nominate(pod, pod.status?.nominatedNodeName);
    if ((pod.spec?.schedulingGates ?? []).length > 0 || this.gate.holds(key, pod)) return;
    const matters =
      old === undefined || !deepEqual(pod.spec, old.spec) || !deepEqual(pod.metadata.labels, old.metadata.labels);
    if (matters || !this.queue.knows(key)) this.queue.add(key, pod);
    else this.queue.refresh(key, pod);
  }

  private stays(pod: Pod, old: Pod | undefined): void {
    this.cache.setPod(pod);
    if (old === undefined || (old.spec?.nodeName ?? '') === '') this.queue.wake('pod-assigned');
    else if (!deepEqual(pod.metadata.labels, old.metadata.labels) || !deepEqual(pod.spec, old.spec))
      this.queue.wake('pod-changed');
  }

  private podGone(pod: Pod): void {
    const key = objectKey(pod);
    this.queue.remove(key);
    this.gate.forget(key);
    this.volumes.forget(key);
    this.devices.forget(key);
    this.leaves(key);
  }

  private leaves(key: string): void {
    this.cache.removePod(key);
    this.queue.wake('pod-gone');
  }

  private mine(pod: Pod): boolean {
    const wanted = pod.spec?.schedulerName ?? '';
    return (wanted === '' ? 'default-scheduler' : wanted) === this.name;
  }

  /** Plans while there is something to plan; binding and telling go on beside it. */
  private work(): void {
    if (this.working || !this.ready || this.options.signal.aborted) return;
    this.working = true;
    setImmediate(() => {
      this.working = false;
      for (let i = 0; i < TURN; i++) {
        const one = this.queue.pop();
        if (one === undefined) return;
        this.schedule(one);
      }
      this.work();
    });
  }

  private schedule(one: QueuedPod): void {
    let task: Promise<void>;
    try {
      const info = podInfo(one.pod);
      const snapshot = this.cache.snapshot();
      const made = plan(info, snapshot, { random: this.options.random.float, startAt: this.startAt });
      if (made.kind === 'fits') {
        this.startAt = snapshot.nodes.length === 0 ? 0 : (this.startAt + made.examined) % snapshot.nodes.length;
        const node = snapshot.node(made.node);
        const volumes = node === undefined ? [] : chooseVolumes(one.pod, node, snapshot);
        const devices = node === undefined ? [] : this.devices.choose(one.pod, node);
        this.volumes.promise(one.key, volumes);
        this.devices.promise(one.key, devices);
        this.cache.assume(one.pod, made.node);
        task = this.bind(one, made.node, { volumes, devices });
      } else task = this.explain(one, made);
    } catch (error) {
      task = this.broken(one, error);
    }
    task.catch((error: unknown) => this.options.onError?.(error));
  }

  private async bind(one: QueuedPod, node: string, { volumes, devices }: Choices): Promise<void> {
    const { namespace = '', name = '', uid } = one.pod.metadata;
    try {
      await this.volumes.bind(one.key, volumes, node);
      await this.devices.bind(one.pod, devices);
      await this.pods.createSubresource(namespace, name, 'binding', {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid },
        target: { kind: 'Node', name: node },
      });
    } catch (error) {
      this.cache.forget(one.key);
      this.volumes.forget(one.key);
      this.devices.forget(one.key);
      if (isApiError(error, 'NotFound')) this.queue.remove(one.key);
      else await this.broken(one, error);
      return;
    }
    this.queue.done(one.key);
    const message = `Successfully assigned ${namespace}/${name} to ${node}`;
    this.words.bound(one.pod, message);
  }

  private async explain(one: QueuedPod, made: Exclude<Plan, { kind: 'fits' }>): Promise<void> {
    if (made.kind === 'no-nodes') {
      this.queue.unfit(one, new Set());
      await this.words.tell(one.pod, 'Unschedulable', 'no nodes available to schedule pods', undefined);
      return;
    }
    const snapshot = this.cache.snapshot();
    const preemption = planPreemption(podInfo(one.pod), snapshot, made);
    const plugins = new Set([...made.rejections.values()].map((rejection) => rejection.plugin));
    if (preemption.kind === 'preempt') this.cache.nominate(one.pod, preemption.node);
    else if (preemption.clearNomination) this.cache.nominate(one.pod, undefined);
    this.queue.unfit(one, plugins);
    const text = unfitMessage(snapshot.nodes.length, made);
    const message = preemption.kind === 'none' ? `${text} ${preemption.message}` : text;
    await this.words.tell(one.pod, 'Unschedulable', message, nomination(preemption));
    if (preemption.kind === 'preempt') await this.words.evict(one.pod, preemption);
  }

  private async broken(one: QueuedPod, error: unknown): Promise<void> {
    this.queue.failed(one);
    if (this.options.signal.aborted) return;
    const message = error instanceof Error ? error.message : String(error);
    await this.words.tell(one.pod, 'SchedulerError', message, undefined);
  }
}

/** What becomes of status.nominatedNodeName; undefined: it stays. */
function nomination(preemption: PreemptionPlan): string | undefined {
  if (preemption.kind === 'preempt') return preemption.node;
  return preemption.clearNomination ? '' : undefined;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
