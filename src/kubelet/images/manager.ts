// Brings a container's image onto the node by its pull policy, with Kubernetes' events and back-off.
// https://kubernetes.io/docs/concepts/containers/images/#updating-images
import type { ImageInfo, ImageService, RegistryAuth } from '../../cri/port.ts';
import { RuntimeError } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import { goDuration } from '../../machinery/time.ts';
import type { Secret } from '../../resources/generated/core-v1.ts';
import { asRpcError, messageOf, StartError } from '../container/errors.ts';
import { Backoff, CRASH_LOOP } from '../pod/restart.ts';
import { secretAuths } from './credentials.ts';
import { defaultPullPolicy, invalidImageMessage, isImageName } from './names.ts';

export type SayEvent = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

export interface ImageAsk {
  readonly podUid: string;
  readonly image: string;
  readonly policy: string;
  readonly secrets: () => Promise<readonly Secret[]>;
  /** What the node knows of the image's registry, tried after the pod's own secrets. */
  readonly nodeAuths: () => Promise<readonly RegistryAuth[]>;
  readonly say: SayEvent;
  readonly signal: AbortSignal;
}

/** `retryAt` says when asking again may help. */
export class ImageError extends StartError {
  constructor(
    reason: string,
    message: string,
    readonly retryAt: number,
  ) {
    super(reason, message);
  }
}

interface Pull {
  readonly promise: Promise<string>;
  readonly abort: AbortController;
  waiters: number;
}

const REASONS: Partial<Record<string, string>> = {
  // A registry out of reach is an ErrImagePull like any other, as containerd's errors are.
  'signature-validation-failed': 'SignatureValidationFailed',
  'invalid-image-name': 'InvalidImageName',
};

/** After ErrImagePull is told, the next look says ImagePullBackOff, as the kubelet's next sync would. */
const SETTLE_MS = 1_000;

export class ImageManager {
  private readonly backoff = new Backoff(CRASH_LOOP);
  private readonly pulls = new Map<string, Pull>();
  private readonly lastError = new Map<string, string>();
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  /** When each image was last asked for, for garbage collection. */
  readonly lastUsed = new Map<string, number>();

  constructor(
    private readonly images: ImageService,
    private readonly clock: Clock,
    private readonly maxParallel: number,
  ) {}

  forget(podUid: string): void {
    this.backoff.forget(podUid);
    for (const key of this.lastError.keys()) if (key.startsWith(podUid)) this.lastError.delete(key);
  }

  async ensure(ask: ImageAsk): Promise<ImageInfo> {
    if (!isImageName(ask.image)) {
      const message = invalidImageMessage(ask.image);
      ask.say('Warning', 'InspectFailed', message);
      throw new ImageError('InvalidImageName', message, Number.POSITIVE_INFINITY);
    }
    const present = await this.images.imageStatus(ask.image);
    if (present !== undefined) this.lastUsed.set(present.id, this.clock.now());
    const policy = ask.policy === '' ? defaultPullPolicy(ask.image) : ask.policy;
    if (present !== undefined && policy !== 'Always') {
      ask.say('Normal', 'Pulled', `Container image "${ask.image}" already present on machine`);
      return present;
    }
    if (policy === 'Never') {
      const message = `Container image "${ask.image}" is not present with pull policy of Never`;
      ask.say('Warning', 'ErrImageNeverPull', message);
      throw new ImageError('ErrImageNeverPull', message, this.clock.now() + 10_000);
    }
    return this.pull(ask, present);
  }

