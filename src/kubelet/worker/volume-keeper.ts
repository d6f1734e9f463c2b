// Keeps one pod's volumes set up and current, and tries again, more and more slowly, when one cannot be.
import { nearest } from '../../machinery/int64.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { messageOf } from '../container/errors.ts';
import type { FieldContext } from '../container/fields.ts';
import { allContainers, specOf } from '../pod/identity.ts';
import { VolumeError, VolumesError, waitingText } from '../volumes/errors.ts';
import type { PayloadContext } from '../volumes/payload.ts';
import { PodCertificates } from '../volumes/pod-certificates.ts';
import { PodVolumes, type VolumeDeps, type VolumeMap } from '../volumes/pod-volumes.ts';
import { PodTokens } from '../volumes/tokens.ts';
import type { WorkerDeps } from './deps.ts';

const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 122_000] as const;
const LAST_RETRY_MS = 122_000;
/** After so long it is said which volumes the pod still waits for. */
const PATIENCE_MS = 123_000;

/** The user that all containers run as, if there is one: token files are theirs. */
function commonUser(pod: Pod): number | undefined {
  const shared = specOf(pod).securityContext?.runAsUser;
  const users = new Set(allContainers(pod).map((c) => nearest(c.spec.securityContext?.runAsUser ?? shared)));
  const [user] = users;
  return users.size === 1 ? user : undefined;
}

export class VolumeKeeper {
  private readonly volumes: PodVolumes;
  private readonly tokens: PodTokens;
  private readonly certificates: PodCertificates;
  private stale = true;
  private ready = false;
  private failures = 0;
  private retryAt = 0;
  private waitingSince: number | undefined;

  constructor(
    private readonly deps: WorkerDeps,
    volumeDeps: VolumeDeps,
    private readonly uid: string,
    private readonly say: (reason: string, message: string) => void,
  ) {
    this.volumes = new PodVolumes(volumeDeps);
    this.tokens = new PodTokens(deps.requestToken, () => deps.clock.now());
    const { client, clock, thisNode } = deps;
    this.certificates = new PodCertificates({ client, clock, node: thisNode, onChange: () => deps.changed(uid) });
  }

  get mounted(): VolumeMap {
    return this.volumes.mounted;
  }

  get isStale(): boolean {
    return this.stale;
  }

  /** Something that the content depends on has changed: no waiting for the next try. */
  refresh(atOnce: boolean): void {
    this.stale = true;
    if (atOnce) this.retryAt = 0;
  }

  /** When something in the volumes is about to grow old. */
  private get renewAt(): number | undefined {
    const times = [this.tokens.renewAt, this.certificates.renewAt].filter((t) => t !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** When it wants to be looked at again. */
  get wakeAt(): number | undefined {
    const renew = this.renewAt;
    if (!this.stale) return renew;
    return renew === undefined ? this.retryAt : Math.min(renew, this.retryAt);
  }

  private context(pod: Pod, fields: FieldContext): PayloadContext {
    return {
      pod,
      fields,
      objects: this.deps.objects,
      token: (p, source) => this.tokens.token(p, source),
      trust: (source) => this.deps.trustBundles.anchors(this.uid, source),
      certificate: (place, source) => this.certificates.credentials(pod, place, source),
      user: commonUser(pod),
      fsGroup: nearest(specOf(pod).securityContext?.fsGroup),
    };
  }

  /** False while containers have to wait for volumes. */
  async prepare(pod: Pod, fields: FieldContext): Promise<boolean> {
    const now = this.deps.clock.now();
    const renew = this.renewAt;
    const due = this.stale || (renew !== undefined && renew <= now);
    if (!due || now < this.retryAt) return this.ready;
    this.stale = false;
    try {
      await this.volumes.setUp(this.context(pod, fields));
      this.ready = true;
      this.failures = 0;
      this.waitingSince = undefined;
    } catch (error) {
      for (const failure of error instanceof VolumesError ? error.failures : [error]) {
        this.say(failure instanceof VolumeError ? failure.reason : 'FailedMount', messageOf(failure));
      }
      this.complainOfWaiting(pod, now);
      this.stale = true;
      this.retryAt = now + (RETRY_MS[this.failures++] ?? LAST_RETRY_MS);
    }
    return this.ready;
  }

  private complainOfWaiting(pod: Pod, now: number): void {
    this.waitingSince ??= now;
    if (this.ready || now - this.waitingSince < PATIENCE_MS) return;
    this.waitingSince = now;
    this.say('FailedMount', waitingText(this.volumes.unmounted(pod), [], 'context deadline exceeded'));
  }

  tearDown(): Promise<void> {
    this.certificates.stop();
    this.deps.trustBundles.release(this.uid);
    return this.volumes.tearDown();
  }
}
