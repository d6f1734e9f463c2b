// What a Deployment's controller writes: scales, revisions, conditions, the status; and the events that tell of them.
import { DEPLOYMENTS, type EventRecorder, REPLICA_SETS, type ReconcileResult } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { deepEqual } from '../../machinery/json.ts';
import type { Deployment, DeploymentCondition, ReplicaSet } from '../../resources/generated/apps-v1.ts';
import type { ControllerContext } from '../shared/context.ts';
import { createdAt } from '../shared/pods.ts';
import { DESIRED, MAX, newSetOf, REVISION, revisionOf } from './revisions.ts';
import { allowance, desiredOf, replicasOf } from './rolling.ts';
import { deploymentStatus, setDeploymentCondition } from './status.ts';

export type Told = Pick<DeploymentCondition, 'type' | 'status' | 'reason' | 'message'>;

export class DeploymentWriter {
  constructor(
    private readonly context: ControllerContext,
    private readonly recorder: EventRecorder,
  ) {}

  /** Two templates with one hash: the count goes into the next one. */
  async noteCollision(deployment: Deployment): Promise<void> {
    const status = { ...deployment.status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 };
    await this.context.client.resource(DEPLOYMENTS).updateStatus({ ...deployment, status });
  }

  /** Through the status: the revision is no change of what is wanted, which an annotation otherwise would be. */
  async noteRevision(deployment: Deployment, revision: bigint | undefined, condition: Told | undefined): Promise<void> {
    const seen = this.newest(deployment);
    const { annotations } = seen.metadata;
    const isNew = revision !== undefined && annotations?.[REVISION] !== String(revision);
    if (!isNew && condition === undefined) return;
    const { metadata, status } = seen;
    const known = status?.conditions ?? [];
    const conditions =
      condition === undefined ? known : setDeploymentCondition(known, condition, this.context.clock.now());
    const written = await this.context.client.resource(DEPLOYMENTS).updateStatus({
      ...seen,
      metadata: isNew ? { ...metadata, annotations: { ...annotations, [REVISION]: String(revision) } } : metadata,
      status: { ...status, conditions },
    });
    this.written.set(deployment, written);
  }

  /** What was written in this round, by what the cache showed at its beginning. */
  private readonly written = new WeakMap<Deployment, Deployment>();

  private newest(deployment: Deployment): Deployment {
    return this.written.get(deployment) ?? deployment;
  }

  async scale(deployment: Deployment, set: ReplicaSet, to: number): Promise<void> {
    const from = replicasOf(set);
    const annotations = this.wishOf(deployment);
    await this.patchSet(set, { metadata: { annotations }, spec: { replicas: to } });
    if (from !== to) this.tellScaling(deployment, set, from, to);
  }

  private wishOf(deployment: Deployment): Record<string, string> {
    const desired = desiredOf(deployment);
    return { [DESIRED]: String(desired), [MAX]: String(desired + allowance(deployment).surge) };
  }

  /** So that the same wish is not taken for a new one again. */
  async noteWish(deployment: Deployment, owned: readonly ReplicaSet[]): Promise<void> {
    const annotations = this.wishOf(deployment);
    for (const set of owned) {
      const noted = set.metadata.annotations ?? {};
      if (replicasOf(set) === 0 || Object.entries(annotations).every(([key, value]) => noted[key] === value)) continue;
      await this.patchSet(set, { metadata: { annotations } });
    }
  }

  tellScaling(deployment: Deployment, set: ReplicaSet, from: number, to: number): void {
    const way = to > from ? 'up' : 'down';
    const message = `Scaled ${way} replica set ${set.metadata.name} from ${from} to ${to}`;
    this.recorder.event(deployment, 'Normal', 'ScalingReplicaSet', message);
  }

  /** Refused when the set is no longer as it was seen: what was planned may be wrong then. */
  patchSet(
    set: ReplicaSet,
    change: { readonly metadata: Record<string, unknown>; readonly spec?: Record<string, unknown> },
  ): Promise<ReplicaSet> {
    const { namespace = '', name = '', resourceVersion } = set.metadata;
    const body = { ...change, metadata: { ...change.metadata, resourceVersion } };
    return this.context.client.resource(REPLICA_SETS).patch(namespace, name, 'merge', body);
  }

  /** Keeps so many old sets as the history is to hold. */
  async cleanUp(deployment: Deployment, old: readonly ReplicaSet[]): Promise<void> {
    const limit = deployment.spec?.revisionHistoryLimit ?? 10;
    if (limit === 2147483647) return;
    const alive = old.filter((set) => set.metadata.deletionTimestamp === undefined);
    const sorted = [...alive].sort((a, b) => Number(revisionOf(a) - revisionOf(b)) || createdAt(a) - createdAt(b));
    for (const set of sorted.slice(0, Math.max(0, sorted.length - limit))) {
      const empty = replicasOf(set) === 0 && (set.status?.replicas ?? 0) === 0;
      if (!empty || (set.metadata.generation ?? 0) > (set.status?.observedGeneration ?? 0)) continue;
      try {
        await this.context.client.resource(REPLICA_SETS).delete(set.metadata.namespace ?? '', set.metadata.name ?? '');
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
      }
    }
  }

  async writeStatus(deployment: Deployment, sets: readonly ReplicaSet[]): Promise<ReconcileResult | undefined> {
    const fresh = newSetOf(deployment, sets);
    const old = sets.filter((set) => set.metadata.uid !== fresh?.metadata.uid);
    const seen = this.newest(deployment);
    const outcome = deploymentStatus({ deployment: seen, fresh, old, now: this.context.clock.now() });
    if (!deepEqual(outcome.status, seen.status ?? {}))
      await this.context.client.resource(DEPLOYMENTS).updateStatus({ ...seen, status: outcome.status });
    return outcome.requeueAfterMs === undefined ? undefined : { requeueAfterMs: outcome.requeueAfterMs };
  }
}
