// What a request carries through the server, and the parts of the server that verbs work with.

import type { Clock, Random } from '../../host/clock.ts';
import type { UserInfo, WireRequest } from '../../machinery/http.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Strategy, StrategyContext, Subresource } from '../../resources/definition.ts';
import type { Store } from '../../store/index.ts';
import type { AdmissionChain } from '../admission/plugin.ts';
import type { Annotate } from '../audit/index.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { Allocator } from './allocator.ts';
import type { Catalog, CatalogEntry } from './catalog.ts';
import type { ReachCheck } from './no-wire.ts';
import type { WatchHub } from './watch-hub.ts';

/** The parts that every verb may use. */
export interface Kernel {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly random: Random;
  /** Asked before something is sent to a pod. */
  readonly checkReach: ReachCheck;
  readonly admission: AdmissionChain;
  readonly watches: WatchHub;
  /** By resource key. */
  readonly allocators: ReadonlyMap<string, Allocator>;
  /** By resource key: what a creation waits for before it is answered. */
  readonly afterCreation: Map<string, (name: string) => Promise<void>>;
}

export interface RequestContext {
  readonly kernel: Kernel;
  readonly request: WireRequest;
  readonly info: RequestInfo;
  readonly user: UserInfo;
  /** Sent as Warning headers with the answer. */
  readonly warnings: string[];
  /** Under which the audit log knows the request, here and where it is passed on to. */
  readonly auditId?: string;
  /** Adds to the request's entry in the audit log. */
  readonly annotate?: Annotate;
}

/** What a request is about, resolved in the catalog. */
export interface Target {
  readonly entry: CatalogEntry;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  readonly sub?: Subresource<KubeObject>;
}

export function strategyOf(target: Target): Strategy<KubeObject> {
  return target.sub?.type === 'object' ? target.sub.strategy : target.entry.row.strategy;
}

export function resetFieldsOf(target: Target): readonly string[] {
  if (target.sub?.type === 'object') return target.sub.resetFields ?? [];
  return target.entry.row.resetFields ?? [];
}

export function strategyContext(context: RequestContext, target: Target, dryRun: boolean): StrategyContext {
  return {
    now: new Date(context.kernel.clock.now()),
    user: context.user,
    dryRun,
    namespace: target.namespace,
  };
}

export function groupResource(target: { entry: CatalogEntry }): { group: string; resource: string } {
  return { group: target.entry.row.group, resource: target.entry.row.plural };
}
