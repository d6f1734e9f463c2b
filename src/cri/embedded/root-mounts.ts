// A container's root file system: an overlay of the image's layers with a directory of the container's own on top.
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mount } from '../../host/mounts.ts';
import type { OciMount } from './spec/types.ts';

/** The kernel takes one page of options. */
const OPTION_CAP = 4000;

function lower(layers: readonly string[]): string {
  // The kernel wants the uppermost first, and reads colons and commas as separators.
  return [...layers]
    .reverse()
    .map((l) => l.replace(/([\\:,])/g, '\\$1'))
    .join(':');
}

export interface RootMounting {
  /** Gives the upper directory to whose root the container's is. */
  readonly own: (upper: string) => Promise<void>;
}

export async function mountRoot(directory: string, layers: readonly string[], how: RootMounting): Promise<string> {
  const [root, upper, work] = [join(directory, 'rootfs'), join(directory, 'upper'), join(directory, 'work')];
  await Promise.all([root, upper, work].map((d) => mkdir(d, { recursive: true })));
  await how.own(upper);
  await chmod(upper, 0o755); // it is what the container sees as its `/`
  const options = [`lowerdir=${lower(layers)}`, `upperdir=${upper}`, `workdir=${work}`];
  if (options.join(',').length > OPTION_CAP)
    throw new Error(
      `the image has too many layers (${layers.length}) for one overlay mount in a directory named so long`,
    );
  await mount({ type: 'overlay', source: 'overlay', target: root, options });
  return root;
}

function readOnlyLower(layers: readonly string[], empty: string): string {
  // An overlay without an upper directory needs two lower ones.
  return `lowerdir=${lower(layers.length > 1 ? layers : [empty, ...layers])}`;
}

/** An image on the host, read-only. */
export async function mountImage(target: string, layers: readonly string[], empty: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const options = ['ro', 'nosuid', 'nodev', readOnlyLower(layers, empty)];
  await mount({ type: 'overlay', source: 'overlay', target, options });
}

/** An image as a read-only volume: made by the runtime in the container's own mount namespace, so nothing is left behind. */
export function imageVolume(destination: string, layers: readonly string[], empty: string): OciMount {
  return {
    destination,
    type: 'overlay',
    source: 'overlay',
    options: ['ro', 'nosuid', 'nodev', readOnlyLower(layers, empty)],
  };
}
