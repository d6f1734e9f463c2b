// Addresses, host port rules, and a real network made and removed.
import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../../host/clock.ts';
import { runProgram } from '../../host/programs.ts';
import { networkConformance, whyNoNetworks } from '../conformance.ts';
import { AddressBook } from './addresses.ts';
import { renderTable } from './host-ports.ts';
import { PodNetwork } from './network.ts';

test('addresses come in order, and the one given back comes last', () => {
  const book = new AddressBook('10.5.3.7/29');
  expect(book.gateway).toBe('10.5.3.1');
  expect([book.take(), book.take(), book.take()]).toEqual(['10.5.3.2', '10.5.3.3', '10.5.3.4']);
  book.release('10.5.3.2');
  expect([book.take(), book.take(), book.take()]).toEqual(['10.5.3.5', '10.5.3.6', '10.5.3.2']);
  expect(() => book.take()).toThrow('no IP addresses available in range 10.5.3.0/29');
});

test('an address claimed by a pod that runs already is not given', () => {
  const book = new AddressBook('10.5.3.0/24');
  book.claim('10.5.3.2');
  book.claim('192.0.2.1');
  expect(book.take()).toBe('10.5.3.3');
});

test('ranges that hold no pods are refused', () => {
  for (const bad of ['10.0.0.0', '10.0.0.0/31', '10.0.0.0/x', '300.0.0.0/24', 'fd00::/64'])
    expect(() => new AddressBook(bad)).toThrow();
});

test('the table publishes ports on every address or on one, and forgets IPv6 ones', () => {
  const input = {
    table: 't-pods',
    podCidr: '10.5.3.0/24',
    clusterCidr: '10.5.0.0/16',
    masquerade: true,
    bridgeFiltered: true,
    pods: [
      {
        ip: '10.5.3.2',
        ports: [
          { protocol: 'TCP', hostPort: 80, containerPort: 8080, hostIp: '' },
          { protocol: 'UDP', hostPort: 53, containerPort: 53, hostIp: '127.0.0.1' },
          { protocol: 'TCP', hostPort: 81, containerPort: 81, hostIp: '::1' },
        ],
      },
    ],
  } as const;
  const table = renderTable(input);
  expect(table).toContain('elements = { tcp . 80 : 10.5.3.2 . 8080 }');
  expect(table).toContain('elements = { 127.0.0.1 . udp . 53 : 10.5.3.2 . 53 }');
  expect(table).not.toContain('81');
  expect(table).toContain('ip saddr 10.5.3.0/24 ip daddr != 10.5.0.0/16');
  expect(table).toContain('hairpins { type ipv4_addr . ipv4_addr; elements = { 10.5.3.2 . 10.5.3.2 }; }');
  // Where rules do not see what goes over the bridge, answers would not find back.
  const within = 'ip saddr 10.5.3.0/24 ip daddr 10.5.3.0/24 masquerade';
  expect(table).not.toContain(within);
  expect(renderTable({ ...input, bridgeFiltered: false })).toContain(within);
});

const ip = async (...args: string[]) => (await runProgram('ip', args)).stdout.toString();

networkConformance({
  name: 'the network that Minke makes',
  addresses: '10.234.0.',
  prefix: 'mknet',
  open: () =>
    new PodNetwork({
      name: 'mknet',
      podCidr: '10.234.0.0/24',
      clusterCidr: '10.234.0.0/16',
      serviceCidr: '10.235.0.0/16',
      clock: systemClock,
      log: () => undefined,
    }),
  leftovers: async () => [
    ...(await readdir('/sys/class/net')).filter((n) => n.startsWith('mknet')),
    ...(await ip('route')).split('\n').filter((line) => line.includes('10.234.') || line.includes('10.235.')),
    ...(await runProgram('nft', ['list', 'tables'])).stdout
      .toString()
      .split('\n')
      .filter((t) => t.includes('mknet')),
  ],
});

test.skipIf(whyNoNetworks() !== undefined)(
  'the ranges of pods and Services lead nowhere else while it is there',
  async () => {
    const network = new PodNetwork({
      name: 'mknex',
      podCidr: '10.224.0.0/24',
      clusterCidr: '10.224.0.0/16',
      serviceCidr: '10.225.0.0/16',
      clock: systemClock,
      log: () => undefined,
    });
    await network.start([]);
    const routes = await ip('route');
    await network.destroy();
    expect(routes).toContain('unreachable 10.224.0.0/16');
    expect(routes).toContain('unreachable 10.225.0.0/16');
  },
);
