// pods/binding and bindings: a pod gets its node.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/binding-v1/

import { badRequest, conflict, notFound } from '../../machinery/errors.ts';
import type { WireResponse } from '../../machinery/http.ts';
import { goQuote } from '../../machinery/json.ts';
import { isPathSegmentName } from '../../machinery/names.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type { Binding, Pod } from '../../resources/generated/core-v1.ts';
import { plainError, successStatus } from '../http/responses.ts';
import type { CatalogEntry } from '../registry/catalog.ts';
import type { RequestContext, Target } from '../registry/context.ts';
import { optionsDocument } from '../registry/options.ts';
import { admissionRequest } from '../registry/write.ts';
import { outputOfObject, valueAnswer } from '../verbs/answer.ts';
import { checkNamespace } from '../verbs/body.ts';
import { changeObject } from './direct.ts';
import { kindEntry, readPosted } from './kinds.ts';

const BINDING = kindEntry({ group: '', version: 'v1', kind: 'Binding', package: 'io.k8s.api.core.v1' });
const PODS_BINDING = { group: '', resource: 'pods/binding' };

type StoredPod = Pod & KubeObject;

function checkTarget(binding: Binding): void {
  const target = binding.target as Binding['target'] | undefined;
  const problems: string[] = [];
  const kind = target?.kind ?? '';
  if (kind !== '' && kind !== 'Node') {
    problems.push(`target.kind: Unsupported value: ${goQuote(kind)}: supported values: "Node", "<empty>"`);
  }
  if ((target?.name ?? '') === '') problems.push('target.name: Required value');
  if (problems.length === 1) throw plainError(problems[0] ?? '');
  if (problems.length > 1) throw plainError(`[${problems.join(', ')}]`);
}

/** Which pod the binding means, where it says so, comes before everything else. */
function checkPreconditions({ metadata }: StoredPod, binding: Binding): void {
  const { uid, resourceVersion } = binding.metadata ?? {};
  const name = metadata.name ?? '';
  const refuse = (what: string, wanted: string, found: string): Error =>
    conflict(
      { group: '', resource: 'pods' },
      name,
      `StorageError: invalid object, Code: 4, Key: /registry/pods/${metadata.namespace ?? ''}/${name}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${found}`,
    );
  if (uid && uid !== metadata.uid) throw refuse('UID', uid, metadata.uid ?? '');
  if (resourceVersion && resourceVersion !== metadata.resourceVersion)
    throw refuse('ResourceVersion', resourceVersion, metadata.resourceVersion ?? '');
}

function assign(pod: StoredPod, binding: Binding, now: number): boolean {
  const name = pod.metadata.name ?? '';
  checkPreconditions(pod, binding);
  const refuse = (why: string): Error => conflict(PODS_BINDING, name, why);
  if (pod.metadata.deletionTimestamp !== undefined)
    throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  const spec = pod.spec ?? { containers: [] };
  if ((spec.nodeName ?? '') !== '')
    throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(spec.nodeName)}`);
  if ((spec.schedulingGates ?? []).length > 0) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  pod.spec = { ...spec, nodeName: binding.target.name ?? '' };
  const { annotations, labels } = binding.metadata ?? {};
  if (annotations !== undefined) pod.metadata.annotations = { ...pod.metadata.annotations, ...annotations };
  if (labels !== undefined) pod.metadata.labels = { ...pod.metadata.labels, ...labels };
  markScheduled(pod, now);
  return true;
}

function markScheduled(pod: StoredPod, now: number): void {
  // Room that was promised is no longer spoken of once there is a node.
  const { nominatedNodeName: _nominated, ...status } = pod.status ?? {};
  const others = (status.conditions ?? []).filter((condition) => condition.type !== 'PodScheduled');
  const generation = pod.metadata.generation;
  const scheduled = {
    type: 'PodScheduled',
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: rfc3339(now),
  };
  pod.status = { ...status, conditions: [...others, scheduled] } as Pod['status'] & object;
}

/** The name of a pod that no path has checked. */
function checkPodName(name: string): void {
  if (name === '') throw badRequest('Name parameter required.');
  const problems = isPathSegmentName(name);
  if (problems.length > 0) throw badRequest(`Name parameter invalid: ${goQuote(name)}: ${problems.join(';')}`);
}

async function bind(context: RequestContext, target: Target, pods: CatalogEntry, name: string): Promise<WireResponse> {
  const output = outputOfObject(context, { entry: BINDING });
  const { object: binding, options } = readPosted<Binding>(context, BINDING);
  checkNamespace({ ...target, entry: BINDING }, binding);
  const pod = name === '' ? (binding.metadata.name ?? '') : name;
  if ((binding.metadata.name ?? '') !== pod) throw badRequest('name in URL does not match name in Binding object');
  checkTarget(binding);
  if (name === '') checkPodName(pod);
  await context.kernel.admission.admit(
    admissionRequest(context, target, {
      operation: 'CREATE',
      object: binding,
      old: undefined,
      dryRun: options.dryRun,
      options: optionsDocument('CreateOptions', options),
    }),
  );
  await changeObject<StoredPod>(context.kernel, {
    entry: pods,
    namespace: target.namespace,
    name: pod,
    dryRun: options.dryRun,
    change: (draft) => assign(draft, binding, context.kernel.clock.now()),
  });
  return valueAnswer(201, successStatus(201), output);
}

export function podBinding(context: RequestContext, target: Target): Promise<WireResponse> {
  return bind(context, target, target.entry, target.name);
}

/** POST to the collection `bindings`: the pod is the one that the binding is named after. */
export function bindingCollection(context: RequestContext, target: Target): Promise<WireResponse> {
  const pods = context.kernel.catalog.find('', 'v1', 'pods');
  if (pods === undefined) throw notFound({ group: '', resource: 'pods' }, '');
  return bind(context, target, pods, '');
}
