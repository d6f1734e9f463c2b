// Keeps the status of PodDisruptionBudgets, which evictions are granted by.
import {
  DEPLOYMENTS,
  type Informer,
  objectKey,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  STATEFUL_SETS,
} from '../../client/index.ts';
import { deepEqual } from '../../machinery/json.ts';
import { selectorFromObject } from '../../machinery/label-selector.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../../resources/generated/policy-v1.ts';
import { type ControllerRow, recorderFor } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { budgetStatus, isUnmanaged, unmanagedMessage } from './reconcile.ts';

const NAME = 'disruption-controller';

interface Scaled extends KubeObject {
  spec?: { replicas?: number };
}

export const disruption: ControllerRow = {
  name: NAME,
  account: 'disruption-controller',
  start(context) {
    const { informers, client, clock } = context;
    const budgets = informers.informer(POD_DISRUPTION_BUDGETS);
    const recorder = recorderFor(context, 'controllermanager');
    const pods = informers.informer(PODS);
    const owners: Readonly<Record<string, Informer<Scaled>>> = {
      Deployment: informers.informer(DEPLOYMENTS) as Informer<Scaled>,
      ReplicaSet: informers.informer(REPLICA_SETS) as Informer<Scaled>,
      StatefulSet: informers.informer(STATEFUL_SETS) as Informer<Scaled>,
      ReplicationController: informers.informer(REPLICATION_CONTROLLERS) as Informer<Scaled>,
    };
    pods.addIndex('namespace', (pod) => [pod.metadata.namespace ?? '']);

    const controllerOf = (object: KubeObject): Scaled | undefined => {
      const owner = object.metadata.ownerReferences?.find((one) => one.controller === true);
      if (owner === undefined || !Object.hasOwn(owners, owner.kind)) return undefined;
      const found = owners[owner.kind]?.get(`${object.metadata.namespace}/${owner.name}`);
      return found?.metadata.uid === owner.uid ? found : undefined;
    };
    const expectedOf = (matching: readonly Pod[]): number | undefined => {
      const scales = new Map<string, number>();
      for (const pod of matching) {
        let owner = controllerOf(pod);
        // Pods of nobody are told of in an event.
        if (isUnmanaged(pod)) continue;
        if (owner === undefined) return undefined;
        owner = controllerOf(owner) ?? owner;
        scales.set(owner.metadata.uid ?? '', owner.spec?.replicas ?? 1);
      }
      return [...scales.values()].reduce((sum, one) => sum + one, 0);
    };
    const tell = (budget: PodDisruptionBudget, matching: readonly Pod[]): void => {
      if (matching.length === 0) recorder.event(budget, 'Normal', 'NoPods', 'No matching pods found');
      const { minAvailable, maxUnavailable, selector } = budget.spec ?? {};
      const counted = maxUnavailable === undefined && typeof minAvailable !== 'string';
      if (counted || !matching.some(isUnmanaged)) return;
      recorder.event(budget, 'Warning', 'UnmanagedPods', unmanagedMessage(selector));
    };
    const queue = startKeyed(context, {
      name: NAME,
      waitFor: [budgets, pods, ...Object.values(owners)],
      async reconcile(key) {
        const budget = budgets.get(key);
        if (budget === undefined) return undefined;
        const selector = selectorFromObject(budget.spec?.selector);
        const matching = pods
          .byIndex('namespace', budget.metadata.namespace ?? '')
          .filter((pod) => selector.matches(pod.metadata.labels ?? {}))
          .filter((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed');
        tell(budget, matching);
        const now = clock.now();
        const outcome = budgetStatus({ budget, pods: matching, expected: expectedOf(matching), now });
        if (!deepEqual(outcome.status, budget.status))
          await client.resource(POD_DISRUPTION_BUDGETS).updateStatus({ ...budget, status: outcome.status });
        return outcome.requeueAfterMs === undefined ? undefined : { requeueAfterMs: outcome.requeueAfterMs };
      },
    });
    const considerAll = (object: KubeObject): void => {
      for (const budget of budgets.list())
        if (budget.metadata.namespace === object.metadata.namespace) queue.add(objectKey(budget));
    };
    const consider = (pod: Pod): void => {
      const wanted = budgets
        .list()
        .filter((budget) => budget.metadata.namespace === pod.metadata.namespace)
        .filter((budget) => selectorFromObject(budget.spec?.selector).matches(pod.metadata.labels ?? {}));
      for (const budget of wanted) queue.add(objectKey(budget));
      const [first] = wanted;
      if (first === undefined || wanted.length === 1) return;
      const { namespace, name } = pod.metadata;
      const message = `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${first.metadata.name}" arbitrarily.`;
      recorder.event(pod, 'Warning', 'MultiplePodDisruptionBudgets', message);
    };
    budgets.addHandler({ onAdd: (b) => queue.add(objectKey(b)), onUpdate: (b) => queue.add(objectKey(b)) });
    pods.addHandler({
      onAdd: consider,
      onUpdate(pod, old) {
        if (!deepEqual(pod.metadata.labels, old.metadata.labels)) consider(old);
        consider(pod);
      },
      onDelete: consider,
    });
    for (const owner of Object.values(owners)) owner.addHandler({ onUpdate: considerAll });
  },
};
