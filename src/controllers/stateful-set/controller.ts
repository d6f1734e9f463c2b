// Runs StatefulSets: a row of pods that keep their names and claims.
import {
  CONTROLLER_REVISIONS,
  objectKey,
  PERSISTENT_VOLUME_CLAIMS,
  PODS,
  type ReconcileResult,
  STATEFUL_SETS,
} from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { deepEqual } from '../../machinery/json.ts';
import { selectorFromObject } from '../../machinery/label-selector.ts';
import { isJsonObject } from '../../machinery/object.ts';
import type { ControllerRevision, StatefulSet } from '../../resources/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec } from '../../resources/generated/core-v1.ts';
import { carryOut } from '../shared/adoption.ts';
import { claim } from '../shared/claim.ts';
import { type ControllerContext, type ControllerRow, recorderFor } from '../shared/context.ts';
import { Expectations } from '../shared/expectations.ts';
import { startKeyed } from '../shared/keyed.ts';
import { messageOf } from '../shared/pod-control.ts';
import { controllerOf } from '../shared/pods.ts';
import { syncRevisions, trimRevisions } from '../shared/revisions.ts';
import {
  claimName,
  claimOwners,
  claimsFor,
  ordinalOf,
  ordinalsOf,
  REVISION_HASH_LABEL,
  revisionOfPod,
} from './pods.ts';
import { planSet } from './reconcile.ts';

const NAME = 'statefulset-controller';

function templateOf(revision: ControllerRevision | undefined): PodTemplateSpec | undefined {
  const data: unknown = revision?.data;
  if (!isJsonObject(data) || !isJsonObject(data.spec) || !isJsonObject(data.spec.template)) return undefined;
  const { $patch: _patch, ...template } = data.spec.template;
  return template;
}

class StatefulSetController {
  private readonly recorder;
  private readonly sets;
  private readonly pods;
  private readonly claims;
  private readonly revisions;
  private readonly expectations = new Expectations();

  constructor(private readonly context: ControllerContext) {
    const { informers } = context;
    this.recorder = recorderFor(context, NAME);
    this.sets = informers.informer(STATEFUL_SETS);
    this.pods = informers.informer(PODS);
    this.claims = informers.informer(PERSISTENT_VOLUME_CLAIMS);
    this.revisions = informers.informer(CONTROLLER_REVISIONS);
    this.sets.addIndex('namespace', (set) => [set.metadata.namespace ?? '']);
    this.pods.addIndex('controller', (pod) => [controllerOf(pod)?.uid ?? []].flat());
    this.pods.addIndex('orphans', (pod) => (controllerOf(pod) === undefined ? [pod.metadata.namespace ?? ''] : []));
    this.revisions.addIndex('controller', (one) => [controllerOf(one)?.uid ?? []].flat());
  }

  start(): void {
    const queue = startKeyed(this.context, {
      name: NAME,
      workers: 5,
      waitFor: [this.sets, this.pods, this.claims, this.revisions],
      reconcile: (key) => this.reconcile(key),
    });
    const own = (set: StatefulSet): void => queue.add(objectKey(set));
    this.sets.addHandler({ onAdd: own, onUpdate: own, onDelete: own });
    const consider = (pod: Pod): void => {
      const owner = controllerOf(pod);
      if (owner?.kind === 'StatefulSet') queue.add(`${pod.metadata.namespace}/${owner.name}`);
      if (owner !== undefined) return;
      for (const set of this.sets.byIndex('namespace', pod.metadata.namespace ?? ''))
        if (ordinalOf(set, pod) !== undefined) queue.add(objectKey(set));
    };
    this.pods.addHandler({
      onAdd: (pod) => {
        this.expectations.created(objectKey(pod));
        consider(pod);
      },
      onUpdate: (pod) => {
        if (pod.metadata.deletionTimestamp !== undefined) this.expectations.deleted(pod.metadata.uid ?? '');
        consider(pod);
      },
      onDelete: (pod) => {
        this.expectations.created(objectKey(pod));
        this.expectations.deleted(pod.metadata.uid ?? '');
        consider(pod);
      },
    });
  }

