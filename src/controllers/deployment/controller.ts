// Runs Deployments: makes a ReplicaSet for each template, and moves replicas from the old ones to the new one.
import {
  DEPLOYMENTS,
  type EventRecorder,
  type Informer,
  objectKey,
  PODS,
  REPLICA_SETS,
  type ReconcileResult,
} from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { deepEqual } from '../../machinery/json.ts';
import { selectorFromObject } from '../../machinery/label-selector.ts';
import type { Deployment, DeploymentCondition, ReplicaSet } from '../../resources/generated/apps-v1.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { carryOut } from '../shared/adoption.ts';
import { claim } from '../shared/claim.ts';
import { findCondition } from '../shared/conditions.ts';
import { type ControllerContext, type ControllerRow, recorderFor } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { messageOf } from '../shared/pod-control.ts';
import { controllerOf, createdAt, isFinished } from '../shared/pods.ts';
import {
  annotationsFor,
  DESIRED,
  MAX,
  newSet,
  newSetOf,
  nextRevision,
  REVISION,
  revisionOf,
  sameTemplate,
} from './revisions.ts';
import { allowance, desiredOf, isRolling, proportional, replicasOf, replicasOfNew, rollingSteps } from './rolling.ts';
import { countsOf, deploymentStatus, isComplete, setDeploymentCondition } from './status.ts';

const NAME = 'deployment-controller';

class DeploymentController {
  private readonly recorder: EventRecorder;

  constructor(
    private readonly context: ControllerContext,
    private readonly deployments: Informer<Deployment>,
    private readonly sets: Informer<ReplicaSet>,
    private readonly pods: Informer<Pod>,
  ) {
    this.recorder = recorderFor(context, NAME);
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const deployment = this.deployments.get(key);
    if (deployment === undefined) return undefined;
    const owned = await this.claimSets(deployment);
    if (deployment.metadata.deletionTimestamp !== undefined) return this.writeStatus(deployment, owned);
    const told = await this.tellOfPause(deployment);
    if (told) return undefined;
    if (deployment.spec?.paused === true || this.wishChanged(deployment, owned)) {
      const fresh = await this.syncNew(deployment, owned, false);
      const old = owned.filter((set) => set.metadata.uid !== fresh?.metadata.uid);
      const steps = proportional(deployment, fresh, old);
      for (const { set, to } of steps) await this.scale(deployment, set, to);
      const scaled = new Set(steps.map(({ set }) => set.metadata.uid));
      const rest = (fresh === undefined ? old : [...old, fresh]).filter((set) => !scaled.has(set.metadata.uid));
      await this.noteWish(deployment, rest);
      if (deployment.spec?.paused === true) await this.cleanUp(deployment, old);
      return this.writeStatus(deployment, owned);
    }
    return isRolling(deployment) ? this.roll(deployment, owned) : this.recreate(deployment, owned);
  }

  private async claimSets(deployment: Deployment): Promise<ReplicaSet[]> {
    const namespace = deployment.metadata.namespace ?? '';
    const selector = selectorFromObject(deployment.spec?.selector);
    const claims = claim(deployment, selector, this.sets.byIndex('namespace', namespace));
    const client = this.context.client;
    const fresh = (): Promise<Deployment> =>
      client.resource(DEPLOYMENTS).get(namespace, deployment.metadata.name ?? '');
    return [...(await carryOut(client.resource(REPLICA_SETS), deployment, claims, fresh))];
  }

  private async roll(deployment: Deployment, owned: readonly ReplicaSet[]): Promise<ReconcileResult | undefined> {
    const fresh = await this.syncNew(deployment, owned, true);
    if (fresh === undefined) return undefined;
    const old = owned.filter((set) => set.metadata.uid !== fresh.metadata.uid);
    const steps = rollingSteps(deployment, fresh, old);
    for (const { set, to } of steps) await this.scale(deployment, set, to);
    if (steps.length === 0 && isComplete(deployment, countsOf(fresh, old))) await this.cleanUp(deployment, old);
    return this.writeStatus(deployment, [...old, fresh]);
  }

