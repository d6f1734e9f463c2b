// The contract of admission plugins, and the chain that runs them in order: first all that may change, then all that only check.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
import type { UserInfo } from '../../machinery/http.ts';
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import type { CatalogEntry } from '../registry/catalog.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionRequest {
  readonly operation: Operation;
  readonly entry: CatalogEntry;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** The draft that will be written; absent on DELETE. Plugins that mutate may change it in place. */
  readonly object: KubeObject | undefined;
  readonly old: KubeObject | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** Null for connections, which have none. */
  readonly options: JsonObject | null;
  readonly warn: (text: string) => void;
  /** Adds an annotation to the request's audit event, when there is one. */
  readonly annotate?: (key: string, value: string) => void;
}

export interface AdmissionPlugin {
  readonly name: string;
  readonly operations: readonly Operation[];
  /** May change the draft; throws an ApiError to refuse. */
  admit?(request: AdmissionRequest): void | Promise<void>;
  /** Looks at what will be written; throws an ApiError to refuse. */
  validate?(request: AdmissionRequest): void | Promise<void>;
}

export class AdmissionChain {
  private readonly mutating: readonly AdmissionPlugin[];
  private readonly validating: readonly AdmissionPlugin[];

  constructor(readonly plugins: readonly AdmissionPlugin[]) {
    this.mutating = plugins.filter((p) => p.admit !== undefined);
    this.validating = plugins.filter((p) => p.validate !== undefined);
  }

  async admit(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.mutating) {
      if (!plugin.operations.includes(request.operation)) continue;
      const pending = plugin.admit?.(request);
      if (pending !== undefined) await pending;
    }
  }

  async validate(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.validating) {
      if (!plugin.operations.includes(request.operation)) continue;
      const pending = plugin.validate?.(request);
      if (pending !== undefined) await pending;
    }
  }
}
