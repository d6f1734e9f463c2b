// Small files that must never be seen half written.
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';

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
