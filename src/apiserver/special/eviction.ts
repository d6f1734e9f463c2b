// pods/eviction: a deletion that asks the disruption budgets first.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
import { ApiError, badRequest, isApiError } from '../../machinery/errors.ts';
import { FieldPath, fieldErrors, invalid } from '../../machinery/field-error.ts';
import type { WireResponse } from '../../machinery/http.ts';
import { selectorFromObject } from '../../machinery/label-selector.ts';
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { Eviction, PodDisruptionBudget } from '../../resources/generated/policy-v1.ts';
import { plainError, successStatus } from '../http/responses.ts';
import type { CatalogEntry } from '../registry/catalog.ts';
import type { Kernel, RequestContext, Target } from '../registry/context.ts';
import { deleteObject } from '../registry/deletion.ts';
import { readObject } from '../registry/objects.ts';
import { optionsDocument } from '../registry/options.ts';
import { admissionRequest } from '../registry/write.ts';
import { outputOfObject, valueAnswer } from '../verbs/answer.ts';
import { checkNamespace } from '../verbs/body.ts';
import { checkDeleteOptions, type DeleteOptions } from '../verbs/delete-options.ts';
import { changeObject, readOne } from './direct.ts';
import { kindEntry, readPosted } from './kinds.ts';

const EVICTION = kindEntry({ group: 'policy', version: 'v1', kind: 'Eviction', package: 'io.k8s.api.policy.v1' });
const REFUSED = "Cannot evict pod as it would violate the pod's disruption budget.";
const MAX_DISRUPTED = 2000;

type StoredPod = Pod & KubeObject;
type StoredBudget = PodDisruptionBudget & KubeObject;

function tooMany(message: string, retryAfterSeconds: number): ApiError {
  return new ApiError({
    reason: 'TooManyRequests',
    message: REFUSED,
    details: {
      causes: [{ reason: 'DisruptionBudget', message }],
      ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
    },
  });
}

/** Pods that serve nobody (yet or any more) are no loss to a budget. */
function ignoresBudgets(pod: StoredPod): boolean {
  const phase = pod.status?.phase;
  return (
    phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined
  );
}

