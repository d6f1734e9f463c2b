// Priority and fairness: lets a request in when its priority level has a seat, queues it fairly, or answers 429.
// Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
import { ApiError } from '../../machinery/errors.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../../resources/generated/flowcontrol-v1.ts';
import type { LevelCounts, LevelState } from './dump.ts';
import { type FlowAttributes, findSchema, flowKey, inPrecedence } from './match.ts';
import { QueueSet, type Refusal, RefusedError } from './queue-set.ts';

export interface FlowObjects {
  schemas(): Iterable<FlowSchema>;
  levels(): Iterable<PriorityLevelConfiguration>;
  /** Grows with every change of either. */
  readonly generation: number;
}

export interface Admitted {
  /** To be called when the request is done (for a watch: when it has begun). */
  release(): void;
  /** `X-Kubernetes-PF-FlowSchema-UID` and `X-Kubernetes-PF-PriorityLevel-UID`. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface FlowControlOptions {
  readonly objects: FlowObjects;
  /** Seats of the whole server, shared among the levels by their shares. */
  readonly totalConcurrency: number;
  /** How long a request may wait in a queue. */
  readonly queueWaitMs: number;
  readonly timeoutSignal: (ms: number) => AbortSignal;
  readonly now: () => number;
  /** Told of every request that was let in or refused. */
  readonly observe?: (outcome: FlowOutcome) => void;
}

export interface FlowOutcome {
  readonly schema: string;
  readonly level: string;
  /** Absent: let in. */
  readonly refusal?: Refusal;
  readonly waitedMs: number;
}

interface Level {
  readonly object: PriorityLevelConfiguration;
  readonly counts: LevelCounts & { executing: number };
  /** Absent: exempt. */
  readonly queues: QueueSet | undefined;
}

export interface LevelLoad {
  readonly name: string;
  /** Seats of the level; 0 for those that are exempt. */
  readonly limit: number;
  readonly executing: number;
  readonly queued: number;
}

function tooMany(cause: unknown): ApiError {
  return new ApiError({
    reason: 'TooManyRequests',
    message: 'too many requests, please try again later',
    details: { retryAfterSeconds: 1 },
    cause,
  });
}

const queuingOf = (level: PriorityLevelConfiguration): string =>
  JSON.stringify(level.spec?.limited?.limitResponse ?? {});

function count(counts: LevelCounts, refusal: Refusal | undefined, late: boolean): void {
  if (refusal === undefined) counts.dispatched++;
  else if (refusal !== 'cancelled') counts.rejected++;
  else if (late) counts.timedOut++;
  else counts.cancelled++;
}

/** Counts a request among those that run until it is done. */
function releasing({ counts }: Level, release?: () => void): () => void {
  counts.executing++;
  let done = false;
  return () => {
    if (done) return;
    done = true;
    counts.executing--;
    release?.();
  };
}

export class FlowControl {
  private seen = -1;
  private ordered: readonly FlowSchema[] = [];
  private levels = new Map<string, Level>();

  constructor(private readonly options: FlowControlOptions) {}

  async admit(
    attributes: FlowAttributes,
    seats = 1,
    signal?: AbortSignal | (() => AbortSignal | undefined),
  ): Promise<Admitted> {
    this.refresh();
    const schema = findSchema(this.ordered, attributes);
    const level = this.levels.get(schema?.spec?.priorityLevelConfiguration.name ?? '') ?? this.levels.get('catch-all');
    if (schema === undefined || level === undefined) return { release() {}, headers: {} };
    const headers = {
      'x-kubernetes-pf-flowschema-uid': schema.metadata.uid ?? '',
      'x-kubernetes-pf-prioritylevel-uid': level.object.metadata.uid ?? '',
    };
    const begun = this.options.now();
    const tell = (refusal?: Refusal): void => {
      const waitedMs = this.options.now() - begun;
      count(level.counts, refusal, waitedMs >= this.options.queueWaitMs);
      this.options.observe?.({
        schema: schema.metadata.name ?? '',
        level: level.object.metadata.name ?? '',
        waitedMs,
        ...(refusal === undefined ? {} : { refusal }),
      });
    };
    if (level.queues === undefined) {
      tell();
      return { release: releasing(level), headers };
    }
    const patience = (): AbortSignal => {
      const timeout = this.options.timeoutSignal(this.options.queueWaitMs);
      const gone = typeof signal === 'function' ? signal() : signal;
      return gone === undefined ? timeout : AbortSignal.any([gone, timeout]);
    };
    try {
      const release = await level.queues.acquire(flowKey(schema, attributes), seats, patience);
      tell();
      return { release: releasing(level, release), headers };
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      tell(error.refusal);
      throw tooMany(error);
    }
  }

  /** What runs and waits, for metrics. */
  loads(): LevelLoad[] {
    this.refresh();
    return [...this.levels].map(([name, level]) => ({
      name,
      limit: level.queues?.concurrency ?? 0,
      executing: level.queues?.executing ?? 0,
      queued: level.queues?.queued ?? 0,
    }));
  }

  /** What runs and waits in each queue, for people. */
  states(): LevelState[] {
    this.refresh();
    return [...this.levels].map(([name, { queues, counts }]) => ({
      name,
      executing: counts.executing,
      queues: queues?.states() ?? [],
      counts,
    }));
  }

  private refresh(): void {
    const { objects, totalConcurrency } = this.options;
    if (this.seen === objects.generation) return;
    this.seen = objects.generation;
    this.ordered = inPrecedence(objects.schemas());
    const all = [...objects.levels()];
    const shares = all.reduce((n, l) => n + (l.spec?.limited?.nominalConcurrencyShares ?? 0), 0);
    const next = new Map<string, Level>();
    for (const object of all) {
      const name = object.metadata.name ?? '';
      const own = object.spec?.limited?.nominalConcurrencyShares ?? 0;
      const concurrency = Math.max(1, Math.ceil((totalConcurrency * own) / Math.max(1, shares)));
      next.set(name, this.levelOf(object, concurrency, this.levels.get(name)));
    }
    this.levels = next;
  }

  private levelOf(object: PriorityLevelConfiguration, concurrency: number, before: Level | undefined): Level {
    const counts = before?.counts ?? { dispatched: 0, rejected: 0, timedOut: 0, cancelled: 0, executing: 0 };
    if (object.spec?.type === 'Exempt') return { object, counts, queues: undefined };
    if (before?.queues !== undefined && queuingOf(before.object) === queuingOf(object)) {
      before.queues.resize(concurrency);
      return { object, counts, queues: before.queues };
    }
    const response = object.spec?.limited?.limitResponse;
    const queuing = response?.type === 'Queue' ? (response.queuing ?? {}) : undefined;
    return {
      object,
      counts,
      queues: new QueueSet({
        concurrency,
        queues: queuing === undefined ? 0 : (queuing.queues ?? 64),
        handSize: queuing?.handSize ?? 8,
        queueLengthLimit: queuing?.queueLengthLimit ?? 50,
      }),
    };
  }
}
