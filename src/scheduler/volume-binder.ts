// Gives the claims that wait for a pod the volumes that were chosen with its node, and waits until they are bound.
// Source: https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode
import {
  type Client,
  type Informer,
  type InformerFactory,
  objectKey,
  objectReference,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
} from '../client/index.ts';
import type { Clock } from '../host/clock.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../resources/generated/core-v1.ts';
import type { VolumeChoice } from './plugins/volume-binding.ts';

const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
/** As long as kube-scheduler waits. */
const PATIENCE_MS = 600_000;

export interface VolumeBinderOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export class VolumeBinder {
  private readonly claims: Informer<PersistentVolumeClaim>;
  private readonly volumes: Informer<PersistentVolume>;
  /** Volumes that are on their way to a claim, and the pod they are for. */
  private readonly promised = new Map<string, string>();
  private readonly waiting = new Map<string, AbortController>();

  constructor(private readonly options: VolumeBinderOptions) {
    this.claims = options.informers.informer(PERSISTENT_VOLUME_CLAIMS);
    this.volumes = options.informers.informer(PERSISTENT_VOLUMES);
    this.volumes.addHandler({
      onUpdate: (volume) => {
        if (volume.spec?.claimRef !== undefined) this.promised.delete(objectKey(volume));
      },
      onDelete: (volume) => this.promised.delete(objectKey(volume)),
    });
  }

  /** Volumes that are promised to nobody. */
  free(): readonly PersistentVolume[] {
    if (this.promised.size === 0) return this.volumes.list();
    return this.volumes.list().filter((volume) => !this.promised.has(objectKey(volume)));
  }

  promise(pod: string, choices: readonly VolumeChoice[]): void {
    for (const { volume } of choices) if (volume !== undefined) this.promised.set(objectKey(volume), pod);
  }

  /** The pod is gone, or could not be bound. */
  forget(pod: string): void {
    this.waiting.get(pod)?.abort();
    for (const [volume, holder] of this.promised) if (holder === pod) this.promised.delete(volume);
  }

  async bind(pod: string, choices: readonly VolumeChoice[], node: string): Promise<void> {
    if (choices.length === 0) return;
    for (const choice of choices) await this.write(choice, node);
    await this.untilBound(
      pod,
      choices.map(({ claim }) => objectKey(claim)),
    );
  }

  private async write({ claim, volume }: VolumeChoice, node: string): Promise<void> {
    const { client } = this.options;
    if (volume === undefined) {
      const { name = '', namespace = '', uid } = claim.metadata;
      const metadata = { uid, annotations: { [SELECTED_NODE]: node } };
      await client.resource(PERSISTENT_VOLUME_CLAIMS).patch(namespace, name, 'merge', { metadata });
      return;
    }
    const byUs: Record<string, string> = volume.spec?.claimRef === undefined ? { [BOUND_BY_CONTROLLER]: 'yes' } : {};
    await client.resource(PERSISTENT_VOLUMES).update({
      ...volume,
      metadata: { ...volume.metadata, annotations: { ...volume.metadata.annotations, ...byUs } },
      spec: { ...volume.spec, claimRef: objectReference(claim) },
    });
  }

  private async untilBound(pod: string, keys: readonly string[]): Promise<void> {
    const { clock, signal } = this.options;
    const enough = new AbortController();
    this.waiting.set(pod, enough);
    const timer = clock.setTimer(PATIENCE_MS, () => enough.abort());
    const stop = (): void => enough.abort();
    signal.addEventListener('abort', stop, { once: true });
    let look: () => void = stop;
    const bound = new Promise<boolean>((resolve) => {
      look = () => {
        if (enough.signal.aborted) resolve(false);
        else if (keys.every((key) => this.claims.get(key)?.status?.phase === 'Bound')) resolve(true);
      };
    });
    const unwatch = this.claims.addHandler({ onUpdate: look, onDelete: look });
    enough.signal.addEventListener('abort', look, { once: true });
    look();
    try {
      if (!(await bound)) throw new Error('binding volumes: context deadline exceeded');
    } finally {
      timer.cancel();
      unwatch();
      signal.removeEventListener('abort', stop);
      this.waiting.delete(pod);
    }
  }
}
