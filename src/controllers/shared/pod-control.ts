// Creates and deletes pods for a controller, tells of it in events, and remembers what it has yet to see.
import { type EventRecorder, type Informer, objectKey, PODS, type WorkQueue } from '../../client/index.ts';
import { ApiError, isApiError } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { type ControllerContext, recorderFor } from './context.ts';
import { Expectations } from './expectations.ts';
import { controllerOf, isActive } from './pods.ts';

export interface PodControlOptions {
  readonly context: ControllerContext;
  /** The events' source: `replicaset-controller`. */
  readonly component: string;
  /** The kind of the owners. */
  readonly kind: string;
}

export class PodControl {
  readonly pods: Informer<Pod>;
  readonly recorder: EventRecorder;
  private readonly expectations = new Expectations();

  constructor(private readonly options: PodControlOptions) {
    this.pods = options.context.informers.informer(PODS);
    this.pods.addIndex('orphans', (pod) => (controllerOf(pod) === undefined ? [pod.metadata.namespace ?? ''] : []));
    this.pods.addIndex('controller', (pod) => [controllerOf(pod)?.uid ?? []].flat());
    this.pods.addIndex(`owner ${options.kind}`, (pod) => {
      const owner = controllerOf(pod);
      return owner?.kind === options.kind ? [`${pod.metadata.namespace ?? ''}/${owner.name}`] : [];
    });
    this.recorder = recorderFor(options.context, options.component);
  }

  /** Pods that the owner has, and those that it may adopt. */
  candidates(owner: KubeObject): readonly Pod[] {
    const own = this.pods.byIndex('controller', owner.metadata.uid ?? '');
    return [...own, ...this.pods.byIndex('orphans', owner.metadata.namespace ?? '')];
  }

  /** Wakes the owner of a pod that changed; `orphan` is asked for pods that have none. */
  wake(queue: WorkQueue, orphan?: (pod: Pod) => void): void {
    const consider = (pod: Pod): void => {
      const owner = controllerOf(pod);
      if (owner === undefined) orphan?.(pod);
      else if (owner.kind === this.options.kind) queue.add(`${pod.metadata.namespace ?? ''}/${owner.name}`);
    };
    this.pods.addHandler({
      onAdd: (pod) => {
        this.expectations.created(objectKey(pod));
        if (pod.metadata.deletionTimestamp !== undefined) this.expectations.deleted(pod.metadata.uid ?? '');
        consider(pod);
      },
      onUpdate: (pod, old) => {
        if (pod.metadata.deletionTimestamp !== undefined) this.expectations.deleted(pod.metadata.uid ?? '');
        if (controllerOf(old)?.uid !== controllerOf(pod)?.uid) consider(old);
        consider(pod);
      },
      onDelete: (pod) => {
        this.expectations.created(objectKey(pod));
        this.expectations.deleted(pod.metadata.uid ?? '');
        consider(pod);
      },
    });
  }

  /** False while something done has not been seen yet. */
  upToDate(key: string): boolean {
    return this.expectations.satisfied(key, this.options.context.clock.now());
  }

  forget(key: string): void {
    this.expectations.forget(key);
  }

  /** Creates them one, two, four … at a time, and stops when the first fails: a quota or a webhook would refuse all. Returns the error. */
  async create(owner: KubeObject, pods: readonly Pod[]): Promise<unknown> {
    const key = objectKey(owner);
    let at = 0;
    let failure: unknown;
    for (let size = 1; at < pods.length && failure === undefined; size *= 2) {
      const batch = pods.slice(at, at + size);
      at += size;
      const results = await Promise.allSettled(batch.map((pod) => this.createOne(key, owner, pod)));
      for (const result of results) if (result.status === 'rejected') failure ??= result.reason;
    }
    return failure;
  }

  private async createOne(key: string, owner: KubeObject, pod: Pod): Promise<void> {
    const { context } = this.options;
    const name = pod.metadata.name ?? '';
    const namespace = pod.metadata.namespace ?? '';
    this.expectations.expectCreation(key, `${namespace}/${name}`, context.clock.now());
    try {
      await context.client.resource(PODS).create(namespace, pod);
      this.recorder.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${name}`);
    } catch (error) {
      this.expectations.created(`${namespace}/${name}`);
      const failure = withoutSuffix(error, pod);
      const terminating =
        isApiError(error, 'Forbidden') && error.details?.causes?.some((c) => c.reason === 'NamespaceTerminating');
      if (terminating === true) return;
      this.recorder.event(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(failure)}`);
      throw failure;
    }
  }

  /** Returns the first error. */
  async delete(owner: KubeObject, pods: readonly Pod[]): Promise<unknown> {
    const key = objectKey(owner);
    const results = await Promise.allSettled(
      pods.filter(isActiveOrFinished).map((pod) => this.deleteOne(key, owner, pod)),
    );
    const failed = results.find((result) => result.status === 'rejected');
    return failed?.reason;
  }

  private async deleteOne(key: string, owner: KubeObject, pod: Pod): Promise<void> {
    const { context } = this.options;
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    this.expectations.expectDeletion(key, uid, context.clock.now());
    try {
      await context.client.resource(PODS).delete(namespace, name, { preconditions: { uid } });
      this.recorder.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (error) {
      this.expectations.deleted(uid);
      if (isApiError(error, 'NotFound')) return;
      this.recorder.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
      throw error;
    }
  }
}

/** The refusals of those who look at a pod before it has its name; quotas, limits and security look at it after. */
const BEFORE_NAMED =
  /error looking up service account|no PriorityClass with name|RuntimeClass|unable to create new content in namespace/;

/** Names the pod by its prefix, as a server does that was to make the name up: the same refusal is then the same message. */
function withoutSuffix(error: unknown, pod: Pod): unknown {
  const { name = '', generateName } = pod.metadata;
  if (!isApiError(error) || generateName === undefined || !BEFORE_NAMED.test(error.message)) return error;
  const { reason, code, details } = error;
  const message = error.message.replaceAll(name, generateName);
  return new ApiError({ reason, code, message, cause: error, ...(details === undefined ? {} : { details }) });
}

function isActiveOrFinished(pod: Pod): boolean {
  return isActive(pod) || pod.metadata.deletionTimestamp === undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
