// Binds claims to volumes, and reclaims volumes whose claims are gone.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/
import {
  type Informer,
  objectKey,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  type ResourceClient,
  STORAGE_CLASSES,
  type WorkQueue,
} from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../resources/generated/core-v1.ts';
import { type ControllerContext, type ControllerRow, recorderFor } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { isFinished } from '../shared/pods.ts';
import { claimBound, claimPhase, volumeBound, volumePhase, volumeUnbound } from './bind.ts';
import { type ClaimPlan, planClaim, planVolume, type View } from './plan.ts';
import { deleteContent } from './reclaim.ts';

const NAME = 'persistentvolume-binder-controller';
const CLAIM = 'claim:';
const VOLUME = 'volume:';
const PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
const PROVISIONER_BETA = 'volume.beta.kubernetes.io/storage-provisioner';

/** The claims that a pod names, with or without a node, as `namespace/name`. */
function namedClaims(pod: Pod): string[] {
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    const ephemeral = volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`;
    const name = volume.persistentVolumeClaim?.claimName ?? ephemeral;
    return name === undefined ? [] : [`${pod.metadata.namespace}/${name}`];
  });
}

/** What an informer knows, and what was written since. */
class Latest<T extends KubeObject> {
  private readonly written = new Map<string, T>();
  constructor(
    private readonly informer: Informer<T>,
    private readonly client: ResourceClient<T>,
  ) {}

  private newer(known: T): T {
    const own = this.written.get(objectKey(known));
    if (own === undefined) return known;
    if (
      own.metadata.uid === known.metadata.uid &&
      Number(own.metadata.resourceVersion) > Number(known.metadata.resourceVersion)
    )
      return own;
    this.written.delete(objectKey(known));
    return known;
  }

  get(key: string): T | undefined {
    const known = this.informer.get(key);
    return known === undefined ? undefined : this.newer(known);
  }

  list(): readonly T[] {
    return this.informer.list().map((one) => this.newer(one));
  }

  forget(key: string): void {
    this.written.delete(key);
  }

  async write(object: T, what: 'update' | 'updateStatus'): Promise<T> {
    const done = await this.client[what](object);
    this.written.set(objectKey(done), done);
    return done;
  }
}

class Binder {
  private readonly claims: Latest<PersistentVolumeClaim>;
  private readonly volumes: Latest<PersistentVolume>;
  private readonly recorder;
  private readonly pods: Informer<Pod>;
  private readonly classes;
  private queue: WorkQueue | undefined;
  /** What was last said about a claim: said again only when it changes. */
  private readonly said = new Map<string, string>();

  constructor(private readonly context: ControllerContext) {
    const { informers, client } = context;
    this.claims = new Latest(informers.informer(PERSISTENT_VOLUME_CLAIMS), client.resource(PERSISTENT_VOLUME_CLAIMS));
    this.volumes = new Latest(informers.informer(PERSISTENT_VOLUMES), client.resource(PERSISTENT_VOLUMES));
    this.pods = informers.informer(PODS);
    this.pods.addIndex('named-claim', namedClaims);
    this.classes = informers.informer(STORAGE_CLASSES);
    this.recorder = recorderFor(context, 'persistentvolume-controller');
  }

  start(): void {
    const { informers } = this.context;
    const claims = informers.informer(PERSISTENT_VOLUME_CLAIMS);
    const volumes = informers.informer(PERSISTENT_VOLUMES);
    this.queue = startKeyed(this.context, {
      name: NAME,
      // One at a time: a volume is promised to one claim only.
      workers: 1,
      waitFor: [claims, volumes, this.pods, this.classes],
      reconcile: async (key) => {
        if (key.startsWith(CLAIM)) await this.claim(key.slice(CLAIM.length));
        else await this.volume(key.slice(VOLUME.length));
        return undefined;
      },
    });
    const { queue } = this;
    const claim = (one: KubeObject): void => queue.add(`${CLAIM}${objectKey(one)}`);
    const ofClaim = (one: PersistentVolumeClaim): void => {
      claim(one);
      this.said.delete(objectKey(one));
      this.claims.forget(objectKey(one));
      if ((one.spec?.volumeName ?? '') !== '') queue.add(`${VOLUME}${one.spec?.volumeName}`);
      for (const v of volumes.list())
        if (v.spec?.claimRef?.uid === one.metadata.uid) queue.add(`${VOLUME}${objectKey(v)}`);
    };
    claims.addHandler({ onAdd: claim, onUpdate: claim, onDelete: ofClaim });
    volumes.addHandler({
      onAdd: (one) => this.volumeSeen(one),
      onUpdate: (one) => this.volumeSeen(one),
      onDelete: (one) => this.volumeGone(one),
    });
    this.classes.addHandler({ onAdd: () => this.lookAtPending(), onUpdate: () => this.lookAtPending() });
    this.pods.addHandler({ onAdd: (pod) => this.podSeen(pod) });
  }

  private volumeSeen(volume: PersistentVolume): void {
    this.queue?.add(`${VOLUME}${objectKey(volume)}`);
    if (volume.status?.phase === 'Available') this.lookAtPending();
  }

  private volumeGone(volume: PersistentVolume): void {
    this.volumes.forget(objectKey(volume));
    const ref = volume.spec?.claimRef;
    if (ref !== undefined) this.queue?.add(`${CLAIM}${ref.namespace}/${ref.name}`);
  }

  private podSeen(pod: Pod): void {
    for (const key of namedClaims(pod)) this.queue?.add(`${CLAIM}${key}`);
  }

  private lookAtPending(): void {
    for (const one of this.claims.list()) {
      if (one.status?.phase !== 'Bound') this.queue?.add(`${CLAIM}${objectKey(one)}`);
    }
  }

  private view(): View {
    const { claims, volumes, classes, pods } = this;
    return {
      get volumes() {
        return volumes.list();
      },
      volume: (name) => volumes.get(name),
      claim: (namespace, name) => claims.get(`${namespace}/${name}`),
      storageClass: (name) => classes.get(name),
      get classes() {
        return classes.list();
      },
      waitingPods: (claim) =>
        pods.byIndex('named-claim', objectKey(claim)).filter((p) => (p.spec?.nodeName ?? '') === '' && !isFinished(p)),
    };
  }

  private async claim(key: string): Promise<void> {
    const claim = this.claims.get(key);
    if (claim === undefined) return;
    const plan = planClaim(claim, this.view());
    this.tell(claim, plan);
    if (plan.do === 'bind') await this.bind(plan.volume, claim);
    else if (plan.do === 'take-class') {
      await this.claims.write({ ...claim, spec: { ...claim.spec, storageClassName: plan.name } }, 'update');
    } else if (plan.do !== 'nothing') await this.unbound(claim, plan);
  }

  private tell(claim: PersistentVolumeClaim, plan: ClaimPlan): void {
    const say = plan.do === 'bind' ? undefined : plan.say;
    const key = objectKey(claim);
    const text = say === undefined ? '' : `${say.reason}: ${say.message}`;
    if (say === undefined || this.said.get(key) === text) return;
    this.said.set(key, text);
    this.recorder.event(claim, say.type, say.reason, say.message);
  }

  private async unbound(
    claim: PersistentVolumeClaim,
    plan: Extract<ClaimPlan, { do: 'pend' | 'lose' }>,
  ): Promise<void> {
    let current = claim;
    const { provisioner } = plan;
    const annotations = claim.metadata.annotations ?? {};
    if (provisioner !== undefined && annotations[PROVISIONER] !== provisioner) {
      const marked = { ...annotations, [PROVISIONER]: provisioner, [PROVISIONER_BETA]: provisioner };
      const metadata = { ...claim.metadata, annotations: marked };
      current = await this.claims.write({ ...claim, metadata }, 'update');
    }
    const next = claimPhase(current, plan.do === 'pend' ? 'Pending' : 'Lost');
    if (next !== undefined) await this.claims.write(next, 'updateStatus');
  }

  private async bind(found: PersistentVolume, wanting: PersistentVolumeClaim): Promise<void> {
    let volume = found;
    let claim = wanting;
    const kept = volumeBound({ volume, claim });
    if (kept !== undefined) volume = await this.volumes.write(kept, 'update');
    const taken = volumePhase(volume, 'Bound');
    if (taken !== undefined) volume = await this.volumes.write(taken, 'updateStatus');
    const named = claimBound({ volume, claim });
    if (named !== undefined) claim = await this.claims.write(named, 'update');
    const done = claimPhase(claim, 'Bound', volume);
    if (done !== undefined) await this.claims.write(done, 'updateStatus');
    this.said.delete(objectKey(claim));
  }

  private async volume(name: string): Promise<void> {
    const volume = this.volumes.get(name);
    if (volume === undefined) return;
    const plan = planVolume(volume, this.view());
    if (plan.do === 'release') {
      if (!(await this.isClaimThere(volume))) await this.release(volume);
    } else if (plan.do === 'unbind') {
      const freed = await this.volumes.write(volumeUnbound(volume), 'update');
      await this.phase(freed, 'Available');
    } else {
      if (plan.phase !== undefined) await this.phase(volume, plan.phase);
      if (plan.do === 'look-at-claim') this.queue?.add(`${CLAIM}${plan.claim}`);
    }
  }

  /** The watch may be behind: before a volume is given up the API itself is asked for its claim. */
  private async isClaimThere(volume: PersistentVolume): Promise<boolean> {
    const { namespace = '', name = '', uid } = volume.spec?.claimRef ?? {};
    try {
      const claim = await this.context.client.resource(PERSISTENT_VOLUME_CLAIMS).get(namespace, name);
      return claim.metadata.uid === uid;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return false;
      throw error;
    }
  }

  private async phase(volume: PersistentVolume, phase: string, message = ''): Promise<PersistentVolume> {
    const next = volumePhase(volume, phase, message);
    return next === undefined ? volume : this.volumes.write(next, 'updateStatus');
  }

  private async release(volume: PersistentVolume): Promise<void> {
    const { phase } = volume.status ?? {};
    const failed = phase === 'Failed';
    const released = failed || phase === 'Released' ? volume : await this.phase(volume, 'Released');
    const policy = volume.spec?.persistentVolumeReclaimPolicy ?? 'Retain';
    if (policy === 'Retain') return;
    try {
      if (policy !== 'Delete') throw new Error('No recycler plugin found for the volume!');
      if ((await deleteContent(released)) === 'elsewhere') return;
    } catch (error) {
      if (failed) return;
      const message = error instanceof Error ? error.message : String(error);
      this.recorder.event(
        volume,
        'Warning',
        policy === 'Delete' ? 'VolumeFailedDelete' : 'VolumeFailedRecycle',
        message,
      );
      await this.phase(released, 'Failed', message);
      return;
    }
    await this.context.client
      .resource(PERSISTENT_VOLUMES)
      .delete('', volume.metadata.name ?? '')
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
  }
}

export const persistentVolumeBinder: ControllerRow = {
  name: NAME,
  account: 'persistent-volume-binder',
  start: (context) => new Binder(context).start(),
};
