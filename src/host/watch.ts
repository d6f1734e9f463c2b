// Tells at once when names in a directory come, go or change, and starts over by itself when the kernel drops the watch.
import { type FSWatcher, watch } from 'node:fs';
import type { Clock } from './clock.ts';

const RETRY_MS = 100;

/** Calls back with a file's name, or with undefined when anything may have changed. The returned function stops it. */
export function watchDirectory(path: string, clock: Clock, callback: (name: string | undefined) => void): () => void {
  let watcher: FSWatcher | undefined;
  let stopped = false;
  let retry: { cancel(): void } | undefined;
  const again = () => {
    watcher?.close();
    watcher = undefined;
    if (stopped) return;
    retry = clock.setTimer(RETRY_MS, () => {
      begin();
      callback(undefined);
    });
  };
  const begin = () => {
    if (stopped) return;
    try {
      watcher = watch(path, { persistent: false }, (_event, name) => callback(name ?? undefined));
      watcher.on('error', again);
    } catch {
      again();
    }
  };
  begin();
  return () => {
    stopped = true;
    retry?.cancel();
    watcher?.close();
  };
}
