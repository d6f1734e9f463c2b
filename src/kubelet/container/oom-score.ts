// How early the kernel picks a container when the node's memory runs out.
// https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-out-of-memory-behavior
import type { Pod } from '../../resources/generated/core-v1.ts';
import { type ContainerRef, initContainers, isCritical, isSidecar, specOf } from '../pod/identity.ts';
import { bytes, qosClass } from './amounts.ts';

const GUARANTEED = -997;
const BEST_EFFORT = 1000;

/** What the pod requests beyond its containers, shared out among those that run together. */
function shareOfRest(pod: Pod): number {
  const whole = specOf(pod).resources?.requests;
  if (whole === undefined || Object.keys(whole).length === 0) return 0;
  const sidecars = initContainers(pod).filter(isSidecar);
  const together = [...sidecars.map((ref) => ref.spec), ...specOf(pod).containers];
  const asked = together.reduce((sum, c) => sum + bytes(c.resources?.requests, 'memory'), 0);
  return Math.trunc((bytes(whole, 'memory') - asked) / together.length);
}

export function oomScoreAdj(pod: Pod, ref: ContainerRef, memoryCapacity: number): number {
  if (isCritical(pod) && specOf(pod).priorityClassName === 'system-node-critical') return GUARANTEED;
  const qos = qosClass(pod);
  if (qos === 'Guaranteed') return GUARANTEED;
  if (qos === 'BestEffort') return BEST_EFFORT;
  const rest = shareOfRest(pod);
  const requestOf = (spec: ContainerRef['spec']): number =>
    bytes(spec.resources?.requests ?? spec.resources?.limits, 'memory') + rest;
  const scoreOf = (request: number): number => 1000 - Math.floor((1000 * request) / Math.max(memoryCapacity, 1));
  let score = scoreOf(requestOf(ref.spec));
  // A sidecar outlives the containers that it serves.
  if (isSidecar(ref)) score = Math.min(score, scoreOf(Math.min(...specOf(pod).containers.map(requestOf))));
  return Math.min(Math.max(score, 1000 + GUARANTEED), BEST_EFFORT - 1);
}
