// A port of a host goes to one pod only.
import type { Plugin, Rejection } from '../framework.ts';
import type { HostPort } from '../node-info.ts';

const rejection: Rejection = {
  plugin: 'NodePorts',
  reasons: ["node(s) didn't have free ports for the requested pod ports"],
  resolvable: true,
};

function clash(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
}

export const nodePorts: Plugin = {
  name: 'NodePorts',
  weight: 0,
  wakes: new Set(['node-add', 'pod-gone']),
  begin({ ports }) {
    if (ports.length === 0) return undefined;
    return {
      filter(node) {
        for (const other of node.pods.values())
          for (const taken of other.ports) if (ports.some((port) => clash(port, taken))) return rejection;
        return undefined;
      },
    };
  },
};
