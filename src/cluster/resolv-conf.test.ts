// When a host's resolv.conf is of no use in a pod.
import { expect, test } from 'vitest';
import { namesOnlyStubs } from './resolv-conf.ts';

test('servers on loopback that only the host reaches are told from others', () => {
  expect(namesOnlyStubs('# by systemd-resolved\nnameserver 127.0.0.53\noptions edns0\nsearch .\n')).toBe(true);
  expect(namesOnlyStubs('nameserver 127.0.0.53\nnameserver 192.0.2.1\n')).toBe(false);
  expect(namesOnlyStubs('nameserver 192.0.2.1\n# nameserver 127.0.0.53\n')).toBe(false);
  expect(namesOnlyStubs('#nameserver 127.0.0.53\n')).toBe(false);
  expect(namesOnlyStubs('')).toBe(false);
});