  private async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const { client, clock } = this.context;
    const set = this.sets.get(key);
    if (set === undefined) {
      this.expectations.forget(key);
      return undefined;
    }
    if (!this.expectations.satisfied(key, clock.now())) return undefined;
    const pods = await this.podsOf(set);
    const { update, all } = await syncRevisions({
      client,
      ref: STATEFUL_SETS,
      owner: set,
      revisions: this.revisions,
      hashLabel: REVISION_HASH_LABEL,
    });
    const updateName = update.metadata.name ?? '';
    const known = all.find((one) => one.metadata.name === set.status?.currentRevision);
    const plan = planSet({
      set,
      pods,
      current: { name: known?.metadata.name ?? updateName, template: templateOf(known) ?? set.spec?.template ?? {} },
      update: { name: updateName, template: set.spec?.template ?? {} },
      now: clock.now(),
    });
    await this.keepClaims(set, pods);
    let failure: unknown;
    try {
      for (const pod of plan.recreate) await this.remove(set, pod);
      for (const pod of plan.create) await this.create(set, pod);
      for (const pod of plan.remove) await this.remove(set, pod);
    } catch (error) {
      failure = error;
    }
    // The status is told also where nothing could be done.
    if (!deepEqual(plan.status, set.status ?? {}))
      await client.resource(STATEFUL_SETS).updateStatus({ ...set, status: plan.status });
    if (failure !== undefined) throw failure;
    const inUse = new Set([updateName, plan.status.currentRevision ?? '', ...pods.map(revisionOfPod)]);
    await trimRevisions(client, { all, inUse, limit: set.spec?.revisionHistoryLimit ?? 10 });
    return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
  }

  private async podsOf(set: StatefulSet): Promise<readonly Pod[]> {
    const { client } = this.context;
    const namespace = set.metadata.namespace ?? '';
    const near = [
      ...this.pods.byIndex('controller', set.metadata.uid ?? ''),
      ...this.pods.byIndex('orphans', namespace),
    ];
    const candidates = near.filter((pod) => ordinalOf(set, pod) !== undefined);
    const claims = claim(set, selectorFromObject(set.spec?.selector), candidates);
    return carryOut(client.resource(PODS), set, claims, () =>
      client.resource(STATEFUL_SETS).get(namespace, set.metadata.name ?? ''),
    );
  }

  private async create(set: StatefulSet, pod: Pod): Promise<void> {
    const { client, clock } = this.context;
    const { namespace = '', name = '' } = pod.metadata;
    const told = `Pod ${name} in StatefulSet ${set.metadata.name}`;
    this.expectations.expectCreation(objectKey(set), `${namespace}/${name}`, clock.now());
    try {
      for (const one of claimsFor(set, name)) await this.createClaim(set, name, one);
      await client.resource(PODS).create(namespace, pod);
      this.recorder.event(set, 'Normal', 'SuccessfulCreate', `Create ${told} successful`);
    } catch (error) {
      this.expectations.created(`${namespace}/${name}`);
      if (isApiError(error, 'AlreadyExists')) throw error;
      this.recorder.event(set, 'Warning', 'FailedCreate', `Create ${told} failed error: ${messageOf(error)}`);
      throw error;
    }
  }

  private async createClaim(set: StatefulSet, podName: string, wanted: PersistentVolumeClaim): Promise<void> {
    const { namespace = '', name = '' } = wanted.metadata;
    if (this.claims.get(`${namespace}/${name}`) !== undefined) return;
    const of = `Pod ${podName} in StatefulSet ${set.metadata.name}`;
    try {
      await this.context.client.resource(PERSISTENT_VOLUME_CLAIMS).create(namespace, wanted);
      this.recorder.event(set, 'Normal', 'SuccessfulCreate', `Create Claim ${name} ${of} success`);
    } catch (error) {
      if (isApiError(error, 'AlreadyExists')) return;
      const message = `Create Claim ${name} for ${of} failed error: ${messageOf(error)}`;
      this.recorder.event(set, 'Warning', 'FailedCreate', message);
      throw error;
    }
  }

  private async remove(set: StatefulSet, pod: Pod): Promise<void> {
    const { client, clock } = this.context;
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    const told = `Pod ${name} in StatefulSet ${set.metadata.name}`;
    this.expectations.expectDeletion(objectKey(set), uid, clock.now());
    try {
      await client.resource(PODS).delete(namespace, name, { preconditions: { uid } });
      this.recorder.event(set, 'Normal', 'SuccessfulDelete', `Delete ${told} successful`);
    } catch (error) {
      this.expectations.deleted(uid);
      if (isApiError(error, 'NotFound')) return;
      this.recorder.event(set, 'Warning', 'FailedDelete', `Delete ${told} failed error: ${messageOf(error)}`);
      throw error;
    }
  }

  /** Gives the claims their owners, where the set's policy lets them go with it or with its pods. */
  private async keepClaims(set: StatefulSet, pods: readonly Pod[]): Promise<void> {
    const { first, count } = ordinalsOf(set);
    for (const pod of pods) {
      const ordinal = ordinalOf(set, pod) ?? -1;
      const condemned = ordinal < first || ordinal >= first + count;
      for (const template of set.spec?.volumeClaimTemplates ?? []) {
        const key = `${set.metadata.namespace}/${claimName(template, pod.metadata.name ?? '')}`;
        const known = this.claims.get(key);
        if (known === undefined) continue;
        const owners = claimOwners(set, pod, { claim: known, condemned }) ?? [];
        if (deepEqual(owners, known.metadata.ownerReferences ?? [])) continue;
        const metadata = { ...known.metadata, ownerReferences: owners };
        await this.context.client.resource(PERSISTENT_VOLUME_CLAIMS).update({ ...known, metadata });
      }
    }
  }
}

export const statefulSet: ControllerRow = {
  name: NAME,
  account: 'statefulset-controller',
  start(context) {
    new StatefulSetController(context).start();
  },
};
