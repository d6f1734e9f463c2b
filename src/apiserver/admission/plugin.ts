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

/** What is timed: a step, one of its plugins (which `name` names), or a webhook. */
export interface AdmissionTimed {
  readonly name?: string;
  readonly webhook?: boolean;
  readonly type: 'admit' | 'validate' | 'validating';
  readonly operation: Operation;
  readonly rejected: boolean;
}

/** Gives what is told each time; asked once for what happens often, since every write passes some forty plugins. */
export type AdmissionMeter = (timed: AdmissionTimed) => (milliseconds: number) => void;

/** A plugin, or a step of them, and who is told how long it took. */
interface Timed {
  readonly passed: (milliseconds: number) => void;
  readonly refused: (milliseconds: number) => void;
}

interface TimedPlugin extends Timed {
  readonly plugin: AdmissionPlugin;
}

interface Step extends Timed {
  readonly plugins: readonly TimedPlugin[];
}

type StepType = 'admit' | 'validate';

const OPERATIONS: readonly Operation[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];

export class AdmissionChain {
  private readonly mutating: ReadonlyMap<Operation, Step>;
  private readonly validating: ReadonlyMap<Operation, Step>;

  constructor(
    readonly plugins: readonly AdmissionPlugin[],
    private readonly meter: AdmissionMeter = () => () => undefined,
  ) {
    this.mutating = this.steps('admit');
    this.validating = this.steps('validate');
  }

  admit(request: AdmissionRequest): Promise<void> {
    return run('admit', this.mutating.get(request.operation), request);
  }

  validate(request: AdmissionRequest): Promise<void> {
    return run('validate', this.validating.get(request.operation), request);
  }

  private steps(type: StepType): ReadonlyMap<Operation, Step> {
    const own = this.plugins.filter((plugin) => plugin[type] !== undefined);
    const step = (operation: Operation): Step => ({
      ...this.timed({ type, operation }),
      plugins: own
        .filter((plugin) => plugin.operations.includes(operation))
        .map((plugin) => ({ plugin, ...this.timed({ name: plugin.name, type, operation }) })),
    });
    return new Map(OPERATIONS.map((operation) => [operation, step(operation)]));
  }

  private timed(what: Omit<AdmissionTimed, 'rejected'>): Timed {
    return { passed: this.meter({ ...what, rejected: false }), refused: this.meter({ ...what, rejected: true }) };
  }
}

async function run(type: StepType, step: Step | undefined, request: AdmissionRequest): Promise<void> {
  if (step === undefined) return;
  const begun = performance.now();
  let last = begun;
  let running: TimedPlugin | undefined;
  try {
    for (running of step.plugins) {
      const pending = running.plugin[type]?.(request);
      if (pending !== undefined) await pending;
      const now = performance.now();
      running.passed(now - last);
      last = now;
    }
  } catch (error) {
    const now = performance.now();
    running?.refused(now - last);
    step.refused(now - begun);
    throw error;
  }
  step.passed(last - begun);
}
