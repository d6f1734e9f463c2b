// Makes the claims that pods want from templates, reserves what is allocated for pods that were bound by hand, and takes back
// what pods do not need any more.
import {
  claimOfPod,
  claimsOfPod,
  type Informer,
  isReservedFor,
  notMadeFor,
  objectKey,
  PODS,
  RESOURCE_CLAIM_TEMPLATES,
  RESOURCE_CLAIMS,
  type ReconcileResult,
  type ResourceClient,
} from '../../client/index.ts';
import { ApiError, isApiError } from '../../machinery/errors.ts';
import type { Pod, PodResourceClaim, PodResourceClaimStatus } from '../../resources/generated/core-v1.ts';
import type {
  ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimTemplate,
} from '../../resources/generated/resource-v1.ts';
import { type ControllerContext, type ControllerRow, recorderFor } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { controllerOf } from '../shared/pods.ts';
import {
  CLAIM_ANNOTATION,
  claimFromTemplate,
  isDone,
  isProtected,
  isSuperfluous,
  podReference,
  stillReserved,
  unprotected,
  withReservations,
} from './reconcile.ts';

const NAME = 'resourceclaim-controller';
const AGAIN: ReconcileResult = { requeueAfterMs: 100 };

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const BY_CLAIM = 'resource-claim';
const BY_TEMPLATE = 'resource-claim-template';
const BY_OWNER = 'controller';

function names(pod: Pod): string[] {
  return claimsOfPod(pod).flatMap((known) => (known.kind === 'named' ? [known.name] : []));
}

function templates(pod: Pod): string[] {
  return (pod.spec?.resourceClaims ?? []).flatMap(({ resourceClaimTemplateName: name = '' }) =>
    name === '' ? [] : [name],
  );
}

class ResourceClaims {
  readonly pods: Informer<Pod>;
  readonly claims: Informer<ResourceClaim>;
  readonly templates: Informer<ResourceClaimTemplate>;
  private readonly client: ResourceClient<ResourceClaim>;
  private readonly podClient: ResourceClient<Pod>;
  private readonly recorder;
  /** Claims that were made and that the watch may not have shown yet, by the pod's uid. */
  private readonly made = new Map<string, ResourceClaim[]>();

  constructor(context: ControllerContext) {
    const { informers, client } = context;
    this.pods = informers.informer(PODS);
    this.claims = informers.informer(RESOURCE_CLAIMS);
    this.templates = informers.informer(RESOURCE_CLAIM_TEMPLATES);
    this.pods.addIndex(BY_CLAIM, (pod) => names(pod).map((name) => `${pod.metadata.namespace}/${name}`));
    this.pods.addIndex(BY_TEMPLATE, (pod) => templates(pod).map((name) => `${pod.metadata.namespace}/${name}`));
    this.claims.addIndex(BY_OWNER, (claim) => [controllerOf(claim)?.uid ?? '']);
    this.client = client.resource(RESOURCE_CLAIMS);
    this.podClient = client.resource(PODS);
    this.recorder = recorderFor(context, 'resource_claim');
  }

  forget(pod: Pod): void {
    this.made.delete(pod.metadata.uid ?? '');
  }

  async pod(key: string): Promise<void> {
    const pod = this.pods.get(key);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return;
    const statuses: PodResourceClaimStatus[] = [];
    for (const wanted of pod.spec?.resourceClaims ?? []) {
      try {
        const made = await this.make(pod, wanted);
        if (made !== undefined) statuses.push({ name: wanted.name, resourceClaimName: made.metadata.name ?? '' });
      } catch (error) {
        const text = `PodResourceClaim ${wanted.name}: ${textOf(error)}`;
        this.recorder.event(pod, 'Warning', 'FailedResourceClaimCreation', text);
        throw error;
      }
    }
    if (statuses.length > 0) await this.tell(pod, statuses);
    // Where the scheduler chose the node it has reserved the claims too.
    else if ((pod.spec?.nodeName ?? '') !== '') await this.reserve(pod);
  }

  /** The claim that the pod has to be told of; undefined when there is none to make. */
  private async make(pod: Pod, wanted: PodResourceClaim): Promise<ResourceClaim | undefined> {
    const namespace = pod.metadata.namespace ?? '';
    const known = claimOfPod(pod, wanted);
    if (known.kind === 'none') return undefined;
    if (known.kind === 'named') {
      const claim = this.claims.get(`${namespace}/${known.name}`);
      if (!known.generated || (claim !== undefined && notMadeFor(pod, claim) === undefined)) return undefined;
    }
    const name = wanted.resourceClaimTemplateName ?? '';
    if (name === '') return undefined;
    const before = this.orphan(pod, wanted.name);
    if (before !== undefined) return before;
    const template = this.templates.get(`${namespace}/${name}`);
    if (template === undefined) {
      const message = `resource claim template "${name}": resourceclaimtemplate.resource.k8s.io "${name}" not found`;
      throw new ApiError({ reason: 'NotFound', message });
    }
    const created = await this.client
      .create(namespace, claimFromTemplate(pod, wanted.name, template))
      .catch((error: unknown) => {
        throw new Error(`create ResourceClaim : ${textOf(error)}`, { cause: error });
      });
    const uid = pod.metadata.uid ?? '';
    this.made.set(uid, [...(this.made.get(uid) ?? []), created]);
    return created;
  }

  /** One that was made before, and of which the pod was not told. */
  private orphan(pod: Pod, name: string): ResourceClaim | undefined {
    const uid = pod.metadata.uid ?? '';
    const own = [...(this.made.get(uid) ?? []), ...this.claims.byIndex(BY_OWNER, uid)];
    return own.find((claim) => claim.metadata.annotations?.[CLAIM_ANNOTATION] === name);
  }

