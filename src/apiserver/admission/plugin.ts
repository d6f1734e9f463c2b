// The contract of admission plugins, and the chain that runs them in order: first all that may change, then all that only check.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/

import type { UserInfo } from '../../machinery/http.ts';
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import type { Annotate } from '../audit/index.ts';
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
  readonly annotate?: Annotate;
}

export interface AdmissionPlugin {
  readonly name: string;
  readonly operations: readonly Operation[];
  /** May change the draft; throws an ApiError to refuse. */
  admit?(request: AdmissionRequest): void | Promise<void>;
  /** Looks at what will be written; throws an ApiError to refuse. */
  validate?(request: AdmissionRequest): void | Promise<void>;
}

/** How long a step took, or one of its plugins (which `name` names), or a webhook. */
export interface AdmissionTime {
  readonly name?: string;
  readonly webhook?: boolean;
  readonly type: 'admit' | 'validate' | 'validating';
  readonly operation: Operation;
  readonly rejected: boolean;
  readonly milliseconds: number;
}

export type ObserveAdmission = (time: AdmissionTime) => void;

export class AdmissionChain {
  private readonly mutating: readonly AdmissionPlugin[];
  private readonly validating: readonly AdmissionPlugin[];

  constructor(
    readonly plugins: readonly AdmissionPlugin[],
    private readonly observe: ObserveAdmission = () => undefined,
  ) {
    this.mutating = plugins.filter((p) => p.admit !== undefined);
    this.validating = plugins.filter((p) => p.validate !== undefined);
  }

  admit(request: AdmissionRequest): Promise<void> {
    return this.run('admit', this.mutating, request);
  }

  validate(request: AdmissionRequest): Promise<void> {
    return this.run('validate', this.validating, request);
  }

  private async run(
    type: 'admit' | 'validate',
    plugins: readonly AdmissionPlugin[],
    request: AdmissionRequest,
  ): Promise<void> {
    const { operation } = request;
    const begun = performance.now();
    let last = begun;
    let running: AdmissionPlugin | undefined;
    const tell = (rejected: boolean): void => {
      const now = performance.now();
      if (running !== undefined)
        this.observe({ name: running.name, type, operation, rejected, milliseconds: now - last });
      last = now;
    };
    try {
      for (running of plugins) {
        if (!running.operations.includes(operation)) continue;
        const pending = running[type]?.(request);
        if (pending !== undefined) await pending;
        tell(false);
      }
      this.observe({ type, operation, rejected: false, milliseconds: last - begun });
    } catch (error) {
      tell(true);
      this.observe({ type, operation, rejected: true, milliseconds: last - begun });
      throw error;
    }
  }
}
