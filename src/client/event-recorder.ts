// Tells users what happened to an object: writes Events, without waiting and without flooding.
import type { Clock } from '../host/clock.ts';
import { isApiError } from '../machinery/errors.ts';
import { fnv32a } from '../machinery/hash.ts';
import type { KubeObject } from '../machinery/object.ts';
import { microTime, rfc3339 } from '../machinery/time.ts';
import type { Event, ObjectReference } from '../resources/generated/core-v1.ts';
import { EventCorrelator, type Verdict } from './event-correlator.ts';
import type { Client, ResourceClient } from './port.ts';
import { EVENTS } from './refs.ts';

export interface EventRecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** `kubelet`, `deployment-controller`, `default-scheduler` … */
  readonly component: string;
  /** The node, for those that run on one. */
  readonly host?: string;
  /** `series`: as programs on events.k8s.io write them (the scheduler): eventTime, action and a series instead of source and count. */
  readonly style?: 'counted' | 'series';
  /** The program's instance, for `series`. */
  readonly instance?: string;
  readonly onError?: (error: unknown) => void;
}

export interface EventDetails {
  /** `spec.containers{name}`. */
  readonly fieldPath?: string;
  readonly action?: string;
  readonly related?: ObjectReference;
  readonly annotations?: Record<string, string>;
}

const ATTEMPTS = 5;

export function objectReference(object: KubeObject, fieldPath?: string): ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  return {
    kind: object.kind,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(uid === undefined ? {} : { uid }),
    apiVersion: object.apiVersion,
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(fieldPath === undefined ? {} : { fieldPath }),
  };
}

export class EventRecorder {
  private readonly events: ResourceClient<Event>;
  private readonly correlator = new EventCorrelator();
  /** Events about one object are written one after the other; about different objects side by side. */
  private readonly chains = new Map<string, Promise<void>>();
  private last = 0n;
  /** The clock counts milliseconds: within one, each recorder has names of its own. */
  private readonly offset: bigint;

  constructor(private readonly options: EventRecorderOptions) {
    this.events = options.client.resource(EVENTS);
    const { component, host = '', instance = '' } = options;
    this.offset = BigInt(fnv32a(`${component}/${host}/${instance}`) % 1_000_000);
  }

  event(object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, details?: EventDetails): void {
    this.eventAbout(objectReference(object, details?.fieldPath), type, reason, message, details);
  }

  eventAbout(
    about: ObjectReference,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    details: EventDetails = {},
  ): void {
    const event = this.make(about, { type, reason, message, details });
    const verdict = this.correlator.correlate(event, this.options.clock.now());
    if (verdict.kind === 'drop') return;
    const key = about.uid ?? `${about.namespace}/${about.name}`;
    const chain = (this.chains.get(key) ?? Promise.resolve()).then(() => this.write(verdict));
    this.chains.set(key, chain);
    chain
      .catch((error: unknown) => this.options.onError?.(error))
      .finally(() => {
        if (this.chains.get(key) === chain) this.chains.delete(key);
      })
      .catch(() => undefined);
  }

  /** Resolves when all that was told so far has been written, or given up. */
  async flushed(): Promise<void> {
    await Promise.allSettled([...this.chains.values()]);
  }

  private make(
    about: ObjectReference,
    what: { type: string; reason: string; message: string; details: EventDetails },
  ): Event {
    const { component, host, style, instance } = this.options;
    const now = this.options.clock.now();
    const { type, reason, message, details } = what;
    const base = {
      kind: 'Event',
      apiVersion: 'v1',
      metadata: {
        name: `${about.name}.${this.stamp(now)}`,
        namespace: about.namespace === undefined || about.namespace === '' ? 'default' : about.namespace,
        ...(details.annotations === undefined ? {} : { annotations: details.annotations }),
      },
      involvedObject: about,
      reason,
      message,
      type,
      ...(details.related === undefined ? {} : { related: details.related }),
      reportingComponent: component,
    };
    if (style === 'series')
      return {
        ...base,
        eventTime: microTime(now),
        action: details.action ?? reason,
        reportingInstance: instance ?? component,
      };
    return {
      ...base,
      source: host === undefined ? { component } : { component, host },
      firstTimestamp: rfc3339(now),
      lastTimestamp: rfc3339(now),
      count: 1,
      ...(details.action === undefined ? {} : { action: details.action }),
      reportingInstance: host ?? '',
    };
  }

  /** Nanoseconds since 1970 in hex, never the same twice. */
  private stamp(now: number): string {
    const nanos = BigInt(Math.floor(now)) * 1_000_000n + this.offset;
    this.last = nanos > this.last ? nanos : this.last + 1n;
    return this.last.toString(16);
  }

  private async write(verdict: Exclude<Verdict, { kind: 'drop' }>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        if (verdict.kind === 'bump') await this.bump(verdict);
        else await this.create(verdict, attempt);
        return;
      } catch (error) {
        // In a namespace that is going or gone nothing can be written; a broken connection may heal.
        const hopeless = isApiError(error) && error.retry !== 'retryable';
        if (hopeless || attempt === ATTEMPTS) {
          if (verdict.kind === 'create') this.correlator.forget(verdict.key);
          const everyday = isApiError(error, 'Forbidden') || isApiError(error, 'NotFound');
          if (everyday) return;
          throw error;
        }
        await this.options.clock.sleep(100 * 4 ** attempt);
      }
    }
  }

  private async create({ event, key }: Extract<Verdict, { kind: 'create' }>, attempt: number): Promise<void> {
    const namespace = event.metadata.namespace ?? 'default';
    try {
      await this.events.create(namespace, event);
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
      // Later on it may be this one that is there: written, though the answer was lost.
      if (attempt > 1) return;
      const renewed = `${event.involvedObject.name}.${this.stamp(this.options.clock.now())}`;
      await this.events.create(namespace, { ...event, metadata: { ...event.metadata, name: renewed } });
      this.correlator.renamed(key, renewed);
    }
  }

  private async bump(verdict: Extract<Verdict, { kind: 'bump' }>): Promise<void> {
    const { event, name, key } = verdict;
    const namespace = event.metadata.namespace ?? 'default';
    const change =
      this.options.style === 'series'
        ? { series: { count: event.count ?? 2, lastObservedTime: event.eventTime } }
        : { count: event.count, lastTimestamp: event.lastTimestamp, message: event.message };
    try {
      await this.events.patch(namespace, name, 'strategic', change);
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
      const renewed = `${event.involvedObject.name}.${this.stamp(this.options.clock.now())}`;
      const { count: _count, ...rest } = event;
      const again = this.options.style === 'series' ? rest : event;
      await this.events.create(namespace, { ...again, metadata: { ...event.metadata, name: renewed } });
      this.correlator.renamed(key, renewed);
    }
  }
}
