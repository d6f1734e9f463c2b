// Remembers every state that a watch told of the pods of a namespace, so that a test can ask for one that has passed.
import type { ResourceClient } from '../../../src/client/index.ts';
import type { Pod } from '../../../src/resources/generated/core-v1.ts';

interface Waiter {
  readonly name: string;
  look(): boolean;
}

export class PodHistory {
  private readonly states = new Map<string, Pod[]>();
  private readonly gone = new Map<string, Pod>();
  private readonly waiters = new Set<Waiter>();
  private readonly stop = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly pods: ResourceClient<Pod>,
    private readonly namespace: string,
  ) {}

  begin(): void {
    this.running = this.follow().catch((error: unknown) => {
      if (!this.stop.signal.aborted) throw error;
    });
  }

  async end(): Promise<void> {
    this.stop.abort();
    await this.running;
  }

  private async follow(): Promise<void> {
    for await (const event of this.pods.watch(this.namespace, {}, this.stop.signal)) {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') continue;
      const pod = event.object;
      const name = pod.metadata.name ?? '';
      if (event.type === 'ADDED') this.gone.delete(name);
      this.states.set(name, [...(this.states.get(name) ?? []), pod]);
      if (event.type === 'DELETED') this.gone.set(name, pod);
      for (const waiter of [...this.waiters]) if (waiter.name === name && waiter.look()) this.waiters.delete(waiter);
    }
  }

  /** All states so far, oldest first. */
  of(name: string): readonly Pod[] {
    return this.states.get(name) ?? [];
  }

  until(name: string, good: (pod: Pod) => boolean, ms: number): Promise<Pod> {
    return this.wait(name, () => this.of(name).find(good), ms);
  }

  /** The pod as it was when the API let go of it. */
  deleted(name: string, ms = 80_000): Promise<Pod> {
    return this.wait(name, () => this.gone.get(name), ms);
  }

  private wait(name: string, find: () => Pod | undefined, ms: number): Promise<Pod> {
    return new Promise((resolve, reject) => {
      const now = find();
      if (now !== undefined) {
        resolve(now);
        return;
      }
      const timer = setTimeout(() => {
        this.waiters.delete(waiter);
        const last = this.of(name).at(-1);
        reject(new Error(`pod ${name}: not within ${ms} ms; last: ${JSON.stringify(last?.status ?? last)}`));
      }, ms);
      const waiter: Waiter = {
        name,
        look: () => {
          const found = find();
          if (found === undefined) return false;
          clearTimeout(timer);
          resolve(found);
          return true;
        },
      };
      this.waiters.add(waiter);
    });
  }
}
