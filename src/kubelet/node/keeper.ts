// Registers the node, renews its lease and keeps its status current.
// https://kubernetes.io/docs/concepts/architecture/nodes/#heartbeats
import type { Client, EventRecorder } from '../../client/index.ts';
import { LEASES, NODES } from '../../client/index.ts';
import type { ImageService } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import { isApiError } from '../../machinery/errors.ts';
import { deepEqual } from '../../machinery/json.ts';
import { microTime } from '../../machinery/time.ts';
import type { Node, NodeCondition, NodeStatus } from '../../resources/generated/core-v1.ts';
import { type NodeShape, newNode, nodeLabels, nodeStatus, type Pressure } from './status.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_SECONDS = 40;
const RENEW_MS = 10_000;
/** A status that has not changed is written this seldom; the lease is the heartbeat. */
const STATUS_MS = 300_000;
const LOOK_MS = 10_000;

export interface KeeperOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly recorder: EventRecorder;
  readonly images: ImageService;
  readonly shape: () => NodeShape;
  readonly pressure: () => Promise<Pressure>;
  readonly taints: readonly { key: string; value?: string; effect: string }[];
  readonly onError: (what: string, error: unknown) => void;
}

function withoutBeats(status: NodeStatus): unknown {
  const conditions = (status.conditions ?? []).map((c) => ({ ...c, lastHeartbeatTime: '' }));
  return { ...status, conditions };
}

export class NodeKeeper {
  private node: Node | undefined;
  private lastWrite = Number.NEGATIVE_INFINITY;
  private pending: Promise<void> = Promise.resolve();

  constructor(private readonly options: KeeperOptions) {}

  get current(): Node | undefined {
    return this.node;
  }

  seen(node: Node): void {
    this.node = node;
  }

  /** Creates the Node or takes up the one that is there; resolves when its first status is written. */
  async register(signal: AbortSignal): Promise<void> {
    const { client, clock } = this.options;
    for (let wait = 50; !signal.aborted; wait = Math.min(wait * 2, 7_000)) {
      try {
        await this.createOrAdopt(client);
        await this.update(true);
        return;
      } catch (error) {
        this.options.onError('register node', error);
        await clock.sleep(wait, signal);
      }
    }
  }

  private async createOrAdopt(client: Client): Promise<void> {
    const shape = this.options.shape();
    const nodes = client.resource(NODES);
    try {
      this.node = await nodes.create('', newNode(shape, this.options.taints));
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
      const labels = nodeLabels(shape);
      const old = await nodes.get('', shape.name);
      const same = Object.entries(labels).every(([k, v]) => old.metadata.labels?.[k] === v);
      this.node = same ? old : await nodes.patch('', shape.name, 'strategic', { metadata: { labels } });
    }
  }

  /** Writes the status when it has changed, or has not been written for long. One at a time. */
  update(force = false): Promise<void> {
    const next = this.pending.then(() => this.write(force));
    this.pending = next.catch(() => undefined);
    return next;
  }

  private async write(force: boolean): Promise<void> {
    const { client, clock, images } = this.options;
    const shape = this.options.shape();
    const now = clock.now();
    const pressure = await this.options.pressure();
    const list = await images.listImages().catch(() => []);
    const old = this.node?.status;
    const status = nodeStatus({ shape, pressure, images: list, old, now });
    const merged = { ...old, ...status };
    const same = old !== undefined && deepEqual(withoutBeats(merged), withoutBeats(old));
    if (same && !force && now - this.lastWrite < STATUS_MS) return;
    const body = {
      status: {
        ...status,
        addresses: [{ $patch: 'replace' }, ...(status.addresses ?? [])],
      },
    };
    this.node = await client.resource(NODES).patch('', shape.name, 'strategic', body, { subresource: 'status' });
    this.lastWrite = now;
    this.tell(old?.conditions ?? [], status.conditions ?? []);
  }

  private tell(before: readonly NodeCondition[], after: readonly NodeCondition[]): void {
    const name = this.options.shape().name;
    for (const c of after) {
      const old = before.find((b) => b.type === c.type);
      if (old?.status === c.status) continue;
      const reason = EVENT[`${c.type}=${c.status}`];
      if (reason !== undefined) this.say('Normal', reason, `Node ${name} status is now: ${reason}`);
    }
  }

  /** Events about a node are found by its name in place of its uid, as kubectl describe looks for them. */
  say(type: 'Normal' | 'Warning', reason: string, message: string): void {
    const { name } = this.options.shape();
    this.options.recorder.eventAbout({ kind: 'Node', name, uid: name }, type, reason, message);
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.leases(signal), this.statuses(signal)]);
  }

  private async statuses(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.options.clock.sleep(LOOK_MS, signal);
      if (signal.aborted) return;
      await this.update().catch((error: unknown) => this.options.onError('node status', error));
    }
  }

  private async leases(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.renew();
        failures = 0;
      } catch (error) {
        failures++;
        // The namespace may not be there yet when the cluster is young.
        if (failures > 5) this.options.onError('lease', error);
      }
      await this.options.clock.sleep(failures === 0 ? RENEW_MS : Math.min(RENEW_MS, 200 * 2 ** failures), signal);
    }
  }

  private async renew(): Promise<void> {
    const { client, clock } = this.options;
    const { name } = this.options.shape();
    const leases = client.resource(LEASES);
    const renewTime = microTime(clock.now());
    try {
      await leases.patch(LEASE_NAMESPACE, name, 'merge', { spec: { renewTime } });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
      const uid = this.node?.metadata.uid ?? '';
      await leases.create(LEASE_NAMESPACE, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: {
          name,
          namespace: LEASE_NAMESPACE,
          ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
        },
        spec: { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime },
      });
    }
  }
}

const EVENT: Record<string, string> = {
  'Ready=True': 'NodeReady',
  'Ready=False': 'NodeNotReady',
  'MemoryPressure=False': 'NodeHasSufficientMemory',
  'MemoryPressure=True': 'NodeHasInsufficientMemory',
  'DiskPressure=False': 'NodeHasNoDiskPressure',
  'DiskPressure=True': 'NodeHasDiskPressure',
  'PIDPressure=False': 'NodeHasSufficientPID',
  'PIDPressure=True': 'NodeHasInsufficientPID',
};
