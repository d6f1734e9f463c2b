// Says of every FlowSchema whether the priority level that it names is there.
// Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
import type { KubeObject } from '../../machinery/object.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../../resources/generated/flowcontrol-v1.ts';
import type { LiveCache } from '../registry/live-cache.ts';
import type { Write } from './keeper.ts';

const API = 'flowcontrol.apiserver.k8s.io/v1';
const MANAGER = 'api-priority-and-fairness-config-consumer-v1';

export function planFlowSchemas(
  schemas: LiveCache<FlowSchema & KubeObject>,
  levels: LiveCache<PriorityLevelConfiguration & KubeObject>,
  now: number,
): Write[] {
  const writes: Write[] = [];
  for (const schema of schemas.list()) {
    const { name = '' } = schema.metadata;
    const level = schema.spec?.priorityLevelConfiguration?.name ?? '';
    const isThere = levels.get(level) !== undefined;
    const about = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`;
    const condition = {
      type: 'Dangling',
      status: isThere ? 'False' : 'True',
      reason: isThere ? 'Found' : 'NotFound',
      message: isThere ? `${about} and it exists` : `${about} but there is no such object`,
    };
    const told = schema.status?.conditions?.find(({ type }) => type === 'Dangling');
    if (told?.status === condition.status && told.reason === condition.reason && told.message === condition.message)
      continue;
    const conditions = [{ ...condition, lastTransitionTime: rfc3339(now) }];
    writes.push({
      method: 'PATCH',
      path: `/apis/${API}/flowschemas/${encodeURIComponent(name)}/status?fieldManager=${MANAGER}&force=true`,
      body: { apiVersion: API, kind: 'FlowSchema', metadata: { name }, status: { conditions } },
    });
  }
  return writes;
}
