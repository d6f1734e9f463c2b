// A pod with claims for devices goes where its devices can be reached, or where there are such as it asks for.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import { nodeSelectorMatches, objectKey } from '../../client/index.ts';
import type { ResourceClaim } from '../../resources/generated/resource-v1.ts';
import { allocate, noClass } from '../devices/allocate.ts';
import { wantedOf } from '../devices/requests.ts';
import type { Cycle, Devices, Plugin, Rejection } from '../framework.ts';

const NAME = 'DynamicResources';

function because(reason: string): Rejection {
  return { plugin: NAME, reasons: [reason], resolvable: false };
}

const NOTHING_TO_HAVE = because('cannot allocate all claims');
const OUT_OF_REACH = because('resourceclaim not available on the node');

/** Why no node will do. */
function refusal(open: readonly ResourceClaim[], devices: Devices): Rejection | undefined {
  const busy = open.find((claim) => devices.isPromised(claim));
  if (busy !== undefined) return because(`resource claim ${objectKey(busy)} is in the process of being allocated`);
  const { classOf } = devices.world;
  const unknown = open
    .flatMap(wantedOf)
    .flat()
    .find((wanted) => classOf(wanted.className) === undefined);
  return unknown === undefined ? undefined : because(noClass(unknown));
}

function cycle(claims: readonly ResourceClaim[], devices: Devices): Cycle {
  const open = claims.filter((claim) => claim.status?.allocation === undefined);
  const reject = refusal(open, devices);
  if (reject !== undefined) return { reject };
  const { world } = devices;
  return {
    filter: (node) => {
      if (claims.some((claim) => !nodeSelectorMatches(claim.status?.allocation?.nodeSelector, node)))
        return OUT_OF_REACH;
      return open.length === 0 || allocate(world, open, node) !== undefined ? undefined : NOTHING_TO_HAVE;
    },
  };
}

export const dynamicResources: Plugin = {
  name: NAME,
  weight: 0,
  wakes: new Set(['node-add', 'node-update', 'claim']),
  begin({ pod }, { devices }) {
    if ((pod.spec?.resourceClaims ?? []).length === 0) return undefined;
    const claims = devices.claimsOf(pod);
    return claims === undefined ? { filter: () => NOTHING_TO_HAVE } : cycle(claims, devices);
  },
};
