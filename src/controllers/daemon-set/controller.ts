// Runs DaemonSets: one pod on every node that wants it.
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES, objectKey, PODS, type ReconcileResult } from '../../client/index.ts';
import { deepEqual } from '../../machinery/json.ts';
import { selectorFromObject } from '../../machinery/label-selector.ts';
import type { DaemonSet } from '../../resources/generated/apps-v1.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { carryOut } from '../shared/adoption.ts';
import { claim } from '../shared/claim.ts';
import type { ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { PodControl } from '../shared/pod-control.ts';
import { controllerOf } from '../shared/pods.ts';
import { syncRevisions, trimRevisions } from '../shared/revisions.ts';
import { type DaemonInput, daemonStatus, nodeOf, planDaemons, REVISION_LABEL } from './reconcile.ts';

const NAME = 'daemonset-controller';
/** Pods that fail over and over are replaced more and more slowly. */
const FIRST_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 15 * 60_000;

export const daemonSet: ControllerRow = {
  name: NAME,
  account: 'daemon-set-controller',
  start(context) {
    const { informers, clock, random } = context;
    const sets = informers.informer(DAEMON_SETS);
    const nodes = informers.informer(NODES);
    const revisions = informers.informer(CONTROLLER_REVISIONS);
    revisions.addIndex('controller', (one) => [controllerOf(one)?.uid ?? []].flat());
    sets.addIndex('namespace', (set) => [set.metadata.namespace ?? '']);
    const control = new PodControl({ context, component: NAME, kind: 'DaemonSet' });
    const client = context.client.resource(DAEMON_SETS);
    const failures = new Map<string, { count: number; at: number }>();

    async function podsOf(set: DaemonSet): Promise<readonly Pod[]> {
      const namespace = set.metadata.namespace ?? '';
      const claims = claim(set, selectorFromObject(set.spec?.selector), control.candidates(set));
      return carryOut(context.client.resource(PODS), set, claims, () => client.get(namespace, set.metadata.name ?? ''));
    }

    /** Which failed pods may be taken away now, and when the next may. */
    function dueFailures(set: DaemonSet, failed: readonly Pod[]): { due: Pod[]; wait: number | undefined } {
      const due: Pod[] = [];
      let wait: number | undefined;
      for (const pod of failed) {
        const key = `${set.metadata.uid}/${nodeOf(pod)}`;
        const known = failures.get(key);
        const pause = known === undefined ? 0 : Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (known.count - 1));
        const left = known === undefined ? 0 : known.at + pause - clock.now();
        if (left > 0) {
          wait = Math.min(wait ?? left, left);
          continue;
        }
        const fresh = known === undefined || clock.now() - known.at > 2 * MAX_BACKOFF_MS;
        failures.set(key, { count: fresh ? 1 : known.count + 1, at: clock.now() });
        const { namespace, name } = pod.metadata;
        const message = `Found failed daemon pod ${namespace}/${name} on node ${nodeOf(pod)}, will try to kill it`;
        control.recorder.event(set, 'Warning', 'FailedDaemonPod', message);
        due.push(pod);
      }
      return { due, wait };
    }

    async function reconcile(key: string): Promise<ReconcileResult | undefined> {
      const set = sets.get(key);
      if (set === undefined) {
        control.forget(key);
        return undefined;
      }
      if (set.metadata.deletionTimestamp !== undefined) return undefined;
      const selector = selectorFromObject(set.spec?.selector);
      if (selector.toString() === '') {
        control.recorder.event(
          set,
          'Warning',
          'SelectingAll',
          'This daemon set is selecting all pods. A non-empty selector is required.',
        );
        return undefined;
      }
      const { update, all } = await syncRevisions({
        client: context.client,
        ref: DAEMON_SETS,
        owner: set,
        revisions,
        hashLabel: REVISION_LABEL,
        annotations: set.metadata.annotations,
      });
      const hash = update.metadata.labels?.[REVISION_LABEL] ?? '';
      const pods = await podsOf(set);
      const input: DaemonInput = { set, nodes: nodes.list(), pods, hash, now: clock.now(), random: random.float };
      let failure: unknown;
      let wait: number | undefined;
      if (control.upToDate(key)) {
        const plan = planDaemons(input);
        const broken = dueFailures(set, plan.failed);
        wait = broken.wait;
        failure = await control.delete(set, [...new Set([...broken.due, ...plan.remove])]);
        failure ??= await control.create(set, plan.create);
      }
      const { status, requeueAfterMs } = daemonStatus(input);
      if (!deepEqual(status, set.status ?? {})) await client.updateStatus({ ...set, status });
      const used = new Set(pods.map((pod) => `${set.metadata.name}-${pod.metadata.labels?.[REVISION_LABEL] ?? ''}`));
      used.add(update.metadata.name ?? '');
      await trimRevisions(context.client, { all, inUse: used, limit: set.spec?.revisionHistoryLimit ?? 10 });
      if (failure !== undefined) throw failure;
      const after = Math.min(requeueAfterMs ?? Number.POSITIVE_INFINITY, wait ?? Number.POSITIVE_INFINITY);
      return after === Number.POSITIVE_INFINITY ? undefined : { requeueAfterMs: after };
    }

    const queue = startKeyed(context, {
      name: NAME,
      workers: 2,
      waitFor: [sets, nodes, revisions, control.pods],
      reconcile,
    });
    sets.addHandler({
      onAdd: (set) => queue.add(objectKey(set)),
      onUpdate: (set) => queue.add(objectKey(set)),
      onDelete: (set) => queue.add(objectKey(set)),
    });
    control.wake(queue, (orphan) => {
      for (const set of sets.byIndex('namespace', orphan.metadata.namespace ?? ''))
        if (selectorFromObject(set.spec?.selector).matches(orphan.metadata.labels ?? {})) queue.add(objectKey(set));
    });
    const considerAll = (): void => {
      for (const set of sets.list()) queue.add(objectKey(set));
    };
    nodes.addHandler({
      onAdd: considerAll,
      onUpdate(node, old) {
        const same =
          deepEqual(node.metadata.labels, old.metadata.labels) && deepEqual(node.spec?.taints, old.spec?.taints);
        if (!same) considerAll();
      },
      onDelete: considerAll,
    });
  },
};