  private async pull(ask: ImageAsk, present: ImageInfo | undefined): Promise<ImageInfo> {
    const key = `${ask.podUid}_${ask.image}`;
    const now = this.clock.now();
    const until = this.backoff.untilSinceUse(key, now);
    if (until > now) {
      const text = `Back-off pulling image "${ask.image}"`;
      ask.say('Normal', 'BackOff', text);
      const last = this.lastError.get(key);
      throw new ImageError('ImagePullBackOff', last === undefined ? text : `${text}: ErrImagePull: ${last}`, until);
    }
    const startedAt = this.clock.now();
    ask.say('Normal', 'Pulling', `Pulling image "${ask.image}"`);
    try {
      const { id, began } = await this.shared(ask);
      const info = await this.images.imageStatus(id);
      if (info === undefined) throw new RuntimeError('internal', `image ${ask.image} vanished after its pull`);
      this.lastUsed.set(info.id, this.clock.now());
      const took = goDuration(Math.max(1, this.clock.now() - began));
      const whole = goDuration(Math.max(1, this.clock.now() - startedAt));
      const size = `Image size: ${info.size} bytes.`;
      ask.say(
        'Normal',
        'Pulled',
        `Successfully pulled image "${ask.image}" in ${took} (${whole} including waiting). ${size}`,
      );
      return info;
    } catch (error) {
      if (ask.signal.aborted) throw error;
      throw this.failure(ask, key, error, present);
    }
  }

  private failure(ask: ImageAsk, key: string, error: unknown, present: ImageInfo | undefined): ImageError {
    const kind = error instanceof RuntimeError ? error.kind : 'internal';
    const why = asRpcError(messageOf(error), kind === 'image-not-found' ? 'NotFound' : 'Unknown');
    const now = this.clock.now();
    this.backoff.next(key, now, now);
    this.lastError.set(key, why);
    ask.say('Warning', 'Failed', `Failed to pull image "${ask.image}": ${why}${this.hint(ask, present)}`);
    return new ImageError(REASONS[kind] ?? 'ErrImagePull', why, now + SETTLE_MS);
  }

  /** Beginners build an image, tag it :latest, and wonder why the node asks a registry for it. */
  private hint(ask: ImageAsk, present: ImageInfo | undefined): string {
    if (present === undefined) return '';
    const latest = defaultPullPolicy(ask.image) === 'Always' ? ', which is the default for the tag :latest' : '';
    return ` (an image of this name is on this node, but imagePullPolicy is Always${latest}; set imagePullPolicy: IfNotPresent, or give the image another tag, to use the one that is here)`;
  }

  /** Pods that want the same image with the same credentials at the same time share one transfer. */
  private async shared(ask: ImageAsk): Promise<{ id: string; began: number }> {
    const [secrets, known] = await Promise.all([ask.secrets(), ask.nodeAuths()]);
    const found = [...secretAuths(ask.image, secrets), ...known];
    const auths = found.length === 0 ? [undefined] : found;
    const key = JSON.stringify([ask.image, auths]);
    let pull = this.pulls.get(key);
    const began = this.clock.now();
    if (pull === undefined) {
      const abort = new AbortController();
      const promise = this.limited(() => this.tryAll(ask.image, auths, abort.signal)).finally(() =>
        this.pulls.delete(key),
      );
      pull = { promise, abort, waiters: 0 };
      this.pulls.set(key, pull);
    }
    const id = await this.join(pull, ask.signal);
    return { id, began };
  }

  private async join(pull: Pull, signal: AbortSignal): Promise<string> {
    pull.waiters++;
    let leave: () => void = () => undefined;
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(new RuntimeError('unavailable', 'the pod no longer wants this image'));
      signal.addEventListener('abort', leave, { once: true });
    });
    try {
      return await Promise.race([pull.promise, left]);
    } finally {
      signal.removeEventListener('abort', leave);
      pull.waiters--;
      if (signal.aborted && pull.waiters === 0) pull.abort.abort();
    }
  }

  private async tryAll(
    image: string,
    auths: readonly (RegistryAuth | undefined)[],
    signal: AbortSignal,
  ): Promise<string> {
    let last: unknown;
    for (const auth of auths) {
      try {
        return await this.images.pullImage(image, auth, undefined, signal);
      } catch (error) {
        last = error;
        if (signal.aborted) break;
      }
    }
    throw last;
  }

  private async limited<T>(work: () => Promise<T>): Promise<T> {
    while (this.running >= this.maxParallel) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.running++;
    try {
      return await work();
    } finally {
      this.running--;
      this.waiting.shift()?.();
    }
  }
}
