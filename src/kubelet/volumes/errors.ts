// A volume that cannot be set up, in the words of Kubernetes' FailedMount event.

interface VolumeErrorOptions {
  readonly cause?: unknown;
  /** What was being done. */
  readonly step?: string;
}

export class VolumeError extends Error {
  /** The event's reason. */
  readonly reason: 'FailedMount' | 'FailedMapVolume';

  constructor(
    readonly volume: string,
    why: string,
    options: VolumeErrorOptions = {},
  ) {
    const { cause, step = 'MountVolume.SetUp' } = options;
    super(`${step} failed for volume "${volume}" : ${why}`, cause === undefined ? undefined : { cause });
    this.name = 'VolumeError';
    this.reason = step.startsWith('MapVolume') ? 'FailedMapVolume' : 'FailedMount';
  }
}

/** A volume of which it cannot even be told what it is: its claim is not there, not bound, or not fit for the pod. */
export class UnknownVolumeError extends Error {
  override readonly name = 'UnknownVolumeError';
}

/** All that keeps a pod's volumes from being ready: each has its own event. */
export class VolumesError extends Error {
  override readonly name = 'VolumesError';

  constructor(readonly failures: readonly Error[]) {
    super(failures.map((f) => f.message).join('; '));
  }
}

/** What the kubelet says of a pod that waits for its volumes. */
export function waitingText(unmounted: readonly string[], unknown: readonly string[], why: string): string {
  const list = (names: readonly string[]): string => `[${[...names].sort().join(' ')}]`;
  return `Unable to attach or mount volumes: unmounted volumes=${list(unmounted)}, unattached volumes=[], failed to process volumes=${list(unknown)}: ${why}`;
}
