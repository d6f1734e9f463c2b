// The table of answers that are no stored object: connect subresources (binding, eviction, log …) and virtual kinds (reviews).
import type { WireResponse } from '../../machinery/http.ts';
import { type AnyResource, resourceKey } from '../../resources/definition.ts';
import type { RequestContext, Target } from '../registry/context.ts';

export interface SpecialHandler {
  /** Verbs as the path and method give them (`create`, `get` …). */
  readonly methods: readonly string[];
  readonly handle: (context: RequestContext, target: Target) => Promise<WireResponse>;
}

export class SpecialHandlers {
  private readonly table = new Map<string, SpecialHandler>();

  /** `v1/pods/binding` style keys: `group/version/plural` and, for subresources, `/name` after it. */
  add(key: string, handler: SpecialHandler): this {
    this.table.set(key, handler);
    return this;
  }

  subresource(row: AnyResource, name: string): SpecialHandler | undefined {
    return this.table.get(`${resourceKey(row)}/${name}`);
  }

  resource(row: AnyResource): SpecialHandler | undefined {
    return this.table.get(resourceKey(row));
  }
}
