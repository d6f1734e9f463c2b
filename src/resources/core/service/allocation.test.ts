// The parts of a Service that an API server hands out: what is settled, what is still needed.
import { describe, expect, test } from 'vitest';
import type { Service, ServiceSpec } from '../../generated/core-v1.ts';
import { type IPFamily, serviceNeeds, settleFamilies } from './allocation.ts';

function service(spec: ServiceSpec): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'x' },
    spec: { type: 'ClusterIP', ...spec },
  } as Service;
}

function settle(spec: ServiceSpec, families: readonly IPFamily[] = ['IPv4']): unknown {
  const object = service(spec);
  const errors = settleFamilies(object, families);
  if (errors.length > 0) return errors.map((error) => `${error.field}: ${error.body}`);
  return [object.spec?.ipFamilyPolicy, ...(object.spec?.ipFamilies ?? [])];
}

describe('settling address families', () => {
  const BOTH: IPFamily[] = ['IPv6', 'IPv4'];
  const cases: [what: string, spec: ServiceSpec, families: IPFamily[], want: unknown][] = [
    ['nothing said', {}, ['IPv4'], ['SingleStack', 'IPv4']],
    ['nothing said, two families', {}, BOTH, ['SingleStack', 'IPv6']],
    ['an address says its family', { clusterIPs: ['10.0.0.3'] }, BOTH, ['SingleStack', 'IPv4']],
    ['both preferred, one there', { ipFamilyPolicy: 'PreferDualStack' }, ['IPv4'], ['PreferDualStack', 'IPv4']],
    ['both preferred', { ipFamilyPolicy: 'PreferDualStack' }, BOTH, ['PreferDualStack', 'IPv6', 'IPv4']],
    [
      'both required, order given',
      { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4'] },
      BOTH,
      ['RequireDualStack', 'IPv4', 'IPv6'],
    ],
    [
      'both required, one there',
      { ipFamilyPolicy: 'RequireDualStack' },
      ['IPv4'],
      [
        'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
      ],
    ],
    [
      'a family not there',
      { ipFamilies: ['IPv6'] },
      ['IPv4'],
      ['spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
    ],
    [
      'an address of a family not there',
      { clusterIPs: ['fd00::1'] },
      ['IPv4'],
      ['spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster'],
    ],
    [
      'headless without selector',
      { clusterIP: 'None', clusterIPs: ['None'] },
      ['IPv4'],
      ['RequireDualStack', 'IPv4', 'IPv6'],
    ],
    [
      'headless with selector',
      { clusterIP: 'None', clusterIPs: ['None'], selector: { a: 'b' } },
      ['IPv4'],
      ['SingleStack', 'IPv4'],
    ],
    [
      'two families without a policy',
      { ipFamilies: ['IPv4', 'IPv6'] },
      BOTH,
      [
        "spec.ipFamilyPolicy: Required value: must be RequireDualStack or PreferDualStack when multiple 'ipFamilies' are specified",
      ],
    ],
    ['an external name', { type: 'ExternalName' }, ['IPv4'], [undefined]],
  ];
  test.each(cases)('%s', (_what, spec, families, want) => {
    expect(settle(spec, families)).toEqual(want);
  });
});

describe('what is to be handed out', () => {
  const NOTHING = { clusterIPs: [], givenIPs: [], nodePorts: [], givenNodePorts: [], healthCheckNodePort: false };
  const cases: [what: string, spec: ServiceSpec, want: object][] = [
    ['an address', { ipFamilies: ['IPv4'] }, { clusterIPs: ['IPv4'] }],
    [
      'the second address',
      { ipFamilies: ['IPv4', 'IPv6'], clusterIPs: ['10.0.0.1'] },
      { clusterIPs: ['IPv6'], givenIPs: ['10.0.0.1'] },
    ],
    ['nothing for headless', { ipFamilies: ['IPv4'], clusterIPs: ['None'] }, {}],
    ['nothing for external names', { type: 'ExternalName' }, {}],
    [
      'node ports',
      { type: 'NodePort', ports: [{ port: 1 }, { port: 2, nodePort: 30000, protocol: 'UDP' }] },
      { nodePorts: [0], givenNodePorts: [{ index: 1, port: 30000, protocol: 'UDP' }] },
    ],
    [
      'a port of health checks',
      { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
      { healthCheckNodePort: true },
    ],
    [
      'no node ports unless wanted',
      { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{ port: 1 }] },
      {},
    ],
  ];
  test.each(cases)('%s', (_what, spec, want) => {
    expect(serviceNeeds(service(spec))).toEqual({ ...NOTHING, ...want });
  });
});
