// Fair queues of one priority level: requests wait in shuffle-sharded queues, and the one that has been served least goes next.
// Source: https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/1040-priority-and-fairness
import { fnv32a } from '../../machinery/hash.ts';
import { RecentCache } from '../../machinery/recent-cache.ts';

export interface QueueSetConfig {
  /** Seats in use at once; a request holds one or more. */
  readonly concurrency: number;
  /** 0: requests are refused, never queued. */
  readonly queues: number;
  readonly handSize: number;
  readonly queueLengthLimit: number;
}

interface Waiting {
  readonly seats: number;
  readonly start: (release: () => void) => void;
  abandoned: boolean;
}

interface Queue {
  readonly waiting: Waiting[];
  /** Virtual time at which the queue's next request may begin: grows with what the queue was served. */
  next: number;
  inUse: number;
  /** Requests that hold these seats. */
  executing: number;
}

/** What a queue is doing, for people. */
export interface QueueState {
  /** The seats that each of those that wait wants. */
  readonly waiting: readonly number[];
  readonly executing: number;
  readonly inUse: number;
  /** In seats. */
  readonly next: number;
}

/** Why a request was not let in. */
export type Refusal = 'concurrency-limit' | 'queue-full' | 'cancelled';

const MAX_HANDS = 512;

export class QueueSet {
  private readonly queues: Queue[];
  private readonly hands = new RecentCache<string, readonly number[]>(MAX_HANDS);
  private inUse = 0;
  private virtual = 0;
  private waitingCount = 0;

  constructor(private config: QueueSetConfig) {
    this.queues = Array.from({ length: config.queues }, () => ({ waiting: [], next: 0, inUse: 0, executing: 0 }));
  }

  /** A changed limit applies to what comes next; queues are kept. */
  resize(concurrency: number): void {
    this.config = { ...this.config, concurrency };
    this.dispatch();
  }

  get concurrency(): number {
    return this.config.concurrency;
  }

  get executing(): number {
    return this.inUse;
  }

  states(): QueueState[] {
    return this.queues.map(({ waiting, executing, inUse, next }) => ({
      waiting: waiting.map(({ seats }) => seats),
      executing,
      inUse,
      next,
    }));
  }

  get queued(): number {
    return this.waitingCount;
  }

  /** Resolves with a function to call when done; rejects with a Refusal. */
  acquire(flow: string, seats: number, signal?: AbortSignal | (() => AbortSignal)): Promise<() => void> {
    const wanted = Math.max(1, Math.min(seats, this.config.concurrency));
    const queue = this.pick(flow);
    if (queue === undefined) {
      if (this.inUse + wanted > this.config.concurrency) return Promise.reject(refused('concurrency-limit'));
      this.inUse += wanted;
      return Promise.resolve(once(() => this.free(wanted)));
    }
    if (queue.waiting.length === 0 && this.inUse + wanted <= this.config.concurrency && this.queued === 0) {
      return Promise.resolve(this.begin(queue, wanted));
    }
    if (queue.waiting.length >= this.config.queueLengthLimit) return Promise.reject(refused('queue-full'));
    // A signal is made for those that wait only: most requests never do.
    return this.wait(queue, wanted, typeof signal === 'function' ? signal() : signal);
  }

  private wait(queue: Queue, seats: number, signal: AbortSignal | undefined): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const entry: Waiting = {
        seats,
        abandoned: false,
        start: (release) => {
          signal?.removeEventListener('abort', giveUp);
          resolve(release);
        },
      };
      const giveUp = () => {
        entry.abandoned = true;
        const at = queue.waiting.indexOf(entry);
        if (at >= 0) {
          queue.waiting.splice(at, 1);
          this.waitingCount--;
        }
        reject(refused('cancelled'));
      };
      if (signal?.aborted === true) {
        giveUp();
        return;
      }
      signal?.addEventListener('abort', giveUp, { once: true });
      if (queue.waiting.length === 0) queue.next = Math.max(queue.next, this.virtual);
      queue.waiting.push(entry);
      this.waitingCount++;
      this.dispatch();
    });
  }

  /** Deals the flow its hand of queues and takes the least loaded. */
  private pick(flow: string): Queue | undefined {
    const { queues } = this;
    if (queues.length === 0) return undefined;
    let best: Queue | undefined;
    let load = Number.POSITIVE_INFINITY;
    for (const index of this.handOf(flow)) {
      const queue = queues[index];
      if (queue === undefined) continue;
      const now = queue.waiting.length + queue.inUse;
      if (now < load) {
        best = queue;
        load = now;
      }
    }
    return best;
  }

  /** Dealing is dearer than most reads; a flow that is busy has its hand at the ready. */
  private handOf(flow: string): readonly number[] {
    let hand = this.hands.get(flow);
    if (hand === undefined) {
      hand = dealHand(flow, this.queues.length, this.config.handSize);
      this.hands.set(flow, hand);
    }
    return hand;
  }

  private begin(queue: Queue, seats: number): () => void {
    this.inUse += seats;
    queue.inUse += seats;
    queue.executing++;
    this.virtual = Math.max(this.virtual, queue.next);
    queue.next = Math.max(queue.next, this.virtual) + seats;
    return once(() => {
      queue.inUse -= seats;
      queue.executing--;
      this.free(seats);
    });
  }

  private free(seats: number): void {
    this.inUse -= seats;
    this.dispatch();
  }

  private dispatch(): void {
    while (this.waitingCount > 0) {
      let chosen: Queue | undefined;
      for (const queue of this.queues) {
        if (queue.waiting.length > 0 && (chosen === undefined || queue.next < chosen.next)) chosen = queue;
      }
      const entry = chosen?.waiting[0];
      if (chosen === undefined || entry === undefined || this.inUse + entry.seats > this.config.concurrency) return;
      chosen.waiting.shift();
      this.waitingCount--;
      if (!entry.abandoned) entry.start(this.begin(chosen, entry.seats));
    }
  }
}

export class RefusedError extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal);
    this.name = 'RefusedError';
  }
}

const refused = (why: Refusal) => new RefusedError(why);

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    run();
  };
}

/** `size` different numbers below `deck`, always the same for a flow: few flows share all their queues. */
export function dealHand(flow: string, deck: number, size: number): number[] {
  const cards = Array.from({ length: deck }, (_, i) => i);
  const hand: number[] = [];
  let seed = fnv32a(flow);
  for (let i = 0; i < Math.min(size, deck); i++) {
    seed = fnv32a(`${seed}\u0000${i}`);
    hand.push(...cards.splice(seed % cards.length, 1));
  }
  return hand;
}