  private async recreate(deployment: Deployment, owned: readonly ReplicaSet[]): Promise<ReconcileResult | undefined> {
    const known = newSetOf(deployment, owned);
    const old = owned.filter((set) => set.metadata.uid !== known?.metadata.uid);
    const running = old.filter((set) => replicasOf(set) > 0);
    for (const set of running) await this.scale(deployment, set, 0);
    if (running.length > 0 || this.oldPodsLeft(old)) return this.writeStatus(deployment, owned);
    const fresh = await this.syncNew(deployment, owned, true);
    if (fresh === undefined) return undefined;
    const desired = desiredOf(deployment);
    if (replicasOf(fresh) !== desired) await this.scale(deployment, fresh, desired);
    if (isComplete(deployment, countsOf(fresh, old))) await this.cleanUp(deployment, old);
    return this.writeStatus(deployment, [...old, fresh]);
  }

  /** With Recreate no old pod may still run when the new ones start. */
  private oldPodsLeft(old: readonly ReplicaSet[]): boolean {
    return old.some((set) => this.pods.byIndex('controller', set.metadata.uid ?? '').some((pod) => !isFinished(pod)));
  }

  private wishChanged(deployment: Deployment, owned: readonly ReplicaSet[]): boolean {
    return owned.some((set) => {
      const noted = set.metadata.annotations?.[DESIRED];
      return replicasOf(set) > 0 && noted !== undefined && Number(noted) !== desiredOf(deployment);
    });
  }

  /** The set of the present template, with its annotations up to date; made when it is missing and that is wanted. */
  private async syncNew(
    deployment: Deployment,
    owned: readonly ReplicaSet[],
    make: boolean,
  ): Promise<ReplicaSet | undefined> {
    const known = newSetOf(deployment, owned);
    const old = owned.filter((set) => set !== known && !sameTemplate(set.spec?.template, deployment.spec?.template));
    const revision = nextRevision(old);
    const progressing = findCondition(deployment.status?.conditions, 'Progressing');
    if (known !== undefined) {
      const annotations = annotationsFor(deployment, known, revision);
      const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
      let fresh = known;
      if (!deepEqual(annotations, known.metadata.annotations) || (known.spec?.minReadySeconds ?? 0) !== minReadySeconds)
        fresh = await this.patchSet(known, { metadata: { annotations }, spec: { minReadySeconds } });
      await this.noteRevision(
        deployment,
        revisionOf(fresh),
        progressing === undefined
          ? this.progress('FoundNewReplicaSet', `Found new replica set "${known.metadata.name}"`)
          : undefined,
      );
      return fresh;
    }
    if (!make) return undefined;
    return this.makeNew(deployment, owned, revision);
  }