function isReady(pod: StoredPod): boolean {
  return (pod.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');
}

async function budgetsOf(kernel: Kernel, entry: CatalogEntry, pod: StoredPod): Promise<StoredBudget[]> {
  const namespace = pod.metadata.namespace ?? '';
  const found = await kernel.store.list({ prefix: `${entry.prefix}${namespace}/` });
  const labels = pod.metadata.labels ?? {};
  return found.items
    .map((value) => readObject(entry, value) as StoredBudget)
    .filter((budget) => {
      const selector = budget.spec?.selector;
      return selector !== undefined && selectorFromObject(selector).matches(labels);
    });
}

/** Takes one disruption from the budget; throws when there is none left. */
function takeDisruption(budget: StoredBudget, pod: string, now: number): boolean {
  const name = budget.metadata.name ?? '';
  const status = budget.status ?? ({} as NonNullable<PodDisruptionBudget['status']>);
  if ((status.observedGeneration ?? 0) < (budget.metadata.generation ?? 0)) {
    throw tooMany(`The disruption budget ${name} is still being processed by the server.`, 10);
  }
  const allowed = status.disruptionsAllowed ?? 0;
  const disrupted = status.disruptedPods ?? {};
  if (allowed < 0) throw plainError('pdb disruptions allowed is negative');
  if (Object.keys(disrupted).length > MAX_DISRUPTED) {
    throw plainError('DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  }
  if (allowed === 0) {
    const healthy = `needs ${status.desiredHealthy ?? 0} healthy pods and has ${status.currentHealthy ?? 0} currently`;
    throw tooMany(`The disruption budget ${name} ${healthy}`, 0);
  }
  budget.status = { ...status, disruptionsAllowed: allowed - 1, disruptedPods: { ...disrupted, [pod]: rfc3339(now) } };
  return true;
}

function allowsUnhealthy(budget: StoredBudget, pod: StoredPod): boolean {
  if (isReady(pod)) return false;
  if (budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

async function askBudgets(context: RequestContext, pod: StoredPod, dryRun: boolean): Promise<void> {
  const { kernel } = context;
  const entry = kernel.catalog.find('policy', 'v1', 'poddisruptionbudgets');
  if (entry === undefined || ignoresBudgets(pod)) return;
  const budgets = await budgetsOf(kernel, entry, pod);
  if (budgets.length > 1) {
    throw plainError(
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  }
  const [budget] = budgets;
  if (budget === undefined || allowsUnhealthy(budget, pod)) return;
  await changeObject<StoredBudget>(kernel, {
    entry,
    namespace: pod.metadata.namespace ?? '',
    name: budget.metadata.name ?? '',
    dryRun,
    change: (draft) => takeDisruption(draft, pod.metadata.name ?? '', kernel.clock.now()),
  });
}

/** Why the pod goes, for those who look at it while it does. */
function markDisrupted(pod: StoredPod, now: number): boolean {
  const others = (pod.status?.conditions ?? []).filter((c) => c.type !== 'DisruptionTarget');
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: rfc3339(now),
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  pod.status = { ...pod.status, conditions: [...others, condition] } as Pod['status'] & object;
  return true;
}

function optionsOf(eviction: Eviction, dryRun: boolean): DeleteOptions {
  const options = eviction.deleteOptions;
  return {
    gracePeriodSeconds: options?.gracePeriodSeconds,
    propagationPolicy: options?.propagationPolicy,
    orphanDependents: options?.orphanDependents,
    uid: options?.preconditions?.uid,
    resourceVersion: options?.preconditions?.resourceVersion,
    dryRun: dryRun || (options?.dryRun ?? []).length > 0,
    sent: (options ?? {}) as JsonObject,
  };
}

/** Who asks for a dry run in two places is to ask for the same. */
function checkOptions({ deleteOptions }: Eviction, name: string, asked: readonly string[]): void {
  if (deleteOptions?.ignoreStoreReadErrorWithClusterBreakingPotential === true) {
    const path = FieldPath.of('deleteOptions', 'ignoreStoreReadErrorWithClusterBreakingPotential');
    throw invalid('Eviction', 'policy', name, [
      fieldErrors.invalid(path, true, 'can not be set for pod eviction, try after removing the option'),
    ]);
  }
  const sent = deleteOptions?.dryRun ?? [];
  if (sent.length > 0 && asked.length > 0 && sent.join('\0') !== asked.join('\0'))
    throw plainError(
      `Non-matching dry-run options in request and content: [${asked.join(' ')}] and [${sent.join(' ')}]`,
    );
}

export async function podEviction(context: RequestContext, target: Target): Promise<WireResponse> {
  const output = outputOfObject(context, { entry: EVICTION });
  const { object: eviction, options } = readPosted<Eviction>(context, EVICTION);
  checkNamespace({ ...target, entry: EVICTION }, eviction);
  if (eviction.metadata.name !== target.name) throw badRequest('name in URL does not match name in Eviction object');
  checkOptions(eviction, target.name, context.request.query.getAll('dryRun'));
  const { admission } = context.kernel;
  const request = admissionRequest(context, target, {
    operation: 'CREATE',
    object: eviction,
    old: undefined,
    dryRun: options.dryRun,
    options: optionsDocument('CreateOptions', options),
  });
  await admission.admit(request);
  const pod = await readOne<StoredPod>(context.kernel, target.entry, target.namespace, target.name);
  await admission.validate(request);
  const deletion = optionsOf(eviction, options.dryRun);
  checkDeleteOptions(eviction.deleteOptions?.dryRun ?? [], deletion.propagationPolicy, deletion.orphanDependents);
  await askBudgets(context, pod, deletion.dryRun);
  if (pod.metadata.deletionTimestamp === undefined && !deletion.dryRun) {
    await changeObject<StoredPod>(context.kernel, {
      entry: target.entry,
      namespace: target.namespace,
      name: target.name,
      dryRun: false,
      change: (draft) => markDisrupted(draft, context.kernel.clock.now()),
    }).catch((error: unknown) => {
      if (!isApiError(error, 'NotFound')) throw error;
    });
  }
  await deleteObject(context, { ...target, subresource: '' }, deletion);
  return valueAnswer(201, successStatus(201), output);
}
