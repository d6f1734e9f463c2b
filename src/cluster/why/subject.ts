// Whose pods are asked about: a pod by name, those of a workload, or all of a namespace.
import {
  type Client,
  DAEMON_SETS,
  DEPLOYMENTS,
  EVENTS,
  JOBS,
  PODS,
  REPLICA_SETS,
  type ResourceRef,
  STATEFUL_SETS,
} from '../../client/index.ts';
import { selectorFromObject } from '../../machinery/label-selector.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { Facts, RuleId } from './rule.ts';

interface Workload extends KubeObject {
  readonly spec?: { readonly replicas?: number; readonly selector?: { readonly matchLabels?: Record<string, string> } };
}

/** Kinds that have pods, by the words that kubectl knows them by. */
const WORKLOADS: ReadonlyMap<string, ResourceRef<KubeObject>> = new Map(
  [
    [['deploy', 'deployment', 'deployments', 'deployment.apps'], DEPLOYMENTS],
    [['rs', 'replicaset', 'replicasets', 'replicaset.apps'], REPLICA_SETS],
    [['sts', 'statefulset', 'statefulsets', 'statefulset.apps'], STATEFUL_SETS],
    [['ds', 'daemonset', 'daemonsets', 'daemonset.apps'], DAEMON_SETS],
    [['job', 'jobs', 'job.batch'], JOBS],
  ].flatMap(([words, ref]) => (words as string[]).map((word) => [word, ref as ResourceRef<KubeObject>] as const)),
);

export interface Subject {
  readonly pods: readonly Pod[];
  /** Why there are none, where that is known. */
  readonly without?: { readonly id: RuleId; readonly facts: Facts };
}

/** `x`, `pod/x`, `deploy/x` …; an empty target means every pod of the namespace. Rejects with NotFound. */
export async function subjectOf(client: Client, namespace: string, target: string): Promise<Subject> {
  const pods = client.resource(PODS);
  if (target === '') return { pods: (await pods.list(namespace)).items };
  const [kind = '', name = ''] = target.includes('/') ? target.split('/') : ['pod', target];
  const ref = WORKLOADS.get(kind.toLowerCase());
  if (ref === undefined) return { pods: [await pods.get(namespace, name)] };
  const workload = (await client.resource(ref).get(namespace, name)) as Workload;
  const selector = selectorFromObject(workload.spec?.selector ?? {}).toString();
  const found = await pods.list(namespace, { labelSelector: selector });
  if (found.items.length > 0) return { pods: found.items };
  return { pods: [], without: await whyNone(client, workload, target) };
}

async function whyNone(client: Client, workload: Workload, target: string): Promise<Subject['without']> {
  const { name = '', namespace = '' } = workload.metadata;
  if (workload.spec?.replicas === 0) return { id: 'scaled-to-zero', facts: { target, namespace } };
  const events = await client.resource(EVENTS).list(namespace, { fieldSelector: 'reason=FailedCreate' });
  // A Deployment's pods are refused to its ReplicaSets, whose names begin with its own.
  const refusal = events.items.findLast(
    ({ involvedObject: { name: of = '' } }) => of === name || of.startsWith(`${name}-`),
  );
  return refusal === undefined
    ? { id: 'no-pods', facts: { target, namespace } }
    : {
        id: 'pods-refused',
        facts: { target, namespace, message: (refusal.message ?? '').replace(/^Error creating: /, '') },
      };
}
