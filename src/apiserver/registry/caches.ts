// The live copies that admission and authorization read; each is asked for by name before the server starts.
import type { KubeObject } from '../../machinery/object.ts';
import type { Store } from '../../store/index.ts';
import type { Catalog } from './catalog.ts';
import { LiveCache } from './live-cache.ts';

export class Caches {
  private readonly known = new Map<string, LiveCache>();

  constructor(
    private readonly store: Store,
    private readonly catalog: Catalog,
  ) {}

  /** `group/version/plural`; an empty copy when the table has no such row. */
  of<T extends KubeObject = KubeObject>(key: string): LiveCache<T> {
    let cache = this.known.get(key);
    if (cache === undefined) {
      const [group = '', version = '', plural = ''] = key.split('/');
      const entry = this.catalog.find(group, version, plural);
      cache = new LiveCache(this.store, entry);
      this.known.set(key, cache);
    }
    return cache as LiveCache<T>;
  }

  async start(): Promise<void> {
    await Promise.all([...this.known.values()].map((cache) => cache.start()));
  }

  /** Collections whose copy is not there yet. */
  unsynced(): string[] {
    return [...this.known].filter(([, cache]) => !cache.synced).map(([key]) => key);
  }

  close(): void {
    for (const cache of this.known.values()) cache.close();
  }
}
