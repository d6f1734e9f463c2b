// Names and ranges of clusters that live side by side.
import { describe, expect, it } from 'vitest';
import { clusterConfig, clusterName, nodeCapacity, octetFor, podCidrOf, usedOctets } from './config.ts';

const HEAD = 'Iface\tDestination\tGateway\tFlags\n';
const input = { dataDir: '/tmp/x', port: 1, nodes: 2, runtime: 'embedded', routes: HEAD };

describe('a cluster', () => {
  it('is called minke in the default directory and has a short name of its own elsewhere', () => {
    expect(clusterName('/var/lib/minke')).toBe('minke');
    expect(clusterName('/tmp/x')).toMatch(/^mk[0-9a-f]{6}$/);
  });

  it('takes no range that a route of the host leads to', () => {
    const own = clusterConfig(input);
    const octet = Number(own.clusterCidr.split('.')[1]);
    const hex = octet.toString(16).padStart(2, '0').toUpperCase();
    expect(usedOctets(`${HEAD}br0\t0000${hex}0A\t0\t1\n`)).toEqual(new Set([octet]));
    expect(octetFor(own.name, new Set([octet]))).toBe(octet + 1 < 224 ? octet + 1 : 128);
  });

  it('keeps the ranges it had', () => {
    const ranges = { clusterCidr: '10.1.0.0/16', serviceCidr: '10.2.0.0/16' };
    expect(clusterConfig({ ...input, ranges })).toMatchObject(ranges);
  });

  it('gives each node a /24 of its pods', () => {
    expect([0, 1, 255].map((i) => podCidrOf('10.244.0.0/16', i))).toEqual([
      '10.244.0.0/24',
      '10.244.1.0/24',
      '10.244.255.0/24',
    ]);
    expect(nodeCapacity('10.244.0.0/16')).toBe(256);
  });

  it('has room for thousands of simulated nodes, and only for those', () => {
    const many = clusterConfig({ ...input, runtime: 'simulated', nodes: 5000 });
    expect(nodeCapacity(many.clusterCidr)).toBeGreaterThanOrEqual(5000);
    expect(podCidrOf(many.clusterCidr, 4999)).toBe('100.83.135.0/24');
    expect(nodeCapacity(clusterConfig({ ...input, nodes: 5000 }).clusterCidr)).toBe(256);
  });

  it('numbers its nodes', () => {
    expect(clusterConfig(input).nodes).toEqual(['node-1', 'node-2']);
  });
});
