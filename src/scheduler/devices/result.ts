// An allocation as a claim's status tells it: devices, their configuration, and the nodes from which they can be reached.

import { deepEqual } from '../../machinery/json.ts';
import type { NodeSelector, NodeSelectorRequirement } from '../../resources/generated/core-v1.ts';
import type {
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceClass,
  DeviceRequestAllocationResult,
  ResourceClaim,
} from '../../resources/generated/resource-v1.ts';
import type { Pick } from './constraints.ts';

function resultOf({ wanted, offer }: Pick): DeviceRequestAllocationResult {
  return {
    request: wanted.name,
    driver: offer.driver,
    pool: offer.pool.name,
    device: offer.device.name,
    ...(wanted.adminAccess === undefined ? {} : { adminAccess: wanted.adminAccess }),
    ...(wanted.tolerations.length === 0 ? {} : { tolerations: [...wanted.tolerations] }),
  };
}

/** First what classes say, each once, then what the claim says. */
function configOf(
  claim: ResourceClaim,
  picks: readonly Pick[],
  classOf: (name: string) => DeviceClass | undefined,
): DeviceAllocationConfiguration[] {
  const chosen = new Map(picks.map(({ wanted }) => [wanted.name, wanted]));
  const byClass = new Map<string, string[]>();
  for (const { name, className } of chosen.values()) byClass.set(className, [...(byClass.get(className) ?? []), name]);
  const fromClasses = [...byClass].flatMap(([name, requests]) =>
    (classOf(name)?.spec.config ?? []).map((config) => ({ source: 'FromClass', requests, ...config })),
  );
  const names = new Set([...chosen.values()].flatMap(({ name, request }) => [name, request]));
  const fromClaim = (claim.spec.devices?.config ?? [])
    .filter(({ requests = [] }) => requests.length === 0 || requests.some((name) => names.has(name)))
    .map((config) => ({ source: 'FromClaim', ...config }));
  return [...fromClasses, ...fromClaim];
}

function addNew(to: NodeSelectorRequirement[], more: readonly NodeSelectorRequirement[] | undefined): void {
  for (const one of more ?? []) if (!to.some((known) => deepEqual(known, one))) to.push(one);
}

/** Undefined when they can be reached from everywhere. */
function selectorOf(picks: readonly Pick[]): NodeSelector | undefined {
  const matchFields: NodeSelectorRequirement[] = [];
  const matchExpressions: NodeSelectorRequirement[] = [];
  for (const { offer } of picks) {
    const { nodeName = '', nodeSelector } = offer;
    if (nodeName !== '')
      return {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [nodeName] }] }],
      };
    const [term] = nodeSelector?.nodeSelectorTerms ?? [];
    addNew(matchFields, term?.matchFields);
    addNew(matchExpressions, term?.matchExpressions);
  }
  if (matchFields.length + matchExpressions.length === 0) return undefined;
  return {
    nodeSelectorTerms: [
      {
        ...(matchFields.length === 0 ? {} : { matchFields }),
        ...(matchExpressions.length === 0 ? {} : { matchExpressions }),
      },
    ],
  };
}

export function allocationOf(
  claim: ResourceClaim,
  picks: readonly Pick[],
  classOf: (name: string) => DeviceClass | undefined,
): AllocationResult {
  const config = configOf(claim, picks, classOf);
  const nodeSelector = selectorOf(picks);
  return {
    devices: { results: picks.map(resultOf), ...(config.length === 0 ? {} : { config }) },
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
  };
}
