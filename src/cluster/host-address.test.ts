// Which link the default route leaves by.
import { expect, it } from 'vitest';
import { defaultLink } from './host-address.ts';

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';

it('is the link of a route to everywhere that is up', () => {
  const table = `${HEAD}br0\t0000F40A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\neth1\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`;
  expect(defaultLink(table)).toBe('eth1');
});

it('is none where there is no such route', () => {
  expect(defaultLink(`${HEAD}br0\t0000F40A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n`)).toBeUndefined();
});
