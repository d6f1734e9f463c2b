// One informer per collection and selector, shared by all who ask.
import { type Clock, systemRandom } from '../host/clock.ts';
import type { KubeObject } from '../machinery/object.ts';
import { ListWatchInformer } from './informer.ts';
import type { Client, Informer, InformerFactory, ResourceRef } from './port.ts';

export interface InformerFactoryOptions {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
  /** Told of failed lists and watches, and of handlers that threw; `what` names the collection. */
  readonly onError?: (error: unknown, what: string) => void;
}

export function createInformerFactory(client: Client, options: InformerFactoryOptions): InformerFactory {
  const informers = new Map<string, ListWatchInformer<KubeObject>>();
  let signal: AbortSignal | undefined;
  const run = (informer: ListWatchInformer<KubeObject>, until: AbortSignal): void => {
    informer.run(until).catch((error: unknown) => options.onError?.(error, 'informer'));
  };
  return {
    informer<T extends KubeObject>(
      ref: ResourceRef<T>,
      wanted: { readonly fieldSelector?: string; readonly labelSelector?: string; readonly namespace?: string } = {},
    ): Informer<T> {
      const { namespace = '', labelSelector, fieldSelector } = wanted;
      const what = `${ref.group}/${ref.version}/${ref.plural}`;
      const key = JSON.stringify([what, namespace, labelSelector ?? '', fieldSelector ?? '']);
      let informer = informers.get(key) as ListWatchInformer<T> | undefined;
      if (informer === undefined) {
        const { onError } = options;
        informer = new ListWatchInformer<T>({
          client: client.resource(ref),
          namespace,
          clock: options.clock,
          random: options.random ?? systemRandom.float,
          ...(labelSelector === undefined ? {} : { labelSelector }),
          ...(fieldSelector === undefined ? {} : { fieldSelector }),
          ...(onError === undefined ? {} : { onError: (error: unknown) => onError(error, what) }),
        });
        const plain = informer as unknown as ListWatchInformer<KubeObject>;
        informers.set(key, plain);
        if (signal !== undefined) run(plain, signal);
      }
      return informer;
    },
    start(until) {
      if (signal !== undefined) return;
      signal = until;
      for (const informer of informers.values()) run(informer, until);
    },
  };
}

/** Follows one collection apart from the shared informers, until its own signal: for kinds that may cease to be served. */
export function followCollection<T extends KubeObject>(
  client: Client,
  ref: ResourceRef<T>,
  options: InformerFactoryOptions & { readonly signal: AbortSignal },
): Informer<T> {
  const { onError, clock, random = systemRandom.float, signal } = options;
  const what = `${ref.group}/${ref.version}/${ref.plural}`;
  const informer = new ListWatchInformer<T>({
    client: client.resource(ref),
    namespace: '',
    clock,
    random,
    ...(onError === undefined ? {} : { onError: (error: unknown) => onError(error, what) }),
  });
  informer.run(signal).catch((error: unknown) => onError?.(error, what));
  return informer;
}
