// What the checks of one pod spec share: the findings, the leniencies, and the facts that several parts look at.
import type { Int64 } from '../../../machinery/int64.ts';
import type { PodSpec, Volume } from '../../generated/core-v1.ts';
import type { Findings } from '../collect.ts';

/** Leniencies: what an old object already had may stay, and a pod is stricter than a template. */
export interface PodRules {
  /** A Pod itself, not a template in another kind. */
  readonly isPod: boolean;
  readonly allowInvalidDeletionCost: boolean;
  readonly allowInvalidSelectorValues: boolean;
  readonly allowInvalidSpreadSelector: boolean;
  readonly allowInvalidNodeAffinityValues: boolean;
  readonly allowIndivisibleHugePages: boolean;
  readonly allowNonLocalTokenPath: boolean;
  /** The very spec that was found good when it was written: it is not checked again. */
  readonly sound?: PodSpec;
  readonly allowHostSysctls: boolean;
  readonly allowAnySELinuxPolicy: boolean;
  readonly allowDevicesInUserNamespace: boolean;
  readonly allowRestartingInitContainers: boolean;
}

export interface PodScope {
  readonly out: Findings;
  readonly rules: PodRules;
  readonly spec: PodSpec;
  /** The pod's name, where it is a pod: generic ephemeral volumes make claims of that name. */
  readonly podName: string;
  readonly gracePeriod: Int64 | undefined;
  readonly hostUsers: boolean;
  readonly claimNames: ReadonlySet<string>;
  /** The volumes that are sound: a mount of any other is "not found". */
  readonly volumes: Map<string, Volume>;
}

const NO_CLAIMS: ReadonlySet<string> = new Set();

export function podScope(spec: PodSpec, rules: PodRules, podName: string, out: Findings): PodScope {
  const claims = spec.resourceClaims;
  return {
    out,
    rules,
    spec,
    podName,
    gracePeriod: spec.terminationGracePeriodSeconds,
    hostUsers: spec.hostUsers !== false,
    claimNames: claims === undefined ? NO_CLAIMS : new Set(claims.map((c) => c.name ?? '').filter((n) => n !== '')),
    volumes: new Map(),
  };
}
