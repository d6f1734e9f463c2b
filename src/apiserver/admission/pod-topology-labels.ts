// Tells pods by labels in which zone and region their node is.
// Source: https://kep.k8s.io/4742
import type { Binding, Pod } from '../../resources/generated/core-v1.ts';
import type { LiveLookup } from './lookup.ts';
import { isResource } from './match.ts';
import type { AdmissionPlugin } from './plugin.ts';

const LABELS = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

export function podTopologyLabels(lookup: LiveLookup): AdmissionPlugin {
  return {
    name: 'PodTopologyLabels',
    operations: ['CREATE'],
    async admit(request) {
      const { object } = request;
      if (object === undefined) return;
      let node: string | undefined;
      if (isResource(request, '', 'pods')) node = (object as Pod).spec?.nodeName;
      // A binding's labels become the pod's.
      else if (isResource(request, '', 'pods', 'binding')) {
        const { target } = object as unknown as Binding;
        node = target.kind === 'Node' ? target.name : undefined;
      }
      if (node === undefined || node === '') return;
      const labels = (await lookup('nodes', '', node))?.metadata.labels ?? {};
      const told = LABELS.flatMap((key) => (labels[key] === undefined ? [] : [[key, labels[key]] as const]));
      if (told.length > 0) object.metadata.labels = { ...object.metadata.labels, ...Object.fromEntries(told) };
    },
  };
}
