// A volume that cannot be set up, in the words of Kubernetes' FailedMount event.

export class VolumeError extends Error {
  constructor(
    readonly volume: string,
    why: string,
    cause?: unknown,
  ) {
    super(`MountVolume.SetUp failed for volume "${volume}" : ${why}`, cause === undefined ? undefined : { cause });
    this.name = 'VolumeError';
  }
}
