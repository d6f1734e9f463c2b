// A pod that names its node goes there or nowhere.
import type { Plugin, Rejection } from '../framework.ts';

const rejection: Rejection = {
  plugin: 'NodeName',
  reasons: ["node(s) didn't match the requested node name"],
  resolvable: false,
};

export const nodeName: Plugin = {
  name: 'NodeName',
  weight: 0,
  wakes: new Set(['node-add']),
  begin({ pod }) {
    const wanted = pod.spec?.nodeName;
    if (wanted === undefined || wanted === '') return undefined;
    return { filter: (node) => (node.name === wanted ? undefined : rejection) };
  },
};