  private async makeNew(
    deployment: Deployment,
    owned: readonly ReplicaSet[],
    revision: number,
  ): Promise<ReplicaSet | undefined> {
    const maxReplicas = desiredOf(deployment) + allowance(deployment).surge;
    const wanted = newSet(deployment, replicasOfNew(deployment, owned, undefined), { revision, maxReplicas });
    const client = this.context.client.resource(REPLICA_SETS);
    const namespace = deployment.metadata.namespace ?? '';
    let made: ReplicaSet;
    try {
      made = await client.create(namespace, wanted);
      if (replicasOf(made) > 0) this.tellScaling(deployment, made, 0, replicasOf(made));
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) {
        const message = `Failed to create new replica set "${wanted.metadata.name}": ${messageOf(error)}`;
        this.recorder.event(deployment, 'Warning', 'ReplicaSetCreateError', message);
        await this.noteRevision(deployment, undefined, {
          type: 'Progressing',
          status: 'False',
          reason: 'ReplicaSetCreateError',
          message: messageOf(error),
        });
        throw error;
      }
      const there = await client.get(namespace, wanted.metadata.name ?? '');
      const ours = controllerOf(there)?.uid === deployment.metadata.uid;
      if (!ours || !sameTemplate(there.spec?.template, deployment.spec?.template)) {
        await this.noteCollision(deployment);
        return undefined;
      }
      made = there;
    }
    await this.noteRevision(
      deployment,
      revision,
      this.progress('NewReplicaSetCreated', `Created new replica set "${made.metadata.name}"`),
    );
    return made;
  }

  private progress(
    reason: string,
    message: string,
  ): Pick<DeploymentCondition, 'type' | 'status' | 'reason' | 'message'> {
    return { type: 'Progressing', status: 'True', reason, message };
  }

  /** Two templates with one hash: the count goes into the next one. */
  private async noteCollision(deployment: Deployment): Promise<void> {
    const { namespace = '', name = '', resourceVersion } = deployment.metadata;
    const status = { collisionCount: (deployment.status?.collisionCount ?? 0) + 1 };
    const body = { metadata: { resourceVersion }, status };
    await this.context.client.resource(DEPLOYMENTS).patch(namespace, name, 'merge', body, { subresource: 'status' });
  }

  private async noteRevision(
    deployment: Deployment,
    revision: number | undefined,
    condition: Pick<DeploymentCondition, 'type' | 'status' | 'reason' | 'message'> | undefined,
  ): Promise<void> {
    const client = this.context.client.resource(DEPLOYMENTS);
    const { namespace = '', name = '' } = deployment.metadata;
    if (revision !== undefined && deployment.metadata.annotations?.[REVISION] !== String(revision))
      await client.patch(namespace, name, 'merge', { metadata: { annotations: { [REVISION]: String(revision) } } });
    if (condition === undefined) return;
    const conditions = setDeploymentCondition(deployment.status?.conditions ?? [], condition, this.context.clock.now());
    await client.patch(namespace, name, 'merge', { status: { conditions } }, { subresource: 'status' });
    this.remember.set(deployment, conditions);
  }

  /** Conditions written in this round, which the cache does not show yet. */
  private readonly remember = new WeakMap<Deployment, DeploymentCondition[]>();

  private async tellOfPause(deployment: Deployment): Promise<boolean> {
    if (deployment.spec?.progressDeadlineSeconds === 2147483647) return false;
    const current = findCondition(deployment.status?.conditions, 'Progressing');
    if (current?.reason === 'ProgressDeadlineExceeded') return false;
    const paused = deployment.spec?.paused === true;
    if (paused === (current?.reason === 'DeploymentPaused')) return false;
    const condition = paused
      ? { type: 'Progressing', status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' }
      : { type: 'Progressing', status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' };
    await this.noteRevision(deployment, undefined, condition);
    return true;
  }

  private async scale(deployment: Deployment, set: ReplicaSet, to: number): Promise<void> {
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
  private async noteWish(deployment: Deployment, owned: readonly ReplicaSet[]): Promise<void> {
    const annotations = this.wishOf(deployment);
    for (const set of owned) {
      const noted = set.metadata.annotations ?? {};
      if (replicasOf(set) === 0 || Object.entries(annotations).every(([key, value]) => noted[key] === value)) continue;
      await this.patchSet(set, { metadata: { annotations } });
    }
  }

  private tellScaling(deployment: Deployment, set: ReplicaSet, from: number, to: number): void {
    const way = to > from ? 'up' : 'down';
    const message = `Scaled ${way} replica set ${set.metadata.name} from ${from} to ${to}`;
    this.recorder.event(deployment, 'Normal', 'ScalingReplicaSet', message);
  }

  /** Refused when the set is no longer as it was seen: what was planned may be wrong then. */
  private patchSet(
    set: ReplicaSet,
    change: { readonly metadata: Record<string, unknown>; readonly spec?: Record<string, unknown> },
  ): Promise<ReplicaSet> {
    const { namespace = '', name = '', resourceVersion } = set.metadata;
    const body = { ...change, metadata: { ...change.metadata, resourceVersion } };
    return this.context.client.resource(REPLICA_SETS).patch(namespace, name, 'merge', body);
  }

  /** Keeps so many old sets as the history is to hold. */
  private async cleanUp(deployment: Deployment, old: readonly ReplicaSet[]): Promise<void> {
    const limit = deployment.spec?.revisionHistoryLimit ?? 10;
    if (limit === 2147483647) return;
    const alive = old.filter((set) => set.metadata.deletionTimestamp === undefined);
    const sorted = [...alive].sort((a, b) => revisionOf(a) - revisionOf(b) || createdAt(a) - createdAt(b));
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

  private async writeStatus(deployment: Deployment, sets: readonly ReplicaSet[]): Promise<ReconcileResult | undefined> {
    const fresh = newSetOf(deployment, sets);
    const old = sets.filter((set) => set.metadata.uid !== fresh?.metadata.uid);
    const noted = this.remember.get(deployment);
    const seen =
      noted === undefined ? deployment : { ...deployment, status: { ...deployment.status, conditions: noted } };
    const outcome = deploymentStatus({ deployment: seen, fresh, old, now: this.context.clock.now() });
    if (!deepEqual(outcome.status, deployment.status ?? {})) {
      const { namespace = '', name = '', uid } = deployment.metadata;
      const counts = {
        replicas: null,
        updatedReplicas: null,
        readyReplicas: null,
        availableReplicas: null,
        unavailableReplicas: null,
      };
      const body = { metadata: { uid }, status: { ...counts, ...outcome.status } };
      await this.context.client.resource(DEPLOYMENTS).patch(namespace, name, 'merge', body, { subresource: 'status' });
    }
    return outcome.requeueAfterMs === undefined ? undefined : { requeueAfterMs: outcome.requeueAfterMs };
  }
}

export const deployment: ControllerRow = {
  name: NAME,
  start(context) {
    const deployments = context.informers.informer(DEPLOYMENTS);
    const sets = context.informers.informer(REPLICA_SETS);
    const pods = context.informers.informer(PODS);
    deployments.addIndex('namespace', (one) => [one.metadata.namespace ?? '']);
    sets.addIndex('namespace', (set) => [set.metadata.namespace ?? '']);
    pods.addIndex('controller', (pod) => [controllerOf(pod)?.uid ?? []].flat());
    const controller = new DeploymentController(context, deployments, sets, pods);
    const queue = startKeyed(context, {
      name: NAME,
      workers: 5,
      waitFor: [deployments, sets, pods],
      reconcile: (key) => controller.reconcile(key),
    });
    deployments.addHandler({
      onAdd: (one) => queue.add(objectKey(one)),
      onUpdate: (one) => queue.add(objectKey(one)),
      onDelete: (one) => queue.add(objectKey(one)),
    });
    const consider = (set: ReplicaSet): void => {
      const owner = controllerOf(set);
      if (owner?.kind === 'Deployment') queue.add(`${set.metadata.namespace}/${owner.name}`);
      if (owner !== undefined) return;
      for (const one of deployments.byIndex('namespace', set.metadata.namespace ?? ''))
        if (selectorFromObject(one.spec?.selector).matches(set.metadata.labels ?? {})) queue.add(objectKey(one));
    };
    sets.addHandler({
      onAdd: consider,
      onUpdate(set, old) {
        if (controllerOf(old)?.uid !== controllerOf(set)?.uid) consider(old);
        consider(set);
      },
      onDelete: consider,
    });
    pods.addHandler({
      onDelete(pod) {
        // Only Recreate waits for pods to be gone.
        const owner = controllerOf(pod);
        const set = sets.get(`${pod.metadata.namespace}/${owner?.name ?? ''}`);
        const key = `${pod.metadata.namespace}/${set === undefined ? '' : (controllerOf(set)?.name ?? '')}`;
        const found = deployments.get(key);
        if (found !== undefined && !isRolling(found)) queue.add(key);
      },
    });
  },
};
