// PodResize: a pod that runs on a node may not ask for more than the node has.
// Source: https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/1287-in-place-update-pod-resources
import { ApiError } from '../../machinery/errors.ts';
import { deepEqual } from '../../machinery/json.ts';
import { parseQuantity } from '../../machinery/quantity.ts';
import type { Node, Pod, PodSpec } from '../../resources/generated/core-v1.ts';
import { podRequests } from '../../resources/index.ts';
import type { LiveLookup } from './lookup.ts';
import { isResource, refuse } from './match.ts';
import type { AdmissionPlugin, AdmissionRequest } from './plugin.ts';

function refuseFor(request: AdmissionRequest, reason: string, why: string): ApiError {
  const { message, details } = refuse(request, why);
  return new ApiError({ reason: 'Forbidden', message, details: { ...details, causes: [{ reason }] } });
}

function excess(spec: PodSpec, node: Node): string[] {
  const asked = podRequests(spec);
  const allocatable = node.status?.allocatable ?? {};
  const none = parseQuantity('0');
  const over = (name: string): [string, string] | undefined => {
    const wanted = asked.get(name) ?? none;
    const has = parseQuantity(allocatable[name] ?? '0');
    if (wanted.cmp(has) <= 0) return undefined;
    const text = (q: typeof none): string => String(name === 'cpu' ? q.milliValue() : q.value());
    return [text(wanted), text(has)];
  };
  return ['cpu', 'memory'].flatMap((name) => {
    const found = over(name);
    return found === undefined ? [] : [`${name}, requested: ${found[0]}, allocatable: ${found[1]}`];
  });
}

export function podResize(lookup: LiveLookup): AdmissionPlugin {
  return {
    name: 'PodResize',
    operations: ['UPDATE'],
    async validate(request) {
      if (!isResource(request, '', 'pods', 'resize')) return;
      const { spec } = request.object as Pod;
      const name = spec?.nodeName ?? '';
      if (spec === undefined || name === '' || deepEqual(spec, (request.old as Pod).spec)) return;
      const node = (await lookup('nodes', '', name)) as Node | undefined;
      if (node === undefined) throw refuse(request, `node ${JSON.stringify(name)} not found`);
      const os = node.metadata.labels?.['kubernetes.io/os'] ?? 'linux';
      if (os !== 'linux') {
        const why = `pod resize is only supported on linux nodes, node ${JSON.stringify(name)} is ${JSON.stringify(os)}`;
        throw refuseFor(request, 'UnsupportedPlatform', why);
      }
      const over = excess(spec, node);
      if (over.length === 0) return;
      throw refuseFor(request, 'NodeCapacity', `node didn't have enough allocatable resources: ${over.join('; ')}`);
    },
  };
}
