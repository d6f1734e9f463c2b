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
import type { Deployment, ReplicaSet } from '../../resources/generated/apps-v1.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { carryOut } from '../shared/adoption.ts';
import { claim } from '../shared/claim.ts';
import { findCondition } from '../shared/conditions.ts';
import { type ControllerContext, type ControllerRow, recorderFor } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { messageOf } from '../shared/pod-control.ts';
import { controllerOf, isFinished } from '../shared/pods.ts';
import { annotationsFor, DESIRED, newSet, newSetOf, nextRevision, revisionOf, sameTemplate } from './revisions.ts';
import { allowance, desiredOf, isRolling, proportional, replicasOf, replicasOfNew, rollingSteps } from './rolling.ts';
import { countsOf, isComplete } from './status.ts';
import { DeploymentWriter, type Told } from './writer.ts';

const NAME = 'deployment-controller';

class DeploymentController {
  private readonly recorder: EventRecorder;
  private readonly writer: DeploymentWriter;

  constructor(
    private readonly context: ControllerContext,
    private readonly deployments: Informer<Deployment>,
    private readonly sets: Informer<ReplicaSet>,
    private readonly pods: Informer<Pod>,
  ) {
    this.recorder = recorderFor(context, NAME);
    this.writer = new DeploymentWriter(context, this.recorder);
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const deployment = this.deployments.get(key);
    if (deployment === undefined) return undefined;
    const owned = await this.claimSets(deployment);
    if (deployment.metadata.deletionTimestamp !== undefined) return this.writer.writeStatus(deployment, owned);
    const told = await this.tellOfPause(deployment);
    if (told) return undefined;
    if (deployment.spec?.paused === true || this.wishChanged(deployment, owned)) {
      const fresh = await this.syncNew(deployment, owned, false);
      const old = owned.filter((set) => set.metadata.uid !== fresh?.metadata.uid);
      const steps = proportional(deployment, fresh, old);
      for (const { set, to } of steps) await this.writer.scale(deployment, set, to);
      const scaled = new Set(steps.map(({ set }) => set.metadata.uid));
      const rest = (fresh === undefined ? old : [...old, fresh]).filter((set) => !scaled.has(set.metadata.uid));
      await this.writer.noteWish(deployment, rest);
      if (deployment.spec?.paused === true) await this.writer.cleanUp(deployment, old);
      return this.writer.writeStatus(deployment, owned);
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
    for (const { set, to } of steps) await this.writer.scale(deployment, set, to);
    if (steps.length === 0 && isComplete(deployment, countsOf(fresh, old))) await this.writer.cleanUp(deployment, old);
    return this.writer.writeStatus(deployment, [...old, fresh]);
  }

  private async recreate(deployment: Deployment, owned: readonly ReplicaSet[]): Promise<ReconcileResult | undefined> {
    const known = newSetOf(deployment, owned);
    const old = owned.filter((set) => set.metadata.uid !== known?.metadata.uid);
    const running = old.filter((set) => replicasOf(set) > 0);
    for (const set of running) await this.writer.scale(deployment, set, 0);
    if (running.length > 0 || this.oldPodsLeft(old)) return this.writer.writeStatus(deployment, owned);
    const fresh = await this.syncNew(deployment, owned, true);
    if (fresh === undefined) return undefined;
    const desired = desiredOf(deployment);
    if (replicasOf(fresh) !== desired) await this.writer.scale(deployment, fresh, desired);
    if (isComplete(deployment, countsOf(fresh, old))) await this.writer.cleanUp(deployment, old);
    return this.writer.writeStatus(deployment, [...old, fresh]);
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
        fresh = await this.writer.patchSet(known, { metadata: { annotations }, spec: { minReadySeconds } });
      await this.writer.noteRevision(
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
    revision: bigint,
  ): Promise<ReplicaSet | undefined> {
    const maxReplicas = desiredOf(deployment) + allowance(deployment).surge;
    const wanted = newSet(deployment, replicasOfNew(deployment, owned, undefined), { revision, maxReplicas });
    const client = this.context.client.resource(REPLICA_SETS);
    const namespace = deployment.metadata.namespace ?? '';
    let made: ReplicaSet;
    try {
      made = await client.create(namespace, wanted);
      if (replicasOf(made) > 0) this.writer.tellScaling(deployment, made, 0, replicasOf(made));
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) {
        const message = `Failed to create new replica set "${wanted.metadata.name}": ${messageOf(error)}`;
        this.recorder.event(deployment, 'Warning', 'ReplicaSetCreateError', message);
        await this.writer.noteRevision(deployment, undefined, {
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
        await this.writer.noteCollision(deployment);
        return undefined;
      }
      made = there;
    }
    await this.writer.noteRevision(
      deployment,
      revision,
      this.progress('NewReplicaSetCreated', `Created new replica set "${made.metadata.name}"`),
    );
    return made;
  }

  private progress(reason: string, message: string): Told {
    return { type: 'Progressing', status: 'True', reason, message };
  }

  private async tellOfPause(deployment: Deployment): Promise<boolean> {
    if (deployment.spec?.progressDeadlineSeconds === 2147483647) return false;
    const current = findCondition(deployment.status?.conditions, 'Progressing');
    if (current?.reason === 'ProgressDeadlineExceeded') return false;
    const paused = deployment.spec?.paused === true;
    if (paused === (current?.reason === 'DeploymentPaused')) return false;
    const condition = paused
      ? { type: 'Progressing', status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' }
      : { type: 'Progressing', status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' };
    await this.writer.noteRevision(deployment, undefined, condition);
    return true;
  }
}

export const deployment: ControllerRow = {
  name: NAME,
  account: 'deployment-controller',
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
