// Which UDP clients are to be forgotten when endpoints come and go.
import { expect, test } from 'vitest';
import type { EndpointSlice } from '../../resources/generated/discovery-v1.ts';
import { serviceRoutes } from './routes.ts';
import { service, slice } from './testbed.ts';
import { forgotten, udpFlows } from './udp-flows.ts';

const ports: EndpointSlice['ports'] = [{ name: '', port: 53, protocol: 'UDP' }];
const dns = service('dns', '10.96.0.10', {
  spec: { type: 'NodePort', ports: [{ port: 53, nodePort: 30_053, protocol: 'UDP' }] },
});
const flows = (...endpoints: string[]) => udpFlows(serviceRoutes([dns], () => [slice('dns', endpoints, ports)]));
const args = (before: string[], after: string[]) =>
  forgotten(flows(...before), flows(...after)).map((one) => one.slice(3).join(' '));

test('those of an endpoint that went, by each address', () => {
  expect(args(['10.244.0.2', '10.244.0.3'], ['10.244.0.3', '10.244.0.4'])).toEqual([
    '--orig-dst 10.96.0.10 --orig-port-dst 53 --dst-nat 10.244.0.2',
    '--orig-port-dst 30053 --dst-nat 10.244.0.2',
  ]);
});

test('those that were led nowhere before', () => {
  expect(args([], ['10.244.0.2'])).toEqual(['--orig-dst 10.96.0.10 --orig-port-dst 53', '--orig-port-dst 30053']);
});

test('nobody while endpoints stay, and nobody who speaks TCP', () => {
  expect(args(['10.244.0.2'], ['10.244.0.2'])).toEqual([]);
  expect(udpFlows(serviceRoutes([service('web', '10.96.0.11')], () => [slice('web', ['10.244.0.2'])])).size).toBe(0);
});
