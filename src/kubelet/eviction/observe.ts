// Looks at the host for the eviction signals.
import { stat } from 'node:fs/promises';
import type { ImageService } from '../../cri/port.ts';
import { diskFacts } from '../../host/machine.ts';
import { liveFacts } from '../node/facts.ts';
import type { Observations } from './signals.ts';

export interface HostView {
  readonly signals: Observations;
  /** Images and writable layers lie on another file system than volumes and logs. */
  readonly ownImageFs: boolean;
}

export interface ViewedHost {
  readonly rootDir: string;
  readonly images: Pick<ImageService, 'imageFsInfo'>;
  readonly memoryBytes: number;
  readonly pidMax: number;
}

async function differ(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([stat(a), stat(b)]);
  return one.dev !== other.dev;
}

export async function observeHost(host: ViewedHost): Promise<HostView> {
  const [live, node, imageDir] = await Promise.all([
    liveFacts(),
    diskFacts(host.rootDir),
    host.images.imageFsInfo().then(
      (info) => info.mountpoint,
      () => '',
    ),
  ]);
  const place = imageDir === '' ? host.rootDir : imageDir;
  const [image, ownImageFs] = await Promise.all([
    diskFacts(place).catch(() => node),
    differ(host.rootDir, place).catch(() => false),
  ]);
  return {
    ownImageFs,
    signals: {
      'memory.available': { available: live.memoryAvailable, capacity: host.memoryBytes },
      'nodefs.available': { available: node.freeBytes, capacity: node.totalBytes },
      'nodefs.inodesFree': { available: node.inodesFree, capacity: node.inodes },
      'imagefs.available': { available: image.freeBytes, capacity: image.totalBytes },
      'imagefs.inodesFree': { available: image.inodesFree, capacity: image.inodes },
      'pid.available': { available: host.pidMax - live.processes, capacity: host.pidMax },
    },
  };
}
