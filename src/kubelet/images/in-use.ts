// The images that containers of this node have, run or not, and those that are mounted as volumes.
import type { RuntimeCache } from '../worker/runtime-cache.ts';

export function imagesInUse(cache: Pick<RuntimeCache, 'podUids' | 'observed'>): ReadonlySet<string> {
  const out = new Set<string>();
  for (const uid of cache.podUids) {
    for (const c of cache.observed(uid).containers) {
      out.add(c.imageId);
      out.add(c.imageRef);
      out.add(c.image);
      for (const mount of c.mounts) if (mount.image !== undefined) out.add(mount.image);
    }
  }
  return out;
}
