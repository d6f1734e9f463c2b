// Where requests to a Service go: to its ready endpoints, else to its own address.
import { expect, test } from 'vitest';
import { addressOfService, readyEndpoints } from './service-address.ts';

const random = { uuid: () => '', suffix: () => '', float: () => 0.6 };
const service = (spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'hook' }, spec });
const slice = (port: number | undefined, endpoints: readonly object[]) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {},
  addressType: 'IPv4',
  ports: port === undefined ? [] : [{ name: 'https', port }],
  endpoints: endpoints as { addresses: string[] }[],
});
const two = slice(8443, [
  { addresses: ['10.0.0.1'], conditions: { ready: false } },
  { addresses: ['10.0.0.2'], conditions: { ready: true } },
  { addresses: ['10.0.0.3'] },
]);
const hook = service({ clusterIP: '10.96.0.7', ports: [{ name: 'https', port: 443 }] });

test('a request goes to one of the ready endpoints, at the port they listen on', () => {
  expect(readyEndpoints([two, slice(undefined, [{ addresses: ['10.0.0.9'] }])], 'https')).toEqual([
    { host: '10.0.0.2', port: 8443 },
    { host: '10.0.0.3', port: 8443 },
  ]);
  expect(addressOfService(hook, [two], { port: 443, random })).toEqual({ host: '10.0.0.3', port: 8443 });
});

test('a Service without ready endpoints is tried at its own address, one outside by its name', () => {
  expect(addressOfService(hook, [], { port: 443, random })).toEqual({ host: '10.96.0.7', port: 443 });
  const outside = service({ type: 'ExternalName', externalName: 'sea.example.com' });
  expect(addressOfService(outside, [], { port: 80, random })).toEqual({ host: 'sea.example.com', port: 80 });
});

test('a port that the Service has not, and a Service without an address, lead nowhere', () => {
  expect(() => addressOfService(hook, [two], { port: 80, random })).toThrow(
    'no service port 80 found for service "hook"',
  );
  const headless = service({ clusterIP: 'None', ports: [{ port: 443 }] });
  expect(() => addressOfService(headless, [two], { port: 443, random })).toThrow('ClusterIP "None"');
});
