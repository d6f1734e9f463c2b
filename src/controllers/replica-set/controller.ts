// Runs ReplicaSets and ReplicationControllers, which differ only in their selectors.
import {
  type Informer,
  objectKey,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  type ReconcileResult,
  type ResourceRef,
} from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { deepEqual } from '../../machinery/json.ts';
import { type LabelSelector, selectorFromLabels, selectorFromObject } from '../../machinery/label-selector.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { ReplicaSet, ReplicaSetStatus } from '../../resources/generated/apps-v1.ts';
import type { PodTemplateSpec, ReplicationController } from '../../resources/generated/core-v1.ts';
import { carryOut } from '../shared/adoption.ts';
import { claim } from '../shared/claim.ts';
import type { ControllerContext, ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { messageOf, PodControl } from '../shared/pod-control.ts';
import { isActive } from '../shared/pods.ts';
import { planReplicas, replicasStatus } from './reconcile.ts';

interface Replicated extends KubeObject {
  spec?: { replicas?: number; minReadySeconds?: number; template?: PodTemplateSpec };
  status?: ReplicaSetStatus;
}

interface Kind<T extends Replicated> {
  readonly name: string;
  readonly component: string;
  readonly ref: ResourceRef<T>;
  selectorOf(owner: T): LabelSelector;
}

function startReplicas<T extends Replicated>(context: ControllerContext, kind: Kind<T>): void {
  const owners: Informer<T> = context.informers.informer(kind.ref);
  const client = context.client.resource(kind.ref);
  const pods = new PodControl({ context, component: kind.component, kind: kind.ref.kind });
  owners.addIndex('namespace', (owner) => [owner.metadata.namespace ?? '']);

  async function writeStatus(owner: T, status: ReplicaSetStatus): Promise<void> {
    if (deepEqual(status, owner.status ?? {})) return;
    const { resourceVersion: _any, ...metadata } = owner.metadata;
    try {
      await client.updateStatus({
        ...owner,
        metadata: { ...metadata, resourceVersion: owner.metadata.resourceVersion },
        status,
      });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }

  async function reconcile(key: string): Promise<ReconcileResult | undefined> {
    const owner = owners.get(key);
    if (owner === undefined) {
      pods.forget(key);
      return undefined;
    }
    const namespace = owner.metadata.namespace ?? '';
    const selector = kind.selectorOf(owner);
    // Only pods at work are taken or let go; those that are ending or have ended are counted where they are its own.
    const active = pods.candidates(owner).filter(isActive);
    const others = claim(owner, selector, pods.candidates(owner)).owned.filter((pod) => !isActive(pod));
    const claims = claim(owner, selector, active);
    const owned = await carryOut(context.client.resource(PODS), owner, claims, () =>
      client.get(namespace, owner.metadata.name ?? ''),
    );
    const input = {
      owner,
      replicas: owner.spec?.replicas ?? 1,
      template: owner.spec?.template ?? {},
      minReadySeconds: owner.spec?.minReadySeconds ?? 0,
      pods: [...owned, ...others],
      now: context.clock.now(),
      random: context.random.float,
    };
    let failure: unknown;
    if (pods.upToDate(key)) {
      const plan = planReplicas(input);
      failure = (await pods.create(owner, plan.create)) ?? (await pods.delete(owner, plan.remove));
    }
    const told = failure === undefined ? undefined : messageOf(failure);
    const tellsTerminating = kind.ref.kind === 'ReplicaSet';
    const outcome = replicasStatus({ ...input, old: owner.status, failure: told, tellsTerminating });
    await writeStatus(owner, outcome.status);
    if (failure !== undefined) throw failure;
    return outcome.requeueAfterMs === undefined ? undefined : { requeueAfterMs: outcome.requeueAfterMs };
  }

  const queue = startKeyed(context, { name: kind.name, workers: 5, waitFor: [owners, pods.pods], reconcile });
  owners.addHandler({
    onAdd: (owner) => queue.add(objectKey(owner)),
    onUpdate: (owner) => queue.add(objectKey(owner)),
    onDelete: (owner) => queue.add(objectKey(owner)),
  });
  pods.wake(queue, (orphan) => {
    for (const owner of owners.byIndex('namespace', orphan.metadata.namespace ?? ''))
      if (kind.selectorOf(owner).matches(orphan.metadata.labels ?? {})) queue.add(objectKey(owner));
  });
}

export const replicaSet: ControllerRow = {
  name: 'replicaset-controller',
  account: 'replicaset-controller',
  start: (context) =>
    startReplicas<ReplicaSet>(context, {
      name: 'replicaset-controller',
      component: 'replicaset-controller',
      ref: REPLICA_SETS,
      selectorOf: (owner) => selectorFromObject(owner.spec?.selector),
    }),
};

export const replicationController: ControllerRow = {
  name: 'replicationcontroller-controller',
  account: 'replication-controller',
  start: (context) =>
    startReplicas<ReplicationController>(context, {
      name: 'replicationcontroller-controller',
      component: 'replication-controller',
      ref: REPLICATION_CONTROLLERS,
      selectorOf: (owner) => selectorFromLabels(owner.spec?.selector ?? {}),
    }),
};
