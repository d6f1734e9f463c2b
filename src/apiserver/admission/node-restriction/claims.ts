// What a kubelet may change of a PersistentVolumeClaim: how far its volume has grown.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
import { deepEqual } from '../../../machinery/json.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import type { PersistentVolumeClaim } from '../../../resources/generated/core-v1.ts';
import { refuse } from '../match.ts';
import type { AdmissionRequest } from '../plugin.ts';

type Parts = Readonly<Record<string, unknown>>;

/** All that has to stay, by place. */
function keptOf(object: KubeObject): Parts {
  const { metadata, status, ...rest } = object as PersistentVolumeClaim & KubeObject;
  const { resourceVersion: _version, managedFields: _fields, ...meta } = metadata;
  const { capacity: _c, conditions: _s, allocatedResources: _r, allocatedResourceStatuses: _t, ...left } = status ?? {};
  const under = (place: string, parts: object): [string, unknown][] =>
    Object.entries(parts).map(([key, value]) => [`${place}${key}`, value]);
  return Object.fromEntries([...under('', rest), ...under('metadata.', meta), ...under('status.', left)]);
}

export function checkClaim(request: AdmissionRequest, node: string): void {
  if (request.subresource !== 'status') throw refuse(request, 'may only update PVC status');
  if (request.operation !== 'UPDATE' || request.object === undefined || request.old === undefined)
    throw refuse(request, `unexpected operation ${JSON.stringify(request.operation)}`);
  const now = keptOf(request.object);
  const before = keptOf(request.old);
  const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .filter((place) => !deepEqual(before[place], now[place]))
    .sort();
  if (changed.length === 0) return;
  // Kubernetes writes a comparison here whose form it promises to nobody: the places say as much.
  const what = 'is not allowed to update fields other than status.quantity and status.conditions';
  throw refuse(request, `node ${JSON.stringify(node)} ${what}: ${changed.join(', ')}`);
}
