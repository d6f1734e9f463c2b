// How requests to the kernel are spelled, and links, addresses and routes that it makes of them, as iproute2 reads them back.
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import {
  addBridge,
  changeBridge,
  deleteLink,
  deleteRoute,
  getLink,
  indexOf,
  setAddress,
  setRoute,
  setUp,
} from './links.ts';
import { inNamespaces } from './namespaces.ts';
import { SystemError } from './native.ts';
import { ask, attribute, decodeAnswers, encodeRequests, openNetlink } from './netlink.ts';
import { makeLink, removeSpaces, spaces } from './network-namespaces.ts';
import { runProgram } from './programs.ts';

const hex = (bytes: Buffer) => bytes.toString('hex');
const root = process.getuid?.() === 0;

test('attributes say their length, and are padded to four bytes', () => {
  expect(hex(attribute(3, 'eth0'))).toBe('09000300657468300000000' + '0');
  expect(hex(attribute(4, 1400))).toBe('0800040078050000');
  expect(hex(attribute(18, [attribute(1, 'x'), attribute(4, 1)]))).toBe(
    '14001200' + '0600010078000000' + '0800040001000000',
  );
});

test('requests are numbered and want an answer', () => {
  const bytes = encodeRequests([setUp(1), deleteLink('a')]);
  expect(hex(bytes.subarray(0, 16))).toBe('20000000' + '1000' + '0500' + '01000000' + '00000000');
  expect(bytes.readUInt32LE(32)).toBe(16 + 16 + 8);
  expect(bytes.length).toBe(32 + 40);
  expect(decodeAnswers(bytes).map((a) => [a.serial, a.type])).toEqual([
    [1, 16],
    [2, 17],
  ]);
});

test('what is cut off is not read', () => {
  const bytes = encodeRequests([setUp(1)]);
  expect(decodeAnswers(bytes.subarray(0, 10))).toEqual([]);
  expect(decodeAnswers(Buffer.alloc(64))).toEqual([]);
});

describe.skipIf(!root)('in a namespace of its own', () => {
  const NAME = `mknl-${process.pid}`;
  const ip = async (...args: string[]) => (await runProgram('ip', ['-n', NAME, ...args])).stdout.toString();

  test('a bridge, its address and routes come and go', async () => {
    await runProgram('ip', ['netns', 'add', NAME]);
    const socket = inNamespaces({ net: `/run/netns/${NAME}` }, openNetlink);
    try {
      await ask(socket, [addBridge('b0'), addBridge('b0')]); // one that is there already is kept
      await ask(socket, [changeBridge('b0', { address: '0a:58:0a:01:02:03', mtu: 1300, callsIptables: false })]);
      const link = indexOf(await ask(socket, [getLink('b0')]));
      const nowhere = { to: '10.9.0.0/16', metric: 4_278_198_272 };
      const service = { to: '10.8.0.0/16', link, source: '10.1.2.3' };
      await ask(socket, [
        setAddress(link, '10.1.2.3', 24),
        setAddress(link, '10.1.2.3', 24),
        setRoute(nowhere),
        setRoute(service),
      ]);
      await ask(socket, [setRoute({ link, gateway: '10.1.2.1' }), setRoute({ link, gateway: '10.1.2.2' })]);
      expect(await ip('-br', 'link', 'show', 'b0')).toMatch(/^b0 .*0a:58:0a:01:02:03 <.*\bUP\b/);
      expect(await ip('-o', '-4', 'addr', 'show', 'b0')).toContain('inet 10.1.2.3/24 scope global b0');
      expect(await ip('link', 'show', 'b0')).toContain('mtu 1300');
      const routes = await ip('route');
      expect(routes).toContain('unreachable 10.9.0.0/16 metric 4278198272');
      expect(routes).toMatch(/^10\.8\.0\.0\/16 dev b0 scope link src 10\.1\.2\.3/m);
      expect(routes.match(/^default .*$/gm)).toEqual([expect.stringContaining('default via 10.1.2.2 dev b0')]);
      await ask(socket, [deleteRoute(nowhere), deleteRoute(nowhere)]);
      expect(await ip('route')).not.toContain('10.9.0.0');
      await ask(socket, [deleteLink('b0'), deleteLink('b0')]);
      expect(await ip('link')).not.toContain('b0');
    } finally {
      closeSync(socket);
      await runProgram('ip', ['netns', 'del', NAME]);
    }
  });

  test('a refusal names what was asked for, and the rest is done', async () => {
    await runProgram('ip', ['netns', 'add', NAME]);
    const socket = inNamespaces({ net: `/run/netns/${NAME}` }, openNetlink);
    try {
      const refused = ask(socket, [setUp(77), addBridge('b1'), setUp(78)]);
      await expect(refused).rejects.toThrow(new SystemError('set link 77 up', constants.errno.ENODEV));
      expect(await ip('link')).toContain('b1');
    } finally {
      closeSync(socket);
      await runProgram('ip', ['netns', 'del', NAME]);
    }
  });

  test('of a link that cannot be made nothing remains', async () => {
    const inside = { name: 'eth0', mac: '0a:58:0a:01:02:04', address: '10.1.2.4', prefix: 24, gateway: '192.0.2.1' };
    // The gateway cannot be reached from the address: the last step fails.
    const link = { name: `${NAME}x`.slice(0, 15), bridge: 'no-such-bridge', inside };
    await expect(makeLink(link)).rejects.toThrow(/ENOENT/);
    await runProgram('ip', ['link', 'add', 'mknlbr0', 'type', 'bridge']);
    try {
      await expect(makeLink({ ...link, bridge: 'mknlbr0' })).rejects.toThrow(/set route default: ENETUNREACH/);
      expect(spaces()).not.toContain(link.name);
      expect((await runProgram('ip', ['link'])).stdout.toString()).not.toContain(link.name);
      await makeLink({ ...link, bridge: 'mknlbr0', inside: { ...inside, gateway: '10.1.2.1' } });
      expect(spaces()).toContain(link.name);
      await expect(makeLink({ ...link, bridge: 'mknlbr0' })).rejects.toThrow(/EEXIST/);
      await removeSpaces([link.name, 'never-there']);
      expect(spaces()).not.toContain(link.name);
    } finally {
      await runProgram('ip', ['link', 'del', 'mknlbr0']);
    }
  });
});
