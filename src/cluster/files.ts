// The data directory, and small files in it that must never be seen half written.
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { ClusterPaths } from './config.ts';

/**
 * Makes the directory of a cluster. Users of a pod's own namespace (hostUsers: false) have to pass through it to their root file
 * systems, so what is nobody else's business has directories that are closed.
 */
export function makeDataDirectory(paths: ClusterPaths): void {
  checkWritable(paths.root);
  mkdirSync(paths.root, { recursive: true, mode: 0o711 });
  for (const path of [paths.kubelet, paths.podLogs]) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    chmodSync(path, 0o700);
  }
  // It may hold passwords, and the user made it.
  if (existsSync(paths.registries)) chmodSync(paths.registries, 0o600);
}

/** mkdir fails on a read-only disk in words that name the wrong cause; asking the nearest directory that is there names the right one. */
function checkWritable(root: string): void {
  let nearest = root;
  while (!existsSync(nearest)) nearest = dirname(nearest);
  accessSync(nearest, constants.W_OK);
}

/** Writes beside the target, flushes, and renames over it. */
export function writeFileAtomicSync(path: string, content: string, mode: number): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const fd = openSync(temporary, 'w', mode);
  try {
    writeSync(fd, content);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}
