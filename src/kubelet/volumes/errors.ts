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
