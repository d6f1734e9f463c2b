// What of Services becomes rules: the whole table for one of each kind, and what has none.
import { expect, test } from 'vitest';
import type { EndpointSlice } from '../../resources/generated/discovery-v1.ts';
import { transaction } from './table.ts';
import { type ServiceOptions, service, slice, tableOf } from './testbed.ts';

const open = (spec: ServiceOptions['spec']): ServiceOptions => ({
  spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080, protocol: 'TCP' }], ...spec },
});
const UDP: EndpointSlice['ports'] = [{ name: 'dns', port: 53, protocol: 'UDP' }];
const SCTP: EndpointSlice['ports'] = [{ name: '', port: 9, protocol: 'SCTP' }];

test('the table of a Service of each kind', async () => {
  const udp = { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] };
  const balanced = {
    type: 'LoadBalancer',
    ports: [{ port: 80, nodePort: 30_081, protocol: 'TCP' }],
    loadBalancerSourceRanges: ['203.0.113.0/24', ' 198.51.100.0/28'],
  };
  const services = [
    service('plain', '10.96.0.2'),
    service('open', '10.96.0.3', open({ externalIPs: ['198.51.100.7'] })),
    service('balanced', '10.96.0.4', {
      spec: balanced,
      status: { loadBalancer: { ingress: [{ ip: '198.51.100.8' }] } },
    }),
    service('dns', '10.96.0.5', { spec: udp }),
    service('stream', '10.96.0.6', { spec: { ports: [{ port: 9, protocol: 'SCTP' }] } }),
    service('empty', '10.96.0.7', open({ ports: [{ port: 80, nodePort: 30_082, protocol: 'TCP' }] })),
  ];
  const slices = [
    slice('plain', ['10.244.0.2', '10.244.1.2', '!10.244.0.3']),
    slice('open', ['10.244.0.4']),
    slice('balanced', ['10.244.0.5']),
    slice('dns', ['10.244.0.6'], UDP),
    slice('stream', ['10.244.0.7'], SCTP),
    slice('empty', ['!10.244.0.8']),
  ];
  const own = { address: '10.244.0.1', ports: [{ protocol: 'tcp', port: 6443 } as const] };
  await expect(tableOf(services, slices, { own }).body).toMatchFileSnapshot('./testdata/plain.nft');
});

test('the table of Services that do not lead everybody to every endpoint', async () => {
  const services = [
    service('sticky', '10.96.0.2', { spec: { sessionAffinity: 'ClientIP' } }),
    service('inside', '10.96.0.3', { spec: { internalTrafficPolicy: 'Local' } }),
    service('outside', '10.96.0.4', open({ externalTrafficPolicy: 'Local' })),
  ];
  const slices = [
    slice('sticky', ['10.244.0.2', '10.244.1.2']),
    slice('inside', ['10.244.0.3@node-1', '10.244.0.4@node-1']),
    slice('outside', ['10.244.0.5@node-1', '192.0.2.9']),
  ];
  await expect(tableOf(services, slices).body).toMatchFileSnapshot('./testdata/choosy.nft');
});

const nothing = tableOf([], []).body;

test('headless Services, ExternalNames, IPv6 and those of another proxy have no rules', () => {
  const other = { 'service.kubernetes.io/service-proxy-name': 'another' };
  const services = [
    service('a', 'None'),
    service('b', '', { spec: { type: 'ExternalName', externalName: 'example.com' } }),
    service('c', 'fd00::5'),
    service('d', '10.96.0.2', { labels: other }),
  ];
  expect(tableOf(services, [slice('a', ['10.244.0.2']), slice('d', ['10.244.0.2'])]).body).toBe(nothing);
});

test('what is no address, port or range never gets into the table', () => {
  const bad = '10.96.0.9 }; flush ruleset; #';
  const spec = {
    type: 'LoadBalancer',
    externalIPs: [bad, 'fd00::1'],
    loadBalancerSourceRanges: [bad, '10.0.0.0/40', '10.0.0.0/8/8'],
    ports: [{ port: 80, nodePort: 700_000, protocol: 'TCP' }],
  };
  const status = { loadBalancer: { ingress: [{ ip: bad }, { hostname: bad }] } };
  const clean = { spec: { ...spec, externalIPs: [], loadBalancerSourceRanges: [] } };
  const slices = [slice('web', [bad, 'fd00::2'])];
  expect(tableOf([service('web', '10.96.0.2', { spec, status })], slices).body).toBe(
    tableOf([service('web', '10.96.0.2', clean)], slices).body,
  );
  expect(tableOf([service('web', bad)], slices).body).toBe(nothing);
});

test('of two Services that claim one external address the older one has it', () => {
  const claim = { spec: { externalIPs: ['198.51.100.7'] } };
  const young = service('a', '10.96.0.2', claim);
  const old = service('b', '10.96.0.3', claim);
  young.metadata.creationTimestamp = '2026-01-02T00:00:00Z';
  old.metadata.creationTimestamp = '2026-01-01T00:00:00Z';
  const { body } = tableOf([young, old], [slice('a', ['10.244.0.2']), slice('b', ['10.244.0.3'])]);
  expect(body).toContain('198.51.100.7 . tcp . 80 . 0 : 10.244.0.3 . 8080');
  expect(body).not.toContain('198.51.100.7 . tcp . 80 . 0 : 10.244.0.2 . 8080');
});

test('a number of endpoints costs a chain, a Service does not', () => {
  const many = Array.from({ length: 1000 }, (_, i) => service(`s${i}`, `10.96.${i >> 8}.${i & 255}`));
  const slices = many.map((one, i) => slice(one.metadata.name ?? '', [`10.244.${i >> 8}.${i & 255}`]));
  const chains = (body: string) => body.split('\n').filter((line) => line.startsWith('  chain ')).length;
  expect(chains(tableOf(many, slices).body)).toBe(chains(tableOf(many.slice(0, 1), slices).body));
});

test('a transaction keeps what clients are remembered by, as long as their endpoint is there', () => {
  const sticky = service('sticky', '10.96.0.2', { spec: { sessionAffinity: 'ClientIP' } });
  const two = tableOf([sticky], [slice('sticky', ['10.244.0.2', '10.244.1.2'])]);
  const one = tableOf([sticky], [slice('sticky', ['10.244.0.2'])]);
  const [kept, gone] = [...two.remembered];
  expect(transaction('t', undefined, two)).toContain('delete table ip t\n');
  expect(transaction('t', tableOf([], []), two)).toContain('delete table ip t\n');
  const text = transaction('t', two, one);
  expect(text).not.toContain('delete table');
  expect(text).toContain(`delete set ip t ${gone}\n`);
  expect(text).not.toContain(`delete set ip t ${kept}\n`);
});
