// Which leniencies hold for a pod spec: what the old object already had wrong may stay wrong.

import { FieldPath } from '../../../machinery/field-error.ts';
import type { PodAffinity, PodSpec } from '../../generated/core-v1.ts';
import { type StringMap, selectorHasInvalidValues, validateLabelSelector } from '../labels.ts';
import { isHugePages, isWholePages } from '../resource-names.ts';
import { hasInvalidDeletionCost } from './annotations.ts';
import { restartsToResize } from './containers.ts';
import { hasInvalidValues } from './node-selectors.ts';
import type { PodRules } from './scope.ts';
import { sharedWithHost } from './security.ts';
import { allContainers } from './visit.ts';

const STRICT_TEMPLATE: PodRules = {
  isPod: false,
  allowInvalidDeletionCost: false,
  allowInvalidSelectorValues: false,
  allowInvalidSpreadSelector: false,
  allowInvalidNodeAffinityValues: false,
  allowIndivisibleHugePages: false,
  allowNonLocalTokenPath: false,
  allowHostSysctls: false,
  allowAnySELinuxPolicy: false,
  allowDevicesInUserNamespace: false,
  allowRestartingInitContainers: false,
};

const STRICT_POD: PodRules = { ...STRICT_TEMPLATE, isPod: true };

export interface OldPod {
  readonly spec: PodSpec;
  readonly annotations: StringMap | undefined;
}

export function podRules(isPod: boolean, old?: OldPod): PodRules {
  const strict = isPod ? STRICT_POD : STRICT_TEMPLATE;
  if (old === undefined) return strict;
  const { spec } = old;
  return {
    isPod,
    allowInvalidDeletionCost: hasInvalidDeletionCost(old.annotations),
    allowInvalidSelectorValues:
      affinityHasInvalidValues(spec.affinity?.podAffinity) || affinityHasInvalidValues(spec.affinity?.podAntiAffinity),
    allowInvalidSpreadSelector: (spec.topologySpreadConstraints ?? []).some(
      (c) => validateLabelSelector(c.labelSelector, FieldPath.of()).length > 0,
    ),
    allowInvalidNodeAffinityValues: hasInvalidValues(
      spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution,
    ),
    allowIndivisibleHugePages: usesPartialPages(spec),
    allowNonLocalTokenPath: hasNonLocalTokenPath(spec),
    sound: spec,
    allowHostSysctls: (spec.securityContext?.sysctls ?? []).some(
      (s) => sharedWithHost(s.name ?? '', spec) !== undefined,
    ),
    allowAnySELinuxPolicy: spec.securityContext?.seLinuxChangePolicy !== undefined,
    allowDevicesInUserNamespace:
      spec.hostUsers === false && allContainers(spec).some((c) => (c.volumeDevices ?? []).length > 0),
    allowRestartingInitContainers: (spec.initContainers ?? []).some(restartsToResize),
  };
}

function affinityHasInvalidValues(affinity: PodAffinity | undefined): boolean {
  if (affinity === undefined) return false;
  const terms = [
    ...(affinity.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((t) => t.podAffinityTerm),
  ];
  return terms.some(
    (t) => selectorHasInvalidValues(t?.labelSelector) || selectorHasInvalidValues(t?.namespaceSelector),
  );
}

function usesPartialPages(spec: PodSpec): boolean {
  return allContainers(spec).some((container) =>
    [container.resources?.limits, container.resources?.requests].some((list) =>
      Object.keys(list ?? {}).some((name) => isHugePages(name) && !isWholePages(name, String(list?.[name]))),
    ),
  );
}

function hasNonLocalTokenPath(spec: PodSpec): boolean {
  return (spec.volumes ?? []).some((volume) =>
    (volume.projected?.sources ?? []).some((source) => {
      const path = source.serviceAccountToken?.path ?? '';
      return path.startsWith('/') || path.startsWith('..') || path.split('/').includes('..');
    }),
  );
}
