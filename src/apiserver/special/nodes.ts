// Finds the node of a pod, and the container that a request means, for logs, exec, attach and port-forward.

import type { NodeApi, NodeConnector } from '../../client/node-api.ts';
import { ApiError, badRequest, notFound } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';

export type StoredPod = Pod & KubeObject;

export function containerNames(pod: StoredPod): string[] {
  const { spec } = pod;
  const all = [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])];
  return all.map((container) => container.name);
}

export interface ContainerChoice {
  readonly pod: StoredPod;
  readonly wanted: string;
}

/** The container asked for; the only one when none is named. */
export function chooseContainer({ pod, wanted }: ContainerChoice): string {
  const name = pod.metadata.name ?? '';
  const names = containerNames(pod);
  if (wanted !== '') {
    if (names.includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${name}`);
  }
  const [only, ...more] = pod.spec?.containers ?? [];
  // Init and ephemeral containers beside it make no difference.
  if (only !== undefined && more.length === 0) return only.name;
  if (only === undefined) throw badRequest(`a container name must be specified for pod ${name}`);
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]`);
}

/** The API of a pod's node. */
export async function nodeApiOf(connector: NodeConnector | undefined, nodeName: string): Promise<NodeApi> {
  if (connector === undefined) throw notFound({ group: '', resource: 'nodes' }, nodeName);
  try {
    return await connector(nodeName);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new ApiError({
      reason: 'ServiceUnavailable',
      message: `error trying to reach node ${nodeName}: ${text}`,
      cause: error,
    });
  }
}
