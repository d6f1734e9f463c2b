// Asks V8's own profilers, which are loaded and begin only when somebody wants to know.
// Source: https://chromedevtools.github.io/devtools-protocol/v8/
import type { HeapProfiler, Profiler } from 'node:inspector';
import type { Session } from 'node:inspector/promises';

/** As often as Go's profiler looks. */
export const CPU_PERIOD_US = 10_000;
/** As seldom as Go's does: one allocation of half a megabyte. */
export const HEAP_INTERVAL = 512 * 1024;

/** What the protocol has and the types leave out. */
export interface HeapNode extends HeapProfiler.SamplingHeapProfileNode {
  readonly id: number;
  children: HeapNode[];
}
export interface HeapProfile extends HeapProfiler.SamplingHeapProfile {
  head: HeapNode;
  /** Numbered in the order in which they were allocated. */
  readonly samples: readonly { readonly size: number; readonly nodeId: number; readonly ordinal: number }[];
}

async function connect(): Promise<Session> {
  const inspector = await import('node:inspector/promises');
  const session = new inspector.Session();
  session.connect();
  return session;
}

export class V8Profiler {
  private cpuIsBusy = false;
  private sampling: Promise<Session> | undefined;

  /** True while one is taken: V8's clock runs at one pace only. */
  get isBusy(): boolean {
    return this.cpuIsBusy;
  }

  /** For as long as `meanwhile` takes. */
  async cpu(meanwhile: () => Promise<void>): Promise<Profiler.Profile> {
    this.cpuIsBusy = true;
    let session: Session | undefined;
    try {
      session = await connect();
      await session.post('Profiler.enable');
      await session.post('Profiler.setSamplingInterval', { interval: CPU_PERIOD_US });
      await session.post('Profiler.start');
      await meanwhile();
      return (await session.post('Profiler.stop')).profile;
    } finally {
      session?.disconnect();
      this.cpuIsBusy = false;
    }
  }

  /** True when nothing has been sampled before this. From here on what is allocated is sampled, until the process ends. */
  async beginHeap(): Promise<boolean> {
    const isNew = this.sampling === undefined;
    this.sampling ??= connect().then(async (session) => {
      await session.post('HeapProfiler.startSampling', { samplingInterval: HEAP_INTERVAL });
      return session;
    });
    await this.sampling;
    return isNew;
  }

  /** What is alive of what was sampled; after a collection of what is not, where that is wanted. */
  async heap(collect: boolean): Promise<HeapProfile> {
    await this.beginHeap();
    const session = await this.sampling;
    if (session === undefined) throw new Error('nothing is sampled');
    if (collect) await session.post('HeapProfiler.collectGarbage');
    return (await session.post('HeapProfiler.getSamplingProfile')).profile as HeapProfile;
  }
}