  gone(claim: ResourceClaim): void {
    const owner = controllerOf(claim)?.uid ?? '';
    const made = this.made.get(owner);
    if (made === undefined) return;
    this.made.set(
      owner,
      made.filter((one) => one.metadata.uid !== claim.metadata.uid),
    );
  }

  private async tell(pod: Pod, statuses: readonly PodResourceClaimStatus[]): Promise<void> {
    const { namespace = '', name = '', uid } = pod.metadata;
    const body = { metadata: { uid }, status: { resourceClaimStatuses: statuses } };
    await this.podClient
      .patch(namespace, name, 'strategic', body, { subresource: 'status' })
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
      });
  }

  private async reserve(pod: Pod): Promise<void> {
    for (const known of claimsOfPod(pod)) {
      if (known.kind !== 'named') continue;
      const claim = this.claims.get(`${pod.metadata.namespace}/${known.name}`);
      if (claim === undefined) return;
      const foreign = known.generated ? notMadeFor(pod, claim) : undefined;
      if (foreign !== undefined) throw new Error(foreign);
      if (claim.status?.allocation === undefined || isReservedFor(claim, pod)) continue;
      const reservedFor = [...(claim.status.reservedFor ?? []), podReference(pod)];
      await this.client.updateStatus({ ...claim, status: { ...claim.status, reservedFor } });
    }
  }

  async claim(key: string): Promise<void> {
    const claim = this.claims.get(key);
    if (claim === undefined) return;
    const before = claim.status?.reservedFor ?? [];
    const reservedFor = await this.stillReserved(claim, before);
    const dying = claim.metadata.deletionTimestamp !== undefined;
    if (reservedFor.length < before.length || (dying && reservedFor.length === 0 && isProtected(claim)))
      await this.release(claim, reservedFor);
    const owner = controllerOf(claim)?.name ?? '';
    if (reservedFor.length > 0 || dying || !isSuperfluous(claim, this.pods.get(`${claim.metadata.namespace}/${owner}`)))
      return;
    const { namespace = '', name = '', uid } = claim.metadata;
    const options = uid === undefined ? {} : { preconditions: { uid } };
    await this.client.delete(namespace, name, options).catch((error: unknown) => {
      if (!isApiError(error, 'NotFound')) throw error;
    });
  }

  private async stillReserved(
    claim: ResourceClaim,
    before: readonly ResourceClaimConsumerReference[],
  ): Promise<ResourceClaimConsumerReference[]> {
    const kept: ResourceClaimConsumerReference[] = [];
    const { namespace = '' } = claim.metadata;
    for (const consumer of before) {
      // The watch may not have shown a pod yet that is being scheduled: only the API can tell that there is none.
      const pod = this.pods.get(`${namespace}/${consumer.name}`) ?? (await this.podOf(namespace, consumer));
      if (stillReserved(consumer, pod)) kept.push(consumer);
    }
    return kept;
  }

  private async podOf(namespace: string, consumer: ResourceClaimConsumerReference): Promise<Pod | undefined> {
    if (consumer.resource !== 'pods' || (consumer.apiGroup ?? '') !== '') return undefined;
    return this.podClient.get(namespace, consumer.name).catch((error: unknown) => {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    });
  }

  private async release(claim: ResourceClaim, reservedFor: readonly ResourceClaimConsumerReference[]): Promise<void> {
    const changed =
      reservedFor.length < (claim.status?.reservedFor ?? []).length || claim.status?.allocation !== undefined;
    const updated = changed ? await this.client.updateStatus(withReservations(claim, reservedFor)) : claim;
    if (isProtected(updated) && updated.status?.allocation === undefined)
      await this.client.update(unprotected(updated));
  }
}

export const resourceClaim: ControllerRow = {
  name: NAME,
  account: 'resource-claim-controller',
  start(context) {
    const work = new ResourceClaims(context);
    const queue = startKeyed(context, {
      name: NAME,
      waitFor: [work.pods, work.claims, work.templates],
      async reconcile(key) {
        const at = key.indexOf(':');
        const object = key.slice(at + 1);
        try {
          await (key.startsWith('pod:') ? work.pod(object) : work.claim(object));
          return undefined;
        } catch (error) {
          // Somebody was quicker: what is true now is looked at again.
          if (isApiError(error, 'Conflict')) return AGAIN;
          // When the template comes its pods are looked at again; the event says what is missing.
          if (isApiError(error, 'NotFound')) return undefined;
          throw error;
        }
      },
    });
    const podChanged = (pod: Pod, deleted = false): void => {
      if ((pod.spec?.resourceClaims ?? []).length === 0) return;
      if (deleted || isDone(pod)) for (const name of names(pod)) queue.add(`claim:${pod.metadata.namespace}/${name}`);
      if (!deleted) queue.add(`pod:${objectKey(pod)}`);
    };
    work.pods.addHandler({
      onAdd: (pod) => podChanged(pod),
      onUpdate: (pod) => podChanged(pod),
      onDelete: (pod) => {
        work.forget(pod);
        podChanged(pod, true);
      },
    });
    const claimChanged = (claim: ResourceClaim, deleted = false): void => {
      const key = objectKey(claim);
      if (deleted) work.gone(claim);
      else queue.add(`claim:${key}`);
      for (const pod of work.pods.byIndex(BY_CLAIM, key)) podChanged(pod);
    };
    work.claims.addHandler({
      onAdd: (claim) => claimChanged(claim),
      onUpdate: (claim) => claimChanged(claim),
      onDelete: (claim) => claimChanged(claim, true),
    });
    work.templates.addHandler({
      onAdd: (template) => {
        for (const pod of work.pods.byIndex(BY_TEMPLATE, objectKey(template))) podChanged(pod);
      },
    });
  },
};
