// What may be sent where, when pods are simulated.
import { expect, test } from 'vitest';
import { reachCheck } from './no-wire.ts';

test('addresses in the ranges have no route, whatever form they are written in; others and names have', () => {
  const check = reachCheck(['10.129.0.0/16', '10.97.0.0/16']);
  for (const host of ['10.129.3.4', '10.97.0.1', '::ffff:10.129.3.4'])
    expect(() => check({ host, port: 80 })).toThrow(`dial tcp ${host}:80: connect: no route to host`);
  for (const host of ['10.130.0.1', '127.0.0.1', 'fd00::1', 'example.org'])
    expect(() => check({ host, port: 80 })).not.toThrow();
});

test('without ranges everything has a route', () => {
  expect(() => reachCheck([])({ host: '10.129.3.4', port: 80 })).not.toThrow();
});
